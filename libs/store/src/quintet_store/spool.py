"""Keep events on the disk while the database is down.

    spool/<time>-<hex>.events   one line per request: CRC-32, a space, its rows as JSON
    spool/forgotten             hashes of listeners deleted meanwhile, and the times

A file belongs to the process that holds its lock. The kernel releases the lock of a dead process,
and the next process that checks takes over the file. A line counts after it is synced, so an
incomplete last line was never confirmed to a client. A replay that crashed is repeated; the
database's primary key stores each event once.
"""

import contextlib
import fcntl
import json
import os
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from quintet_files import PRIVATE_MODE, write_atomically

Row = Mapping[str, Any]
Key = tuple[str, str]
_SUFFIX: Final = ".events"
_DAMAGED: Final = ".damaged"
_FORGOTTEN: Final = "forgotten"
_ROWS_AT_ONCE: Final = 1_000
# The listener of an event in a line that may be damaged elsewhere: a keyed hash.
_NAMED: Final = re.compile(rb'"listener":"([0-9a-f]{64})"')


class SpoolFull(Exception):
    """Report that the spool or the disk is full; nothing was added."""


@dataclass
class _Segment:
    """A locked file of the spool.

    Attributes:
        path: Where it is.
        handle: Holds the lock.
        size: Bytes that are whole lines.
        done: Bytes whose rows are in the database.
        keys: (client, event id) of its rows.
        damaged: Whether lines of it could not be read.
    """

    path: Path
    handle: int
    size: int = 0
    done: int = 0
    keys: set[Key] = field(default_factory=set)
    damaged: bool = False


class Spool:
    """A bounded queue of events on the disk; safe to use from several threads.

    Args:
        folder: Where it is; made at the first event.
        most_bytes: The most that waits there by this process.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._lock = threading.Lock()
        self._segments: list[_Segment] = []
        self._keys: set[Key] = set()
        # Whether the last segment takes lines.
        self._open = False

    @property
    def empty(self) -> bool:
        """Whether no event waits."""
        return not self._segments

    @property
    def events(self) -> int:
        """Number of events that wait."""
        return len(self._keys)

    @property
    def size(self) -> int:
        """Size of the waiting events, in bytes."""
        return sum(segment.size for segment in tuple(self._segments))

    def append(self, requests: Sequence[Sequence[Row]]) -> list[int]:
        """Store the rows of several requests, each whole or not at all, and sync the disk.

        Returns:
            Number of new rows of each request; the others waited already.

        Raises:
            SpoolFull: The limit is reached or the disk is full; nothing was added.
        """
        with self._lock:
            added: set[Key] = set()
            fresh = [_fresh(rows, self._keys, added) for rows in requests]
            if added:
                self._write(b"".join(_line(rows) for rows in fresh if rows), added)
            return [len(rows) for rows in fresh]

    def adopt(self) -> int:
        """Take over the files of processes that ended, and count them."""
        with self._lock:
            mine = {segment.path for segment in self._segments}
            found = [path for path in _files(self._folder) if path not in mine]
            adopted = [segment for path in found if (segment := _take(path)) is not None]
            # Adopted events are older than those that this process will add: they go first.
            self._segments[:0] = adopted
            self._keys.update(*(segment.keys for segment in adopted))
            return len(adopted)

    def replay(self, store: Callable[[Sequence[Row]], object]) -> int:
        """Write all rows to the database, the oldest first, and count them.

        Args:
            store: Writes rows to the database. It may get a row twice. If it raises, its rows
                stay in the spool.
        """
        total = 0
        while self._segments:
            segment = self._segments[0]
            forgotten = _forgotten(self._folder)
            for end, rows, whole in _batches(segment):
                kept = [row for row in rows if not _is_forgotten(row, forgotten)]
                if kept:
                    store(kept)
                    total += len(kept)
                segment.done = end
                segment.damaged = segment.damaged or not whole
            self._finish(segment)
        return total

    def forget(self, listener: str, until: str) -> None:
        """Drop a listener's waiting events; see the function `forget`."""
        forget(self._folder, listener, until)

    def close(self) -> None:
        """Release the files; the next process replays the events in them."""
        with self._lock:
            for segment in self._segments:
                os.close(segment.handle)
            self._segments, self._keys, self._open = [], set(), False

    def _write(self, lines: bytes, keys: set[Key]) -> None:
        if self.size + len(lines) > self._most:
            raise SpoolFull(f"the spool holds its {self._most} bytes")
        try:
            if not self._open:
                self._segments.append(_create(self._folder))
                self._open = True
            segment = self._segments[-1]
            _append(segment, lines)
        except OSError as fault:
            # After a failed sync nobody knows what is on the disk: this file takes no more.
            self._open = False
            self._drop_empty()
            raise SpoolFull(f"the spool cannot be written: {fault.strerror}") from fault
        segment.size += len(lines)
        segment.keys |= keys
        self._keys |= keys

    def _drop_empty(self) -> None:
        if self._segments and not self._segments[-1].size:
            _remove(self._segments.pop())

    def _finish(self, segment: _Segment) -> None:
        with self._lock:
            if segment.done < segment.size:
                return  # `append` wrote more lines meanwhile; the next round stores them
            self._segments.remove(segment)
            self._open = self._open and bool(self._segments)
            self._keys -= segment.keys
            if segment.damaged:
                # Unreadable lines are kept for the operator; the others are in the database.
                with contextlib.suppress(OSError):
                    _keep_damaged(segment)
            _remove(segment)
            if not _files(self._folder):
                (self._folder / _FORGOTTEN).unlink(missing_ok=True)


