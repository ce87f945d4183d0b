"""Lists that a listener keeps."""

from typing import Literal

from quintet_client.models.answers import Answer, Page
from quintet_client.models.library import LibraryRequest


class Pushed(Answer):
    """The playlist that a saved list became at a source."""

    source: str
    playlist: str  # the source's own id of it, or the name of its file
    name: str
    tracks: int
    missing: int
    pushed_at: str


class SavedList(Answer):
    """A saved list without its tracks; times are ISO 8601 in UTC."""

    id: str
    name: str
    origin: Literal["api", "command", "mix"]
    tracks: int
    created_at: str
    updated_at: str
    pushes: tuple[Pushed, ...]


class Target(Answer):
    """A source that a list can be pushed to."""

    source: str
    kind: str


class SavedListsPage(Page[SavedList]):
    """One page of saved lists, the one changed last first, and where they can be pushed to."""

    lists: tuple[SavedList, ...]
    targets: tuple[Target, ...]

    @property
    def items(self) -> tuple[SavedList, ...]:
        """The lists of this page."""
        return self.lists


class SavedListTracks(SavedList):
    """A saved list with its tracks, and the latest requests to push it, the newest first."""

    track_ids: tuple[str, ...]
    worker_running: bool
    worker_command: str
    requests: tuple[LibraryRequest, ...]


class DeletedList(Answer):
    """A saved list that was deleted."""

    id: str
