"""Records of search."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class SearchSource(Enum):
    """The source that is searched, or that a track comes from."""

    CATALOGUE = "catalogue"
    SPOTIFY = "spotify"
    BOTH = "both"


class ArtistReference(NamedTuple):
    """Id and name of an artist of a track."""

    id: str
    name: str


class TrackRecord(NamedTuple):
    """A track; unknown texts are empty.

    A named tuple, because a list has hundreds of tracks and a frozen dataclass takes six times as
    long to create.

    Attributes:
        release_date: YYYY, YYYY-MM or YYYY-MM-DD.
        duration_ms: Milliseconds.
        popularity: From 0 to 100; None if unknown.
    """

    id: str
    title: str
    artists: tuple[ArtistReference, ...]
    album: str
    album_id: str
    release_date: str
    duration_ms: int
    popularity: int | None
    explicit: bool
    genres: tuple[str, ...]
    isrc: str
    provenance: str
    licence: str
    cover_url: str
    preview_url: str


@dataclass(frozen=True, slots=True)
class ArtistRecord:
    """An artist, aggregated from the tracks of the catalogue.

    Attributes:
        genres: The genres of the artist's tracks, most frequent first.
        popularity: The highest popularity of these tracks, from 0 to 100; None if unknown.
        track_count: How many tracks the catalogue has.
    """

    id: str
    name: str
    genres: tuple[str, ...]
    popularity: int | None
    track_count: int


@dataclass(frozen=True, slots=True)
class GenreRecord:
    """A genre and how many tracks of it the catalogue has."""

    name: str
    track_count: int


@dataclass(frozen=True, slots=True)
class Matches(Generic[T]):
    """A part of all matches of a query.

    Attributes:
        items: The requested matches with their scores, best first.
        total: The number of all matches.
    """

    items: Sequence[tuple[T, float]]
    total: int


@dataclass(frozen=True, slots=True)
class TrackMatch:
    """A track that matches a query, and the source that it comes from."""

    track: TrackRecord
    score: float
    recommendable: bool
    source: SearchSource


@dataclass(frozen=True, slots=True)
class TrackResults:
    """One page of tracks, and the source that answered.

    Attributes:
        source: The source that the matches come from.
        degraded: The parts that this answer lacks, such as "spotify".
    """

    matches: Sequence[TrackMatch]
    next_page_token: str
    total: int
    catalogue_version: str
    source: SearchSource
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackLookup:
    """Tracks looked up by id, in the order of the ids; None for an unknown id."""

    tracks: Sequence[TrackRecord | None]
    catalogue_version: str


@dataclass(frozen=True, slots=True)
class TrackListing:
    """One page of all tracks, most popular first."""

    tracks: Sequence[TrackRecord]
    next_page_token: str
    catalogue_version: str


@dataclass(frozen=True, slots=True)
class ResultPage(Generic[T]):
    """One page of a list."""

    items: Sequence[T]
    next_page_token: str
    total: int


@dataclass(frozen=True, slots=True)
class MapPart:
    """A part of the map; empty if the caller already has the version served."""

    version: str
    total_size: int
    content: bytes
