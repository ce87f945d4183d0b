"""Keep the covers of media servers on the disk, so that a page of songs asks a server once."""

import asyncio
import contextlib
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from quintet_files import PRIVATE_MODE, picture_kind, write_atomically
from quintet_store.sources import SourceSpec

from quintet_gateway.adapters.music.files import MOST_COVER_BYTES, read_cover
from quintet_gateway.adapters.music.servers import MediaServers, ServerFailed
from quintet_gateway.domain import Picture

_log = structlog.get_logger(__name__)
_KINDS: Final = ("jpg", "png", "gif", "webp")
FRESH_SECONDS: Final = 7 * 86_400.0
"""A kept cover is asked for again after a week: people replace them."""
_NONE_SECONDS: Final = 3_600.0
"""A song without a cover, or whose server failed, is not asked for again within an hour."""
_MOST_NONE: Final = 10_000
# Requests to all servers at once: a page shows fifty songs, and a server reads each from its disk.
_AT_ONCE: Final = 4


class ServerCovers:
    """Gives covers of songs of media servers, from the disk or from the server.

    Args:
        servers: Client of media servers.
        folder: Where covers are kept; it is created with the first.
        most_bytes: Bytes to keep; those kept first go first. 0 keeps none.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        servers: MediaServers,
        folder: Path,
        most_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._servers, self._folder, self._most = servers, folder, most_bytes
        self._clock = clock
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._none: OrderedDict[str, float] = OrderedDict()

    async def get(self, spec: SourceSpec, item_id: str) -> Picture | None:
        """Find the cover of a song; None if there is none, or the server cannot be asked now."""
        key = _key_of(spec, item_id)
        kept = await asyncio.to_thread(self._kept, key)
        if kept is not None:
            return kept
        async with self._gate:
            if self._none.get(key, 0.0) > self._clock():
                return None
            try:
                data = await self._servers.cover(spec, item_id, MOST_COVER_BYTES)
            except ServerFailed as fault:
                _log.warning("cover unavailable", source=spec.name, reason=str(fault))
                data = None
        kind = picture_kind(data or b"")
        if not data or not kind:
            self._note_none(key)
            return None
        await asyncio.to_thread(self._keep, f"{key}.{kind}", data)
        return _picture(data, "image/jpeg" if kind == "jpg" else f"image/{kind}")

    def _kept(self, key: str) -> Picture | None:
        """Read a fresh cover from the disk."""
        for kind in _KINDS:
            path = self._folder / f"{key}.{kind}"
            with contextlib.suppress(OSError):
                fresh = path.stat().st_mtime > self._clock() - FRESH_SECONDS
                if fresh and (found := read_cover(self._folder, path.name)) is not None:
                    return _picture(*found)
        return None

    def _keep(self, name: str, data: bytes) -> None:
        """Write a cover, and delete the oldest ones beyond the bound; a full disk keeps none."""
        if len(data) > self._most:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._folder / name, data, PRIVATE_MODE)
            for old in _beyond(self._folder, self._most):
                old.unlink(missing_ok=True)
        except OSError as fault:
            _log.warning("cover not kept", reason=os.strerror(fault.errno or 0))

    def _note_none(self, key: str) -> None:
        self._none[key] = self._clock() + _NONE_SECONDS
        self._none.move_to_end(key)
        while len(self._none) > _MOST_NONE:
            self._none.popitem(last=False)


def _key_of(spec: SourceSpec, item_id: str) -> str:
    """Name a song's cover: 128 bits, as the names of other covers."""
    text = "\0".join((spec.name, spec.address, item_id))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _picture(data: bytes, kind: str) -> Picture:
    tag = hashlib.blake2b(data, digest_size=16).hexdigest()
    return Picture(data, kind, f'"{tag}"')


def _beyond(folder: Path, most: int) -> list[Path]:
    """List the files that were written first, so that the others take at most so many bytes."""
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((status.st_mtime_ns, path, status.st_size))
    total, old = sum(size for _, _, size in found), []
    for _, path, size in sorted(found):
        if total <= most:
            break
        total -= size
        old.append(path)
    return old
