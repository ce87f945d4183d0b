"""Read audio and covers from the disk, and nothing outside of the folder that they belong to."""

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Final

from quintet_gateway.adapters.music.ranges import Span, asked_span, is_still
from quintet_gateway.domain import AudioPart

AUDIO_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{".mp3": "audio/mpeg", ".flac": "audio/flac", ".wav": "audio/wav"},
        **{".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg"},
        **{".m4a": "audio/mp4", ".mp4": "audio/mp4", ".aac": "audio/aac"},
        **{".aif": "audio/aiff", ".aiff": "audio/aiff", ".wma": "audio/x-ms-wma"},
    }
)
"""Types by the end of a file's name; other files are not served, whatever a source lists."""
_CHUNK: Final = 64 * 1024


class FileUnavailable(Exception):
    """A file is gone, not audio, or outside of its folder; the message names no path."""


@dataclass(frozen=True)
class OpenFile:
    """A file open for reading; its owner closes `handle`."""

    handle: int
    size: int
    modified_ns: int
    kind: str

    @property
    def etag(self) -> str:
        """A strong tag: another one if size or time differ."""
        return f'"{self.modified_ns:x}-{self.size:x}"'

    @property
    def modified(self) -> str:
        """The time of the last change, as HTTP writes it."""
        return formatdate(self.modified_ns / 1e9, usegmt=True)


def open_audio(path: str, folder: str) -> OpenFile:
    """Open an audio file of a folder; links may lead to any place inside of the folder.

    Args:
        path: As the source lists it, absolute.
        folder: The source's folder.

    Raises:
        FileUnavailable: It cannot be served.
    """
    kind = AUDIO_TYPES.get(PurePath(path).suffix.lower())
    if kind is None:
        raise FileUnavailable("it has no name of an audio file")
    try:
        root, found = os.path.realpath(folder, strict=True), os.path.realpath(path, strict=True)
        _check_inside(found, root)
        # A pipe would block until somebody writes to it; a link here is newer than the check.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(found, flags)
    except OSError as fault:
        raise FileUnavailable(os.strerror(fault.errno) if fault.errno else "unreadable") from fault
    except ValueError as fault:
        raise FileUnavailable("its path holds a NUL character") from fault
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise FileUnavailable("it is no regular file")
        # A folder on the way may have become a link since: the system knows what was opened.
        if os.path.exists(opened := f"/proc/self/fd/{handle}"):
            _check_inside(os.path.realpath(opened), root)
    except (OSError, FileUnavailable):
        os.close(handle)
        raise
    return OpenFile(handle, facts.st_size, facts.st_mtime_ns, kind)


def _check_inside(path: str, root: str) -> None:
    if os.path.commonpath((path, root)) != root:
        raise FileUnavailable("it is outside of the source's folder")


async def file_part(path: str, folder: str, asked: str | None, if_range: str | None) -> AudioPart:
    """Answer a request for a file, whole or the part that it asks for.

    Args:
        path: As the source lists it.
        folder: The source's folder.
        asked: The Range header.
        if_range: The If-Range header.

    Raises:
        FileUnavailable: It cannot be served.
        InvalidInput: The range begins after its end.
    """
    file = await asyncio.to_thread(open_audio, path, folder)
    try:
        span = (
            asked_span(asked, file.size) if is_still(if_range, file.etag, file.modified) else None
        )
    except Exception:
        os.close(file.handle)
        raise
    whole = Span(0, file.size)
    headers = {
        "Content-Type": file.kind,
        "Content-Length": str((span or whole).stop - (span or whole).start),
        "Accept-Ranges": "bytes",
        "ETag": file.etag,
        "Last-Modified": file.modified,
    }
    if span:
        headers["Content-Range"] = span.of(file.size)

    async def close() -> None:
        os.close(file.handle)

    return AudioPart(206 if span else 200, headers, _read(file.handle, span or whole), close)


async def _read(handle: int, span: Span) -> AsyncIterator[bytes]:
    place = span.start
    while place < span.stop:
        size = min(_CHUNK, span.stop - place)
        # In a thread: a disk that has to wake up, or a network folder, would block all requests.
        data = await asyncio.to_thread(os.pread, handle, size, place)
        if not data:
            raise FileUnavailable("it became shorter while it was read")
        place += len(data)
        yield data


_COVER: Final = re.compile(r"[0-9a-f]{32}\.(jpg|png|gif|webp)\Z")
_PICTURE_TYPES: Final = {"jpg": "image/jpeg", "png": "image/png"} | {
    kind: f"image/{kind}" for kind in ("gif", "webp")
}
MOST_COVER_BYTES: Final = 8 * 1024**2
"""A sync keeps no larger picture."""


def read_cover(folder: Path, name: str) -> tuple[bytes, str] | None:
    """Read a cover and its type; None if it is gone.

    The sync that wrote it recognised the picture by its first bytes and named it after its hash and
    its format; files of other names are not served.
    """
    match = _COVER.match(name)
    if match is None:
        return None
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(handle, "rb") as stream:
        regular = stat.S_ISREG(os.fstat(handle).st_mode)
        data = stream.read(MOST_COVER_BYTES + 1) if regular else b""
    return (data, _PICTURE_TYPES[match[1]]) if 0 < len(data) <= MOST_COVER_BYTES else None
