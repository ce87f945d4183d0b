"""Playlists in a folder of music: M3U8 files with relative paths, beside the artists' folders."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quintet_files import write_atomically
from quintet_playlists import list_mark, m3u8_of, mark_in
from quintet_store.source_items import KnownItem

from quintet_library.pushing.target import PushItem, Remote
from quintet_library.records import SourceFailed

SUFFIX: Final = ".m3u8"
_MOST_BYTES: Final = 1024**2
_MOST_FILES: Final = 10_000
_MOST_NAMES: Final = 1_000
# With the suffix, a number, and what the temporary file adds, a name stays below 255 bytes.
_STEM_BYTES: Final = 180
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\ud800-\udfff]+')


@dataclass(frozen=True)
class FolderTarget:
    """Writes files into a folder itself, never below or outside of it.

    The id of a playlist is the name of its file. A file is of a saved list if a comment in it
    names the list; no other file is ever written.

    Attributes:
        root: The folder of the source.
    """

    root: Path
    has_marks = True

    def key_of(self, item: KnownItem) -> str:
        """Give the path of a file relative to the folder, with "/" between its parts."""
        relative = os.path.relpath(item.path, self.root)
        if relative.split(os.sep, 1)[0] == os.pardir:
            raise ValueError("its file is outside of the folder")
        try:
            relative.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("the path of its file is not UTF-8, which M3U8 needs") from None
        if "\n" in relative or "\r" in relative:
            raise ValueError("the path of its file has a line break, which ends an entry of M3U8")
        if not os.path.exists(item.path):
            raise ValueError("its file is gone since the last sync")
        return relative

    def find(self, remote_id: str) -> Remote | None:
        """Read a playlist file of the folder."""
        if os.path.basename(remote_id) != remote_id:
            return None
        text = self._text(remote_id)
        if text is None:
            return None
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        keys = tuple(line.removeprefix("./") for line in lines)
        return Remote(remote_id, remote_id.removesuffix(SUFFIX), keys, mark_in(text))

    def find_marked(self, list_id: str) -> Remote | None:
        """Find the file that names a saved list as its origin."""
        for name in self._names():
            found = self.find(name)
            if found is not None and found.mark == list_id:
                return found
        return None

    def has_name(self, remote: Remote, name: str) -> bool:
        """Compare the file's name, also with the number that a name that is taken gets."""
        stem, number = file_stem(name), remote.name.rpartition(" ")[2]
        return remote.name in (stem, f"{stem} {number}" if number.isdecimal() else stem)

    def create(self, name: str, list_id: str, items: Sequence[PushItem]) -> Remote:
        """Write a new file; where its name is taken, the next free number follows it."""
        stem = file_stem(name)
        names = (f"{stem}{SUFFIX}", *(f"{stem} {n}{SUFFIX}" for n in range(2, _MOST_NAMES)))
        free = next((each for each in names if not os.path.lexists(self.root / each)), None)
        if free is None:
            raise SourceFailed(f"{self.root}: {_MOST_NAMES:,} playlists have the name {stem}")
        return self._write(free, name, list_id, items)

    def replace(self, remote: Remote, name: str, list_id: str, items: Sequence[PushItem]) -> Remote:
        """Write a file again; one whose list has another name now gets the new name."""
        written = self._write(remote.remote_id, name, list_id, items)
        if self.has_name(remote, name):
            return written
        renamed = self.create(name, list_id, items)
        (self.root / remote.remote_id).unlink(missing_ok=True)
        return renamed

    def _write(self, file: str, name: str, list_id: str, items: Sequence[PushItem]) -> Remote:
        comments = [list_mark(list_id), "# Made by Quintet; the next push writes this file again."]
        content = m3u8_of(name, (item.entry for item in items), comments)
        try:
            write_atomically(self.root / file, content)
        except OSError as fault:
            raise SourceFailed(
                f"{self.root}: the playlist cannot be written: {fault.strerror}; the user who runs "
                "this command must be allowed to write into the folder"
            ) from fault
        return Remote(file, file.removesuffix(SUFFIX), tuple(item.key for item in items), list_id)

    def _names(self) -> Iterator[str]:
        try:
            with os.scandir(self.root) as entries:
                found = (each.name for each in entries if each.name.lower().endswith(SUFFIX))
                yield from sorted(name for name, _ in zip(found, range(_MOST_FILES), strict=False))
        except OSError as fault:
            raise SourceFailed(
                f"{self.root}: cannot be read: {fault.strerror}; is the disk mounted?"
            ) from fault

    def _text(self, name: str) -> str | None:
        """Read a file; None for one that cannot be ours: a link, no file, too large."""
        try:
            handle = os.open(self.root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (OSError, ValueError):
            return None
        with os.fdopen(handle, "rb") as stream:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MOST_BYTES:
                return None
            return stream.read(_MOST_BYTES).decode("utf-8", "replace")


def file_stem(name: str) -> str:
    """Make a file name of the name of a list, without the suffix: no separators, not hidden."""
    text = _UNSAFE.sub("_", name).strip(" .") or "playlist"
    return text.encode()[:_STEM_BYTES].decode("utf-8", "ignore").rstrip(" .")
