"""Histories that listeners upload: files on the disk until a worker has imported them.

    uploads/<id>/facts.json      whose it is (keyed hash), how many bytes, and the options
                 content         the bytes received so far; deleted after the import
                 progress.json   the attempt of the worker that runs, and the share done
                 result.json     how it ended

The gateway writes `facts.json` and `content`, `quintet history work` the rest: both need the same
folder. A state follows from the files, so a process that is killed leaves no state that is wrong.
"""

import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from quintet_files import PRIVATE_MODE, exclusive, write_atomically

FOLDER: Final = "uploads"
"""The folder in QUINTET_HOME."""
RECEIVING, QUEUED, RUNNING, DONE, FAILED = "receiving", "queued", "running", "done", "failed"
MOST_OPEN: Final = 100
"""Uploads of all listeners that have not ended."""
MOST_OF_ONE: Final = 5
"""Uploads of one listener that have not ended."""
MOST_KEPT: Final = 1_000
"""Uploads in all, ended ones included; the oldest results go first."""
MOST_ATTEMPTS: Final = 3
"""Starts of one import: a file that ends the worker each time must not do so for ever."""
STALE_SECONDS: Final = 86_400.0
"""An upload that got no byte for a day is deleted."""
RESULT_SECONDS: Final = 7 * 86_400.0
"""A result is deleted after a week."""
_ID: Final = re.compile(r"[0-9a-f]{32}")
_CONTENT: Final = "content"


class UploadsFull(Exception):
    """There is no room for another upload; the message names the bound."""


class PartMisplaced(Exception):
    """A part does not follow the bytes received so far.

    Args:
        received: How many bytes there are.
    """

    def __init__(self, received: int) -> None:
        super().__init__(f"{received} bytes were received so far")
        self.received = received


@dataclass(frozen=True)
class Upload:
    """One uploaded history.

    Attributes:
        id: Random, so that nobody can guess it.
        listener: The keyed hash of the listener's id.
        train: Whether its sessions are for training.
        size: Bytes of the whole file.
        received: Bytes received so far; 0 once the import has ended.
        state: receiving, queued, running, done or failed.
        share: Of the import, 0 to 1.
        attempts: How often the import was started.
        created_at: Unix seconds.
        result: How it ended; empty before.
        path: The file.
    """

    id: str
    listener: str
    train: bool
    size: int
    received: int
    state: str
    share: float
    attempts: int
    created_at: float
    path: Path
    result: Mapping[str, Any] = field(default_factory=dict)


