"""What a push needs of a place that can hold a playlist, and what it reports."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from quintet_playlists import Entry
from quintet_store.source_items import KnownItem


class Action(StrEnum):
    """What became of a playlist."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Missing:
    """A track of a list that is not in the playlist, and why."""

    track_id: str
    title: str
    artists: str
    reason: str


@dataclass(frozen=True)
class PushItem:
    """A track as a target writes it.

    Attributes:
        track_id: Of the catalogue.
        key: What the target's playlist contains for it: an id, or a relative path.
        entry: Names of the track.
    """

    track_id: str
    key: str
    entry: Entry


@dataclass(frozen=True)
class Remote:
    """A playlist at a target.

    Attributes:
        remote_id: The target's id of it.
        name: As it is now.
        keys: What it contains, in order.
        mark: Id of the saved list that it names as its origin; empty if it names none.
    """

    remote_id: str
    name: str
    keys: tuple[str, ...]
    mark: str = ""


@dataclass
class PushReport:
    """What a push did, or would do.

    Attributes:
        target: Name of the source, or of the file.
        name: Of the playlist at the target.
        action: What became of the playlist.
        songs: Tracks in it.
        missing: Tracks of the list that are not in it.
        notes: What the person should know, one line each.
        remote_id: The target's id of the playlist; empty for a dry run that would create one.
        dry_run: Whether nothing was written.
    """

    target: str
    name: str
    action: Action
    songs: int
    missing: list[Missing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    remote_id: str = ""
    dry_run: bool = False

    def facts(self) -> dict[str, Any]:
        """Convert the report to JSON types."""
        return asdict(self)


class Target(Protocol):
    """A place that holds playlists; each method may raise `SourceFailed`."""

    # Whether a playlist can carry the id of the saved list that it is of.
    has_marks: bool

    def key_of(self, item: KnownItem) -> str:
        """Give what a playlist contains for an item.

        Raises:
            ValueError: It cannot contain it; the message is the reason.
        """

    def find(self, remote_id: str) -> Remote | None:
        """Read a playlist; None if there is none of this id."""

    def find_marked(self, list_id: str) -> Remote | None:
        """Find the playlist that names a saved list as its origin; None if there is none."""

    def has_name(self, remote: Remote, name: str) -> bool:
        """Whether a playlist has the name of a list, as far as the target can write it."""

    def create(self, name: str, list_id: str, items: Sequence[PushItem]) -> Remote:
        """Create a playlist, and give it as the target has it then."""

    def replace(self, remote: Remote, name: str, list_id: str, items: Sequence[PushItem]) -> Remote:
        """Replace the tracks and the name of a playlist, and give it as the target has it then."""
