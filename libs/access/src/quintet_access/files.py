"""Small JSON files that appear whole, change under a lock and are read again when they change."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quintet_files import PRIVATE_MODE, write_atomically


class AccessFileInvalid(Exception):
    """A file of the access folder cannot be read or written; the message names it."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create the folder, writable by its owner, and lock it for one writer at a time."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
    except OSError as fault:
        raise AccessFileInvalid(f"{folder} cannot be written: {fault.strerror}") from fault
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        # Closing releases the lock, as the kernel does for a process that is killed.
        os.close(handle)


def write_json(path: Path, content: Any, mode: int) -> None:
    """Replace a JSON file in one step."""
    write_bytes(path, json.dumps(content, indent=1, sort_keys=True).encode(), mode)


def write_bytes(path: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step; a reader sees the old content or the new, never a part.

    Raises:
        AccessFileInvalid: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        write_atomically(path, content, mode)
    except OSError as fault:
        raise AccessFileInvalid(f"{path} cannot be written: {fault.strerror}") from fault


class WatchedFile:
    """A JSON file that other processes replace.

    Looking costs one `stat`; the text is parsed again only when the file is another one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._content: Any = None

    def read(self) -> Any:
        """Read the file again if it changed; None if there is no file.

        Raises:
            AccessFileInvalid: It is not readable or not JSON.
        """
        try:
            facts = self.path.stat()
            # The inode changes with every atomic replacement, also within one tick of the clock.
            stamp = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if stamp != self._stamp:
                self._content = json.loads(self.path.read_text(encoding="utf-8"))
                self._stamp = stamp
        except FileNotFoundError:
            self._stamp = self._content = None
        except OSError as fault:
            raise AccessFileInvalid(f"{self.path} cannot be read: {fault.strerror}") from fault
        except (ValueError, RecursionError) as fault:
            raise AccessFileInvalid(f"{self.path} is not valid JSON") from fault
        return self._content
