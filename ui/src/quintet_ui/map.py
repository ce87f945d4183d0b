"""The map of the catalogue as the browser reads it: places first, names after them.

The gateway's Arrow file becomes two files of the page's server, each made once for a version and
compressed: the browser draws as soon as it has the first, which takes nine bytes per song.
"""

import gzip
import json
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from quintet_client import ApiError, Quintet, QuintetError
from quintet_text.printable import printable
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

PLACES: Final = "/map/places"
NAMES: Final = "/map/names"
MOST_GENRES: Final = 254
"""Genres with a number; all others share 255, as tracks without a genre do."""
NO_GENRE: Final = 255
FRESH_SECONDS: Final = 30.0  # a catalogue changes a few times a day at most
_SECONDS: Final = 12.0
"""100,000 songs are some 7 MB: more than a list, so it may take longer than one."""
_MOST_TITLE: Final = 120
_LEVEL: Final = 5


@dataclass(frozen=True)
class MapFiles:
    """The two files of one version of the map.

    Attributes:
        version: The version, as the gateway's ETag.
        places: Compressed: length of the header (uint32), header (JSON), padding to four bytes,
            x and y (float32 each, within -1 to 1), and the genre of each song (uint8).
        names: Compressed JSON: ids, titles and artists in the order of the places.
    """

    version: str
    places: bytes
    names: bytes


def map_files(version: str, content: bytes) -> MapFiles:
    """Read the map from an Arrow IPC file (docs/api.md), and write it for the browser."""
    table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
    placed = np.isfinite(table.column("x").to_numpy())
    unplaced = int(np.count_nonzero(~placed))
    if unplaced:
        table = table.filter(pa.array(placed))
    x, y = (table.column(name).to_numpy().astype("<f4") for name in ("x", "y"))
    genres = np.asarray(table.column("genre").to_pylist(), dtype=object)
    found, counts = np.unique(genres[genres != ""], return_counts=True)
    # The most frequent genres first; ties keep their alphabetical order.
    named = [str(found[place]) for place in np.argsort(-counts, kind="stable")[:MOST_GENRES]]
    number = {name: place for place, name in enumerate(named)}
    codes = np.array([number.get(name, NO_GENRE) for name in genres], dtype=np.uint8)
    header = {
        "version": version,
        "count": len(x),
        "unplaced": unplaced,
        "genres": [printable(name, _MOST_TITLE) for name in named],
    }
    columns = {name: table.column(source).to_pylist() for name, source in _COLUMNS.items()}
    names = {
        "ids": columns["ids"],
        **{key: [printable(text, _MOST_TITLE) for text in columns[key]] for key in _SHOWN},
    }
    return MapFiles(
        version,
        _compressed(_packed(header, [x, y, codes])),
        _compressed(json.dumps(names, ensure_ascii=False, separators=(",", ":")).encode()),
    )


_COLUMNS: Final = {"ids": "track_id", "titles": "title", "artists": "artist"}
_SHOWN: Final = ("titles", "artists")


def _packed(header: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> bytes:
    text = json.dumps(header, ensure_ascii=False).encode()
    # A view of float32 in the browser begins at a multiple of four bytes.
    text += b" " * (-(len(text) + 4) % 4)
    return struct.pack("<I", len(text)) + text + b"".join(array.tobytes() for array in arrays)


def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, _LEVEL, mtime=0)


class MapRoutes:
    """Answers the browser's requests for the map; the newest version is kept, compressed.

    Args:
        gateway: The page's client.
    """

    def __init__(self, gateway: Quintet) -> None:
        self._gateway = gateway.with_options(timeout=_SECONDS)
        self._files: MapFiles | None = None
        self._asked = -FRESH_SECONDS
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        """List the routes for the page's server."""
        return [
            Route(PLACES, self._places, methods=["GET"]),
            Route(NAMES, self._names, methods=["GET"]),
        ]

    def newest(self) -> MapFiles:
        """Get the newest map, downloading it at most every half minute.

        Raises:
            QuintetError: The gateway did not answer with one, and there is none from before.
        """
        # One visitor downloads it; others wait for that.
        with self._lock:
            known = self._files
            if known is not None and time.monotonic() - self._asked < FRESH_SECONDS:
                return known
            try:
                found = self._gateway.catalogue_map(known.version if known else "")
            except QuintetError:
                # An older map is better than none.
                if known is None:
                    raise
                return known
            self._asked = time.monotonic()
            if found is not None:
                known = self._files = map_files(found.etag, found.content)
            if known is None:
                raise RuntimeError("a gateway said that a map we never had is still the newest")
            return known

    async def _places(self, request: Request) -> Response:
        return await self._answer(request, "application/octet-stream", "places")

    async def _names(self, request: Request) -> Response:
        return await self._answer(request, "application/json", "names")

    async def _answer(self, request: Request, media_type: str, part: str) -> Response:
        try:
            files = await run_in_threadpool(self.newest)
        except QuintetError as fault:
            code = fault.code if isinstance(fault, ApiError) else 503
            headers = {"cache-control": "no-store"}
            return PlainTextResponse("The map is unavailable.\n", code, headers)
        # no-cache: the browser keeps the file, and asks each time whether it is the newest.
        headers = {"etag": files.version, "cache-control": "no-cache", "vary": "accept-encoding"}
        if files.version in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content: bytes = getattr(files, part)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(content, 200, {**headers, "content-encoding": "gzip"}, media_type)
        return Response(gzip.decompress(content), 200, headers, media_type)
