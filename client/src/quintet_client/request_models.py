"""The parts of requests: seeds, filters and feedback events."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

EventKind = Literal["play", "skip", "like", "dislike", "save", "playlist_add"]
RadioAction = Literal["like", "skip", "finish"]
Choice = Literal["exclude", "allow"]
Heard = Literal["exclude", "less", "allow"]
Source = Literal["catalogue", "spotify", "both"]
SongVersion = Literal[
    "live",
    "remix",
    "acoustic",
    "instrumental",
    "demo",
    "cover",
    "karaoke",
    "speed",
    "extended",
    "rerecorded",
]
SourceKind = Literal["folder", "subsonic", "jellyfin", "beets"]


class _Asked(BaseModel):
    """A part of a request; unknown field names are rejected before anything is sent.

    Ranges are the gateway's to check: it names the field and the range, and they may change there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class Seed(_Asked):
    """A seed of a list: exactly one of track, artist and genre, and its weight."""

    track_id: str | None = None
    artist_id: str | None = None
    genre: str | None = None
    weight: float = 1.0

    @staticmethod
    def of(seed: "Seed | str") -> "Seed":
        """Convert a track's id to a seed; a seed stays as it is."""
        return Seed(track_id=seed) if isinstance(seed, str) else seed


class Filters(_Asked):
    """Hard conditions on every track returned."""

    min_acousticness: float | None = None
    max_acousticness: float | None = None
    min_danceability: float | None = None
    max_danceability: float | None = None
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    min_energy: float | None = None
    max_energy: float | None = None
    min_instrumentalness: float | None = None
    max_instrumentalness: float | None = None
    min_key: float | None = None
    max_key: float | None = None
    min_liveness: float | None = None
    max_liveness: float | None = None
    min_loudness: float | None = None
    max_loudness: float | None = None
    min_mode: float | None = None
    max_mode: float | None = None
    min_popularity: float | None = None
    max_popularity: float | None = None
    min_speechiness: float | None = None
    max_speechiness: float | None = None
    min_tempo: float | None = None
    max_tempo: float | None = None
    min_time_signature: float | None = None
    max_time_signature: float | None = None
    min_valence: float | None = None
    max_valence: float | None = None
    genres: tuple[str, ...] = ()
    explicit: bool | None = None
    excluded_track_ids: tuple[str, ...] = ()
    excluded_artist_ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    min_year: int | None = None
    max_year: int | None = None
    excluded_genres: tuple[str, ...] = ()
    artist_ids: tuple[str, ...] = ()
    excluded_versions: tuple[SongVersion, ...] = ()


class RadioEvent(_Asked):
    """What a listener did with a track of a radio session."""

    track_id: str
    action: RadioAction


class Event(_Asked):
    """One thing that a listener did with one track of one recommendation.

    Its id is made with it, so sending the same object again is always safe: the gateway counts an
    event once. Keep the object, or its `event_id`, until `feedback` returned.
    """

    recommendation_id: str
    track_id: str
    kind: EventKind
    position: int | None = None
    dwell_ms: int | None = None
    listener: str | None = None
    occurred_at: Annotated[
        AwareDatetime | None, PlainSerializer(lambda at: at and datetime.isoformat(at))
    ] = None
    event_id: str = Field(default_factory=lambda: uuid4().hex)
