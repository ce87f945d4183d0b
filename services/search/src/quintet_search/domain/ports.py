"""The ports of search: the catalogue and Spotify."""

from collections.abc import Sequence
from typing import Protocol

from quintet_search.domain.names import CatalogueFacts, NamedItem, NameQuery
from quintet_search.domain.query import ParsedQuery
from quintet_search.domain.records import ArtistRecord, GenreRecord, Matches, TrackRecord


class SearchableCatalogue(Protocol):
    """One version of the catalogue; every method except `has` and `knows` blocks the thread."""

    @property
    def version(self) -> str:
        """The catalogue version."""
        ...

    def has(self, track_id: str) -> bool:
        """Check whether the catalogue contains a track."""
        ...

    def knows(self, name: str) -> bool:
        """Check whether a text is the id of a track, or one that others gave it."""
        ...

    def search_tracks(self, query: ParsedQuery, offset: int, size: int) -> Matches[TrackRecord]:
        """Find matches, beginning at an offset."""
        ...

    def search_artists(self, query: ParsedQuery, offset: int, size: int) -> Matches[ArtistRecord]:
        """Find matches, beginning at an offset."""
        ...

    def tracks(self, ids: Sequence[str]) -> list[TrackRecord | None]:
        """Look up tracks by id or by an id that others gave, in order; None for an unknown one."""
        ...

    def popular(self, offset: int, size: int) -> list[TrackRecord]:
        """List up to `size` tracks from an offset on, most popular first."""
        ...

    @property
    def track_count(self) -> int:
        """The number of tracks."""
        ...

    def artists(self, ids: Sequence[str]) -> list[ArtistRecord | None]:
        """Look up artists, in the order of the ids; None for an unknown id."""
        ...

    def genres(self) -> Sequence[GenreRecord]:
        """List all genres in alphabetical order."""
        ...

    def named(self, names: Sequence[NameQuery]) -> list[list[NamedItem]]:
        """List the items of each name."""
        ...

    @property
    def facts(self) -> CatalogueFacts:
        """What the catalogue has; the first call reads all rows."""
        ...

    @property
    def map_version(self) -> str:
        """The version of the map."""
        ...

    def map_part(self, offset: int, size: int) -> tuple[bytes, int]:
        """Read up to `size` bytes of the map from `offset` on, and its total size in bytes."""
        ...


class RemoteUnavailable(Exception):
    """The external search did not answer in time; the text is the reason, for the log."""


class RemoteSearch(Protocol):
    """An external search, such as Spotify."""

    async def search(
        self, text: str, offset: int, size: int, seconds: float
    ) -> Matches[TrackRecord]:
        """Find matches from an offset on, within `seconds`.

        Raises:
            RemoteUnavailable: There was no answer in time.
        """
        ...
