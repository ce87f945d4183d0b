"""A music library: its sources, requests, own tracks and rejected rows."""

from collections.abc import Sequence
from typing import Literal

from quintet_client.models.answers import Answer, Page


class Progress(Answer):
    """Steps done and in all; a total of 0 means that it is not known yet."""

    done: int
    total: int


class MusicSource(Answer):
    """A source of a listener's own music; times are ISO 8601 in UTC, empty before the first."""

    name: str
    kind: str  # folder, subsonic, jellyfin, beets or reccobeats
    address: str
    credential: str  # where its secret is: env:NAME or file:PATH
    play_allowed: bool
    added_at: str
    started_at: str
    synced_at: str
    last_error: str  # of the last sync; empty if it succeeded
    present: int
    absent: int
    quarantined: int
    sync: Progress
    analysis: Progress


class LibraryRequest(Answer):
    """A request for work on a source."""

    id: int
    action: Literal["add", "sync", "analyse", "remove", "push"]
    source: str
    state: Literal["queued", "running", "done", "failed"]
    message: str
    requested_at: str
    started_at: str
    ended_at: str
    seconds_left: float | None


class Library(Answer):
    """All sources, the latest requests with the newest first, and whether a worker runs."""

    worker_running: bool
    worker_command: str
    sources: tuple[MusicSource, ...]
    requests: tuple[LibraryRequest, ...]


class Quarantined(Answer):
    """A file or song that could not be read or analysed."""

    item_id: str
    stage: Literal["sync", "analysis"]
    path: str
    reason: str
    quarantined_at: str


class QuarantinePage(Page[Quarantined]):
    """One page of a source's quarantine."""

    quarantined: tuple[Quarantined, ...]

    @property
    def items(self) -> Sequence[Quarantined]:
        """What could not be read or analysed."""
        return self.quarantined


class SourceGroup(Answer):
    """An artist or album as a media server has it, by the server's own id."""

    id: str
    name: str


class SourceMatch(Answer):
    """What an id of a source names, with the tracks of the catalogue that it stands for.

    Attributes:
        source: Name of the source.
        kind: What the id names.
        id: The source's own id.
        name: Of an album or artist; empty for a song.
        track_ids: Of the catalogue, 1 to 500.
    """

    source: str
    kind: Literal["song", "album", "artist"]
    id: str
    name: str
    track_ids: tuple[str, ...]


class TrackPlace(Answer):
    """A track as one source has it."""

    source: str
    kind: str
    item_id: str
    path: str
    present: bool
    playable: bool
    artists: tuple[SourceGroup, ...] = ()
    album: SourceGroup | None = None


class OwnTrack(Answer):
    """The sources of one track."""

    id: str
    has_cover: bool
    places: tuple[TrackPlace, ...]  # empty for a track that no source has
    recording_mbid: str = ""  # MusicBrainz id of the recording; empty if it is not known


class OwnTracks(Answer):
    """Tracks that sources have, or whose MusicBrainz recording is known; others are left out."""

    tracks: tuple[OwnTrack, ...]
