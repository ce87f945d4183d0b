"""Tracks, artists and genres of the catalogue."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from quintet_client.models.answers import Answer, Page


class ArtistName(Answer):
    """An artist of a track."""

    id: str
    name: str


class Track(Answer):
    """A track; text is empty where unknown."""

    id: str
    title: str
    artists: tuple[ArtistName, ...]
    album: str
    album_id: str  # links tracks of one album; albums have no route
    release_date: str  # YYYY, YYYY-MM or YYYY-MM-DD
    duration_ms: int  # milliseconds
    popularity: int | None  # 0 to 100; None if unknown
    explicit: bool
    genres: tuple[str, ...]
    isrc: str  # ISO 3901, identifies the recording
    cover_url: str
    preview_url: str  # an audio clip, mostly 30 s
    external_url: str  # where it can be heard
    provenance: str  # the data set it comes from
    licence: str  # the licence of that data set


class AudioFeatures(Answer):
    """How a track sounds, in the units of Spotify's Web API; None where not measured.

    Attributes:
        id: The track's id.
        duration_ms: Length in milliseconds.
        key: Pitch class, 0 for C to 11 for B.
        loudness: Decibels, at most about 0.
        mode: 1 for major, 0 for minor.
        tempo: Beats per minute.
        time_signature: Beats in a bar.
        acousticness: 0 to 1, as are the attributes below.
    """

    id: str
    duration_ms: int
    key: int | None
    loudness: float | None
    mode: int | None
    tempo: float | None
    time_signature: int | None
    acousticness: float | None
    danceability: float | None
    energy: float | None
    instrumentalness: float | None
    liveness: float | None
    speechiness: float | None
    valence: float | None


class ManyAudioFeatures(Answer):
    """Audio features in the order asked; None in place of an unknown id."""

    audio_features: tuple[AudioFeatures | None, ...]


class Match(Answer):
    """A matching track; `recommendable` if the catalogue has it, so that it can be a seed."""

    track: Track
    score: float  # comparable within one answer only
    recommendable: bool
    source: Literal["catalogue", "spotify"]


class SearchPage(Page[Match]):
    """One page of matches, best first."""

    tracks: tuple[Match, ...]
    total: int
    catalogue: str  # the version that answered, cat-…
    source: Literal["catalogue", "spotify", "both"]
    degraded: tuple[str, ...]  # what was unavailable, such as spotify

    @property
    def items(self) -> Sequence[Match]:
        return self.tracks


class Artist(Answer):
    """An artist of the catalogue."""

    id: str
    name: str
    genres: tuple[str, ...]
    popularity: int | None  # 0 to 100; None if unknown
    track_count: int


class ArtistsPage(Page[Artist]):
    """One page of artists, best first."""

    artists: tuple[Artist, ...]
    total: int

    @property
    def items(self) -> Sequence[Artist]:
        return self.artists


class Genre(Answer):
    """A genre of the catalogue."""

    name: str
    track_count: int


class GenresPage(Page[Genre]):
    """One page of genres by name."""

    genres: tuple[Genre, ...]

    @property
    def items(self) -> Sequence[Genre]:
        return self.genres


class CatalogueMap(Answer):
    """Every track as a point of a plane.

    Attributes:
        etag: Its version, for the next time.
        content: An Arrow IPC file with track_id, title, artist, genre, x and y.
    """

    etag: str
    content: bytes = Field(repr=False)
