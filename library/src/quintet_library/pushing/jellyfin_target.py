"""Playlists of a Jellyfin server of version 10.9 or later (api.jellyfin.org, Playlists)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from quintet_store.source_items import KnownItem

from quintet_library.http import ServerClient
from quintet_library.jellyfin import JellyfinReader, every
from quintet_library.pushing.target import PushItem, Remote
from quintet_library.records import AnsweredError, SourceFailed
from quintet_library.values import text_of


@dataclass
class JellyfinTarget:
    """Writes playlists of one user.

    A playlist of Jellyfin has no comment that its API can set alone, so it carries no mark: the
    database alone says which one is of a saved list.
    """

    reader: JellyfinReader
    has_marks: bool = field(default=False, init=False)

    def key_of(self, item: KnownItem) -> str:
        """Give the server's id of a song."""
        return item.item_id

    def find(self, remote_id: str) -> Remote | None:
        """Read a playlist."""
        client, user = self._signed_in
        try:
            facts = client.get(f"Items/{remote_id}", {"userId": user})
        except AnsweredError as fault:
            # A server answers 400 to an id that is none of its form, and 404 to an unknown one.
            if fault.code in (400, 404):
                return None
            raise
        path = f"Playlists/{remote_id}/Items"
        entries = every(lambda start: self.reader.entries(client, user, path, start))
        keys = tuple(text_of(entry.get("Id")) for entry in entries)
        return Remote(remote_id, text_of(facts.get("Name")), keys)

    def find_marked(self, list_id: str) -> Remote | None:
        """Find none: see the class."""
        return None

    def has_name(self, remote: Remote, name: str) -> bool:
        """Compare the names."""
        return remote.name == name

    def create(self, name: str, list_id: str, items: Sequence[PushItem]) -> Remote:
        """Create a playlist that only the user may see."""
        client, user = self._signed_in
        body = {
            "Name": name,
            "Ids": [item.key for item in items],
            "UserId": user,
            "MediaType": "Audio",
            "IsPublic": False,
        }
        remote_id = text_of(client.post("Playlists", body, again=False).get("Id"))
        return self._written(remote_id, name)

    def replace(self, remote: Remote, name: str, list_id: str, items: Sequence[PushItem]) -> Remote:
        """Replace name and songs."""
        client, _ = self._signed_in
        try:
            client.post(
                f"Playlists/{remote.remote_id}",
                {"Name": name, "Ids": [item.key for item in items]},
            )
        except AnsweredError as fault:
            if fault.code not in (404, 405):
                raise
            raise SourceFailed(
                f"{client.name} at {client.host} cannot replace the songs of a playlist; this "
                "needs Jellyfin 10.9 or later"
            ) from fault
        return self._written(remote.remote_id, name)

    def _written(self, remote_id: str, name: str) -> Remote:
        found = self.find(remote_id) if remote_id else None
        if found is None:
            client = self.reader.client
            raise SourceFailed(
                f"{client.name} at {client.host} does not have the playlist {name!r} that was just "
                "written; run the command again"
            )
        return found

    @cached_property
    def _signed_in(self) -> tuple[ServerClient, str]:
        if not self.reader.user:
            raise SourceFailed(
                "this Jellyfin source has an API key and no user, and a playlist belongs to a "
                "user; add the source again with --user"
            )
        return self.reader.signed_in()