def damaged_files(folder: Path) -> int:
    """Count the files of a spool with unreadable lines, kept for the operator."""
    return sum(1 for _ in folder.glob(f"*{_DAMAGED}"))


def forget(folder: Path, listener: str, until: str) -> None:
    """Prevent a listener's waiting events, of any process, from ever being stored.

    Args:
        folder: The spool.
        listener: Whose, as a keyed hash.
        until: Events received until then, as `feedback.stamp` writes it.

    Raises:
        OSError: It cannot be written down.
    """
    if not listener:
        return
    for path in folder.glob(f"*{_DAMAGED}"):
        _forget_damaged(path, listener)
    if not _files(folder):
        return
    handle = os.open(folder / _FORGOTTEN, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, f"{listener} {until}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    _sync(folder)


def _keep_damaged(segment: _Segment) -> None:
    """Copy a segment's unreadable lines to a separate file."""
    with segment.path.open("rb") as stream:
        lines = [line for line in stream if _rows(line) is None]
    target = segment.path.with_suffix(_DAMAGED)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as kept:
        kept.writelines(lines)
        kept.flush()
        os.fsync(kept.fileno())


def _forget_damaged(path: Path, listener: str) -> None:
    """Remove the damaged lines that are, or may be, of a listener.

    A line stays only if each of its events names another listener: of a line too damaged to show
    that, nobody can say whose it is.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if _is_of_others(line, listener.encode())]
    if len(kept) == len(lines):
        return
    if kept:
        write_atomically(path, b"".join(kept), PRIVATE_MODE)
    else:
        path.unlink(missing_ok=True)


def _is_of_others(line: bytes, listener: bytes) -> bool:
    named = _NAMED.findall(line)
    return listener not in named and len(named) == line.count(b'"event_id"') > 0


def _forgotten(folder: Path) -> dict[str, str]:
    try:
        # Bytes that are no text are of no listener: hashes are plain digits.
        text = (folder / _FORGOTTEN).read_text(encoding="utf-8", errors="replace")
        lines = text.splitlines()
    except FileNotFoundError:
        return {}
    # Of two deletions the later one, which comes last, counts.
    words = [line.split() for line in sorted(lines)]
    return {each[0]: each[1] for each in words if len(each) == 2}


def _is_forgotten(row: Row, forgotten: Mapping[str, str]) -> bool:
    return str(row["received_at"]) <= forgotten.get(row["listener"] or "", "")


def _key(row: Row) -> Key:
    return str(row["client"]), str(row["event_id"])


def _fresh(rows: Sequence[Row], held: set[Key], added: set[Key]) -> list[Row]:
    """Filter rows to those whose key is neither held nor added yet, and add their keys."""
    fresh = []
    for row in rows:
        if (key := _key(row)) not in held and key not in added:
            added.add(key)
            fresh.append(row)
    return fresh


def _line(rows: Sequence[Row]) -> bytes:
    body = json.dumps([dict(row) for row in rows], separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _rows(line: bytes) -> list[Row] | None:
    """Decode the rows of a line; None if it is damaged."""
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if b"%08x" % zlib.crc32(body) != checksum:
        return None
    try:
        rows: list[Row] = json.loads(body)
    except (ValueError, RecursionError):
        return None  # a checksum is no signature: somebody else may have written the line
    return rows


def _batches(segment: _Segment) -> Iterator[tuple[int, list[Row], bool]]:
    """Read batches of lines: the end in bytes, the rows, and whether all were readable."""
    batch: list[Row] = []
    whole, end, size = True, segment.done, segment.size
    with segment.path.open("rb") as stream:
        stream.seek(segment.done)
        while end < size:
            line = stream.readline()
            end += len(line)
            rows = _rows(line)
            whole = whole and rows is not None
            batch += rows or []
            if len(batch) >= _ROWS_AT_ONCE or end >= size or not line:
                yield end, batch, whole
                batch = []
            if not line:
                return


def _files(folder: Path) -> list[Path]:
    """List the files of a spool, oldest first: their names begin with their time in ns."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


def _create(folder: Path) -> _Segment:
    """Create a file under a hidden name, so that no process adopts it before it is locked."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{time.time_ns():020d}-{uuid4().hex[:12]}"
    hidden, path = folder / f".{name}", folder / f"{name}{_SUFFIX}"
    handle = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(path)
        _sync(folder)
        # The folder may be new too, made by this process or by another that has not synced it.
        _sync(folder.parent)
    except OSError:
        os.close(handle)
        hidden.unlink(missing_ok=True)
        raise
    return _Segment(path, handle)


def _append(segment: _Segment, lines: bytes) -> None:
    try:
        rest = memoryview(lines)
        while rest:
            rest = rest[os.pwrite(segment.handle, rest, segment.size + len(lines) - len(rest)) :]
        os.fdatasync(segment.handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(segment.handle, segment.size)
        raise


def _take(path: Path) -> _Segment | None:
    """Take over a file; None if another process holds it, or it no longer exists."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between the two calls its owner may have finished with it.
        if not path.exists() or os.fstat(handle).st_ino != path.stat().st_ino:
            raise FileNotFoundError(path)
    except OSError:
        os.close(handle)
        return None
    segment = _Segment(path, handle)
    with path.open("rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break  # incomplete: no client got a confirmation
            segment.size += len(line)
            segment.keys.update(_key(row) for row in _rows(line) or ())
    return segment


def _remove(segment: _Segment) -> None:
    segment.path.unlink(missing_ok=True)
    os.close(segment.handle)
    with contextlib.suppress(OSError):
        _sync(segment.path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
