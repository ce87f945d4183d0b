"""Serve audio and covers of a listener's own music to the browser, from the gateway.

The browser has no access token, and may not reach the gateway; the page has and does. The security
headers of the page keep other websites from using these addresses.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from quintet_client import ApiError, Quintet, QuintetError
from quintet_client.models import Binary
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

AUDIO: Final = "/own/audio/"
COVER: Final = "/own/cover/"
_SECONDS: Final = 12.0
"""A media server may have to wake a disk; the gateway waits no longer for one."""
_PASSED_ON: Final = (
    *("content-type", "content-range", "accept-ranges", "etag", "last-modified"),
    "cache-control",
)


def audio_address(track_id: str) -> str:
    """Make the address of a track's audio, below that of the page."""
    return AUDIO + quote(track_id, safe="")


def cover_address(track_id: str) -> str:
    """Make the address of a track's cover, below that of the page."""
    return COVER + quote(track_id, safe="")


class OwnFiles:
    """Answers the browser's requests for audio and covers.

    Args:
        gateway: The page's client.
    """

    def __init__(self, gateway: Quintet) -> None:
        self._gateway = gateway.with_options(timeout=_SECONDS)

    def routes(self) -> list[Route]:
        """List the routes for the page's server."""
        return [
            Route(AUDIO + "{id}", self._audio, methods=["GET"]),
            Route(COVER + "{id}", self._cover, methods=["GET"]),
        ]

    async def _audio(self, request: Request) -> Response:
        asked, track_id = request.headers.get("range"), request.path_params["id"]
        if_range = request.headers.get("if-range", "")
        try:
            # A part is at most 1 MiB: the gateway bounds it, and the player asks for the next one.
            part = await run_in_threadpool(
                self._gateway.audio, track_id, asked or "bytes=0-", if_range
            )
        except QuintetError as fault:
            return _failure(fault)
        if asked or part.status != 206:
            return Response(part.content, part.status, _headers(part))
        size = int(part.headers["content-range"].rpartition("/")[2])
        headers = {k: v for k, v in _headers(part).items() if k != "content-range"}
        headers["content-length"] = str(size)
        # For a caller that asks for no part, such as one that saves the file.
        return StreamingResponse(self._rest(track_id, part, size), 200, headers)

    def _rest(self, track_id: str, part: Binary, size: int) -> Iterator[bytes]:
        yield part.content
        place, tag = len(part.content), part.headers.get("etag", "")
        while place < size:
            part = self._gateway.audio(track_id, f"bytes={place}-", tag)
            if part.status != 206:
                raise OSError("the file changed while it was sent")
            place += len(part.content)
            yield part.content

    async def _cover(self, request: Request) -> Response:
        tag = request.headers.get("if-none-match", "")
        try:
            picture = await run_in_threadpool(self._gateway.cover, request.path_params["id"], tag)
        except QuintetError as fault:
            return _failure(fault)
        return Response(picture.content, picture.status, _headers(picture))


def _headers(part: Binary) -> dict[str, str]:
    return {name: part.headers[name] for name in _PASSED_ON if name in part.headers}


def _failure(fault: QuintetError) -> Response:
    # The reason may name a path of the machine: the page shows it to nobody but its log.
    code = fault.code if isinstance(fault, ApiError) else 503
    headers = {"cache-control": "no-store"}
    if isinstance(fault, ApiError) and code == 416:
        headers["content-range"] = fault.metadata.get("content_range", "bytes */*")
    return PlainTextResponse("The audio or the cover is unavailable.\n", code, headers)