class Uploads:
    """The uploads of an installation.

    Args:
        home: QUINTET_HOME.
        most_bytes: Bytes of all files that wait, together.
    """

    def __init__(self, home: Path, most_bytes: int = 0) -> None:
        self._root = home / FOLDER
        self._most_bytes = most_bytes

    def begin(self, listener: str, size: int, *, train: bool) -> Upload:
        """Start an upload.

        Args:
            listener: The keyed hash.
            size: Bytes of the file, at least 1.
            train: Whether its sessions are for training.

        Raises:
            UploadsFull: Too many are open, of all listeners or of this one, or they are too large.
            OSError: The folder cannot be written.
        """
        with exclusive(self._root / ".lock"):
            self._sweep(time.time())
            waiting = [each for each in self.all() if each.state not in (DONE, FAILED)]
            if len(waiting) >= MOST_OPEN:
                raise UploadsFull(f"{MOST_OPEN} uploads are open; try again when some have ended")
            if sum(each.listener == listener for each in waiting) >= MOST_OF_ONE:
                raise UploadsFull(
                    f"{MOST_OF_ONE} uploads of this listener are open; wait until one has ended"
                )
            if self._most_bytes and sum(each.size for each in waiting) + size > self._most_bytes:
                raise UploadsFull(
                    f"files that wait may have {self._most_bytes:,} bytes in all; "
                    "try again when some are imported"
                )
            name = secrets.token_hex(16)
            folder = self._root / name
            folder.mkdir(parents=True, mode=0o700)
            facts = {"listener": listener, "size": size, "train": train, "created_at": time.time()}
            (folder / _CONTENT).touch(PRIVATE_MODE)
            _write(folder / "facts.json", facts)
        return self._read(folder)

    def append(self, name: str, offset: int, part: bytes) -> Upload:
        """Add a part; one that was received before changes nothing.

        Raises:
            KeyError: There is no such upload.
            PartMisplaced: The part begins elsewhere than the received bytes end, or is too long.
            OSError: The disk is full or cannot be written.
        """
        upload = self.get(name)
        with exclusive(upload.path.with_name(".lock")):
            upload = self.get(name)
            if upload.state != RECEIVING or offset + len(part) <= upload.received:
                return upload
            if offset != upload.received or offset + len(part) > upload.size:
                raise PartMisplaced(upload.received)
            with upload.path.open("r+b") as content:
                content.seek(offset)
                content.write(part)
        return self.get(name)

    def get(self, name: str) -> Upload:
        """Read an upload.

        Raises:
            KeyError: There is no such upload.
        """
        # The name comes from a request, and becomes a path.
        if not _ID.fullmatch(name):
            raise KeyError(name)
        try:
            return self._read(self._root / name)
        except (OSError, ValueError, KeyError):
            raise KeyError(name) from None

    def all(self) -> list[Upload]:
        """List uploads, the oldest first; one that is being deleted is left out."""
        found = []
        for folder in self._folders():
            try:
                found.append(self._read(folder))
            except (OSError, ValueError, KeyError):
                continue
        return sorted(found, key=lambda upload: upload.created_at)

    def queued(self) -> Upload | None:
        """Find the upload to import next; one that a dead worker began counts as queued."""
        return next((each for each in self.all() if each.state in (QUEUED, RUNNING)), None)

    def note(self, upload: Upload, attempts: int, share: float) -> None:
        """Write how far an import is.

        Raises:
            OSError: The upload was deleted meanwhile, or the disk is full.
        """
        _write(upload.path.with_name("progress.json"), {"attempts": attempts, "share": share})

    def end(self, upload: Upload, result: Mapping[str, Any]) -> None:
        """Write how an import ended, and delete the file.

        Args:
            upload: The upload.
            result: JSON; `failure` is empty if it succeeded.

        Raises:
            OSError: The upload was deleted meanwhile, or the disk is full.
        """
        _write(upload.path.with_name("result.json"), result)
        upload.path.unlink(missing_ok=True)

    def forget(self, listener: str) -> None:
        """Delete all uploads of a listener.

        Args:
            listener: The keyed hash.

        Raises:
            OSError: One cannot be deleted.
        """
        for upload in self.all():
            if listener and upload.listener == listener:
                shutil.rmtree(upload.path.parent)

    def sweep(self) -> None:
        """Delete uploads that were left, and old results."""
        with exclusive(self._root / ".lock"):
            self._sweep(time.time())

    def _sweep(self, now: float) -> None:
        uploads = self.all()
        ended = [each for each in uploads if each.state in (DONE, FAILED)]
        surplus = {each.id for each in ended[: max(0, len(uploads) - MOST_KEPT)]}
        for upload in uploads:
            age = now - _changed(upload)
            stale = upload.state == RECEIVING and age > STALE_SECONDS
            old = upload.state in (DONE, FAILED) and age > RESULT_SECONDS
            if stale or old or upload.id in surplus:
                shutil.rmtree(upload.path.parent, ignore_errors=True)

    def _folders(self) -> Iterator[Path]:
        if self._root.is_dir():
            yield from (each for each in self._root.iterdir() if _ID.fullmatch(each.name))

    def _read(self, folder: Path) -> Upload:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        progress = _optional(folder / "progress.json")
        result = _optional(folder / "result.json")
        content = folder / _CONTENT
        received = content.stat().st_size if content.exists() else 0
        if result:
            state = FAILED if result.get("failure") else DONE
        elif received < int(facts["size"]):
            state = RECEIVING
        else:
            state = RUNNING if progress else QUEUED
        return Upload(
            folder.name,
            str(facts["listener"]),
            bool(facts["train"]),
            int(facts["size"]),
            received,
            state,
            1.0 if result else float(progress.get("share", 0.0)),
            int(progress.get("attempts", 0)),
            float(facts["created_at"]),
            content,
            result,
        )


def _changed(upload: Upload) -> float:
    """Read when an upload changed last; its start if its files are going."""
    try:
        return max(each.stat().st_mtime for each in upload.path.parent.iterdir())
    except (OSError, ValueError):
        return upload.created_at


def _optional(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(facts, ensure_ascii=False), PRIVATE_MODE)
