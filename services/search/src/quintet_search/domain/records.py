"""Records and ports of search, in plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, Protocol, TypeVar

from quintet_search.domain.query import ParsedQuery

T = TypeVar("T")


class SearchSource(Enum):
    """Where tracks are searched or were found."""

    CATALOGUE = "catalogue"
    SPOTIFY = "spotify"
    BOTH = "both"


class ArtistReference(NamedTuple):
    """Names an artist of a track."""

    id: str
    name: str


class TrackRecord(NamedTuple):
    """A track; unknown texts are empty.

    A tuple, as a list has hundreds of them and a frozen dataclass takes six times as long to make.

    Attributes:
        release_date: YYYY, YYYY-MM or YYYY-MM-DD.
        duration_ms: Milliseconds.
        popularity: From 0 to 100.
    """

    id: str
    title: str
    artists: tuple[ArtistReference, ...]
    album: str
    album_id: str
    release_date: str
    duration_ms: int
    popularity: int
    explicit: bool
    genres: tuple[str, ...]
    isrc: str
    provenance: str
    licence: str
    cover_url: str
    preview_url: str


@dataclass(frozen=True, slots=True)
class ArtistRecord:
    """An artist, put together from the catalogue's tracks.

    Attributes:
        genres: Of the artist's tracks, most frequent first.
        popularity: The highest of the artist's tracks, from 0 to 100.
        track_count: How many tracks the catalogue has.
    """

    id: str
    name: str
    genres: tuple[str, ...]
    popularity: int
    track_count: int


@dataclass(frozen=True, slots=True)
class GenreRecord:
    """A genre and how many tracks of it the catalogue has."""

    name: str
    track_count: int


@dataclass(frozen=True, slots=True)
class Matches(Generic[T]):
    """Part of a list of matches.

    Attributes:
        items: The matches asked for, each with its score, best first.
        total: How many there are in all.
    """

    items: Sequence[tuple[T, float]]
    total: int


@dataclass(frozen=True, slots=True)
class TrackMatch:
    """A track found, and where."""

    track: TrackRecord
    score: float
    recommendable: bool
    source: SearchSource


@dataclass(frozen=True, slots=True)
class TrackResults:
    """One page of tracks, and how it came about.

    Attributes:
        source: Where the matches came from in the end.
        degraded: What was left out or replaced to answer at all.
    """

    matches: Sequence[TrackMatch]
    next_page_token: str
    total: int
    catalogue_version: str
    source: SearchSource
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultPage(Generic[T]):
    """One page of a list."""

    items: Sequence[T]
    next_page_token: str
    total: int


@dataclass(frozen=True, slots=True)
class MapPart:
    """A part of the map; empty where the caller has the version that is served."""

    version: str
    total_size: int
    content: bytes


class SearchableCatalogue(Protocol):
    """One version of the catalogue, searchable; every method but `has` blocks."""

    @property
    def version(self) -> str:
        """The catalogue version."""
        ...

    def has(self, track_id: str) -> bool:
        """Returns whether a track is in the catalogue."""
        ...

    def search_tracks(self, query: ParsedQuery, offset: int, size: int) -> Matches[TrackRecord]:
        """Returns matches from offset on."""
        ...

    def search_artists(self, query: ParsedQuery, offset: int, size: int) -> Matches[ArtistRecord]:
        """Returns matches from offset on."""
        ...

    def tracks(self, ids: Sequence[str]) -> list[TrackRecord | None]:
        """Returns tracks in the order asked, None for each unknown."""
        ...

    def artists(self, ids: Sequence[str]) -> list[ArtistRecord | None]:
        """Returns artists in the order asked, None for each unknown."""
        ...

    def genres(self) -> Sequence[GenreRecord]:
        """Returns all genres by name."""
        ...

    @property
    def map_version(self) -> str:
        """The version of the map."""
        ...

    def map_part(self, offset: int, size: int) -> tuple[bytes, int]:
        """Returns up to `size` bytes of the map from `offset` on, and its whole size."""
        ...


class RemoteUnavailable(Exception):
    """The remote search gave no answer in the time allowed; the text says why, for the log."""


class RemoteSearch(Protocol):
    """A search elsewhere."""

    async def search(
        self, text: str, offset: int, size: int, seconds: float
    ) -> Matches[TrackRecord]:
        """Returns matches from offset on, within `seconds`.

        Raises:
            RemoteUnavailable: There was no answer.
        """
        ...
