"""Serves the scripts, styles and fonts of the page compressed, each compressed once.

Streamlit sends its files as they are: 3 MB at the first visit. Their names contain a hash of their
content, so browsers keep them, and this process keeps what it has compressed.
"""

import asyncio
import gzip
import mimetypes
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quintet_ui.shell import page_of

OWN: Final = Path(__file__).parent / "assets"
"""Files that replace those of Streamlit of the same name: its fonts, cut to what is used."""
_PREFIX: Final = "/static/"
_COMPRESSED: Final = frozenset({".js", ".css", ".json", ".svg"})
# 9 takes half a second for a megabyte on a busy core; the files above, such as Plotly, come later.
_QUALITY: Final = 9
_QUALITY_OF_LARGE: Final = 5
_LARGE_BYTES: Final = 1_000_000
_CACHE: Final = "public, immutable, max-age=31536000"


class _File(NamedTuple):
    content: bytes
    headers: Mapping[str, str]


class Assets:
    """Answers `/static/…` compressed with Brotli if the browser takes that; else Streamlit answers.

    Args:
        app: Streamlit.
        folder: The files that Streamlit serves; they bound what is kept in memory, to some 7 MB.
        own: Files that replace them.
    """

    def __init__(self, app: ASGIApp, folder: Path, own: Path = OWN) -> None:
        self._app = app
        self._folder = folder
        self._own = own
        self._kept: dict[str, _File | None] = {}
        self._reading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = await self._file(scope) if scope["type"] == "http" else None
        if file is None:
            sends = _with_first_screen(scope, send) if scope["type"] == "http" else send
            await self._app(scope, receive, sends)
            return
        await Response(file.content, headers=dict(file.headers))(scope, receive, send)

    async def _file(self, scope: Scope) -> _File | None:
        path: str = scope["path"]
        if not path.startswith(_PREFIX) or scope["method"] not in {"GET", "HEAD"}:
            return None
        if Path(path).suffix in _COMPRESSED and not _takes_brotli(scope):
            return None
        # One file at a time: a browser asks for many at once, and each is compressed once.
        async with self._reading:
            if path not in self._kept and (source := self._source(path)) is not None:
                self._kept[path] = await asyncio.to_thread(_read, source)
            return self._kept.get(path)

    def _source(self, path: str) -> Path | None:
        """Find the file of a path that is answered here; None for one that is not there."""
        found = (self._folder / path.lstrip("/")).resolve()
        own = self._own / found.name
        if not found.is_relative_to(self._folder.resolve()) or not found.is_file():
            return None
        if own.is_file():
            return own
        return found if found.suffix in _COMPRESSED else None


def _takes_brotli(scope: Scope) -> bool:
    takes = Headers(scope=scope).get("accept-encoding", "")
    return "br" in {each.partition(";")[0].strip() for each in takes.split(",")}


def _with_first_screen(scope: Scope, send: Send) -> Send:
    """Rewrite an answer that is the page's HTML, which comes in one part (`quintet_ui.shell`)."""
    held: list[Message] = []

    async def send_page(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            is_page = headers.get("content-type", "").startswith("text/html")
            if is_page and message["status"] == HTTPStatus.OK:
                held.append(message)
                return
        elif held:
            start = held.pop()
            headers = MutableHeaders(raw=list(start["headers"]))
            body = message.get("body", b"")
            if body and not message.get("more_body") and "content-length" in headers:
                # Streamlit compresses its answer for some paths.
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                    del headers["content-encoding"]
                body = page_of(body.decode(), scope["path"]).encode()
                if _takes_brotli(scope):
                    body = brotli.compress(body, quality=_QUALITY_OF_LARGE)
                    headers["content-encoding"] = "br"
                # It is another page than the one that these name.
                del headers["etag"], headers["last-modified"]
                headers["content-length"] = str(len(body))
                headers["vary"] = "Accept-Encoding"
                message = {**message, "body": body}
                start = {**start, "headers": headers.raw}
            await send(start)
        await send(message)

    return send_page


def _read(path: Path) -> _File:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"content-type": kind, "cache-control": _CACHE}
    if path.suffix not in _COMPRESSED:
        return _File(content, headers)
    quality = _QUALITY if len(content) < _LARGE_BYTES else _QUALITY_OF_LARGE
    packed = brotli.compress(content, quality=quality)
    return _File(packed, {**headers, "content-encoding": "br", "vary": "Accept-Encoding"})
