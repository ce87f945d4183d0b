"""What a source says about a song, a playlist and a failure, whatever kind of source it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from quintet_store.items import Item


class SourceFailed(Exception):
    """A source cannot be read; the message is one line: what failed and the way out, no secret."""


class AnsweredError(SourceFailed):
    """A server answered a request with an error; `code` is the protocol's, or the HTTP status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Listening:
    """What a listener did with a song, as a media server keeps it.

    Attributes:
        starred: Whether it is starred, loved or a favourite.
        starred_at: When it became so, ISO 8601; empty if not known.
        rating: Stars from 1 to 5; 0 for none.
        plays: How often it was played.
        played_at: When it was played last, ISO 8601; empty if not known.
    """

    starred: bool = False
    starred_at: str = ""
    rating: int = 0
    plays: int = 0
    played_at: str = ""


@dataclass(frozen=True)
class Song:
    """A song as one source has it.

    Attributes:
        item: Names, length, ids, file and features, as the database takes them.
        listening: What the listener did with it; None if the source does not say.
        cover: Name of its cover in the folder of covers; empty for none.
    """

    item: Item
    listening: Listening | None = None
    cover: str = ""


@dataclass(frozen=True)
class Rejected:
    """An item that cannot become a track, and why; it goes to quarantine."""

    item_id: str
    reason: str
    path: str = ""
    size: int | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True)
class SourcePlaylist:
    """A playlist of a source: its own id, its name, and the item ids in their order."""

    playlist_id: str
    name: str
    item_ids: Sequence[str]


@dataclass(frozen=True)
class Unchanged:
    """An item that is as the last sync found it, so that nothing was read again."""

    item_id: str


@dataclass(frozen=True)
class Page:
    """Items that are stored in one transaction.

    Attributes:
        items: In the order of the source.
        share: How much of the source has been read with this page, 0..1; None if not known.
        next: Where `Reader.pages` continues after this page; empty if it cannot.
    """

    items: Sequence[Song | Rejected | Unchanged]
    share: float | None = None
    next: str = ""


class Reader(Protocol):
    """Reads one source."""

    def pages(self, start: str = "") -> Iterator[Page]:
        """Read all items, or those after a page.

        Args:
            start: `Page.next` of that page; a reader that gives none starts at the beginning.

        Raises:
            SourceFailed: The source cannot be read; pages before it are valid.
        """

    def playlists(self) -> Iterator[SourcePlaylist]:
        """Read the playlists of the source, if it has any.

        Raises:
            SourceFailed: The source cannot be read.
        """
