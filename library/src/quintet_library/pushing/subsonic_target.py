"""Playlists of a Subsonic server (subsonic.org/pages/api.jsp, createPlaylist, updatePlaylist)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quintet_store.source_items import KnownItem

from quintet_library.pushing.target import PushItem, Remote
from quintet_library.records import AnsweredError, SourceFailed
from quintet_library.subsonic import SubsonicReader, objects_of
from quintet_library.values import text_of

SONGS: Final = 100
"""Songs of one request: their ids stand in the address, which servers and proxies limit to 8 kB."""
_NOT_FOUND: Final = 70
_MARK: Final = re.compile(r"\(quintet:([0-9a-f]{8,64})\)")


@dataclass(frozen=True)
class SubsonicTarget:
    """Writes playlists of one user. The comment of a playlist names the saved list it is of."""

    reader: SubsonicReader
    has_marks = True

    def key_of(self, item: KnownItem) -> str:
        """Give the server's id of a song."""
        return item.item_id

    def find(self, remote_id: str) -> Remote | None:
        """Read a playlist."""
        try:
            answer = self.reader.ask("getPlaylist", id=remote_id)
        except AnsweredError as fault:
            if fault.code == _NOT_FOUND:
                return None
            raise
        holder = answer.get("playlist")
        facts = holder if isinstance(holder, dict) else {}
        keys = [text_of(each.get("id")) for each in objects_of(facts, "entry")]
        mark = _MARK.search(text_of(facts.get("comment")))
        return Remote(
            remote_id,
            text_of(facts.get("name")),
            tuple(filter(None, keys)),
            mark[1] if mark else "",
        )

    def find_marked(self, list_id: str) -> Remote | None:
        """Find the playlist whose comment names a saved list."""
        for each in self._listed():
            found = _MARK.search(text_of(each.get("comment")))
            if found and found[1] == list_id:
                return self.find(text_of(each.get("id")))
        return None

    def has_name(self, remote: Remote, name: str) -> bool:
        """Compare the names."""
        return remote.name == name

    def create(self, name: str, list_id: str, items: Sequence[PushItem]) -> Remote:
        """Create a playlist; songs that the server no longer has are left out."""
        before = {text_of(each.get("id")) for each in self._listed()}
        # Empty first: a song that is gone would make the server reject the whole.
        answer = self.reader.ask("createPlaylist", again=False, name=name)
        made = answer.get("playlist")
        remote_id = text_of(made.get("id")) if isinstance(made, dict) else ""
        if not remote_id:  # servers before version 1.14 do not answer with the playlist
            new = [
                text_of(each.get("id"))
                for each in self._listed()
                if each.get("name") == name and text_of(each.get("id")) not in before
            ]
            if len(new) != 1:
                raise SourceFailed(
                    f"{self.reader.client.name} at {self.reader.client.host} does not say which "
                    f"playlist it created; look for {name!r} there, and delete it"
                )
            remote_id = new[0]
        return self.replace(Remote(remote_id, name, ()), name, list_id, items)

    def replace(self, remote: Remote, name: str, list_id: str, items: Sequence[PushItem]) -> Remote:
        """Replace name, comment and songs; songs that the server no longer has are left out."""
        comment = f"Made by Quintet; the next push replaces its songs. (quintet:{list_id})"
        keys = [item.key for item in items]
        try:
            self._fill(remote.remote_id, keys)
        except AnsweredError as fault:
            if fault.code != _NOT_FOUND:
                raise
            self._fill(remote.remote_id, [key for key in keys if self._has(key)])
        # Last: supysonic fails to change a playlist that never had a song.
        self.reader.ask("updatePlaylist", playlistId=remote.remote_id, name=name, comment=comment)
        written = self.find(remote.remote_id)
        if written is None:
            raise SourceFailed(
                f"{self.reader.client.name} at {self.reader.client.host} does not have the "
                f"playlist {name!r} that was just written; run the command again"
            )
        return written

    def _fill(self, remote_id: str, keys: Sequence[str]) -> None:
        """Replace the songs by the first part, and append the others."""
        self.reader.ask("createPlaylist", playlistId=remote_id, songId=list(keys[:SONGS]))
        for start in range(SONGS, len(keys), SONGS):
            part = list(keys[start : start + SONGS])
            self.reader.ask("updatePlaylist", again=False, playlistId=remote_id, songIdToAdd=part)

    def _has(self, key: str) -> bool:
        try:
            self.reader.ask("getSong", id=key)
        except AnsweredError:
            return False
        return True

    def _listed(self) -> list[dict[str, object]]:
        return objects_of(self.reader.ask("getPlaylists").get("playlists"), "playlist")
