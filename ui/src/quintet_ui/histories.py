"""Pass a listening history from the browser to the gateway, part by part.

The browser has no access token, and may not reach the gateway; the page has and does. A part is at
most 1 MiB, so that neither holds a whole file in memory.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from quintet_client import ApiError, Quintet, QuintetError
from quintet_client.models import HistoryUpload
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

HISTORIES: Final = "/own/histories"
PART_BYTES: Final = 512 * 1024
"""Bytes of a part that the browser sends; no gateway accepts fewer by default."""
_MOST_BYTES: Final = 1024 * 1024
_SECONDS: Final = 10.0


class Histories:
    """Answers the browser's requests for an upload.

    Args:
        gateway: The page's client.
    """

    def __init__(self, gateway: Quintet) -> None:
        self._gateway = gateway.with_options(timeout=_SECONDS)

    def routes(self) -> list[Route]:
        """List the routes for the page's server."""
        return [
            Route(HISTORIES, self._begin, methods=["POST"]),
            Route(HISTORIES + "/{id}", self._add, methods=["PUT"]),
            Route(HISTORIES + "/{id}", self._state, methods=["GET"]),
        ]

    async def _begin(self, request: Request) -> Response:
        body = await _body(request)
        try:
            asked = json.loads(body or b"")
            listener, size = str(asked["listener"]), int(asked["bytes"])
        except (ValueError, KeyError, TypeError):
            return _json({"reason": "REQUEST_MALFORMED"}, 400)
        return await _answered(lambda: self._gateway.start_history(listener, size))

    async def _add(self, request: Request) -> Response:
        offset = request.query_params.get("offset", "")
        part = await _body(request)
        if not offset.isdecimal() or len(offset) > 12:
            return _json({"reason": "REQUEST_MALFORMED"}, 400)
        if part is None:
            return _json({"reason": "REQUEST_TOO_LARGE"}, 413)
        name = request.path_params["id"]
        return await _answered(lambda: self._gateway.add_history_part(name, int(offset), part))

    async def _state(self, request: Request) -> Response:
        name = request.path_params["id"]
        return await _answered(lambda: self._gateway.history(name))


async def _body(request: Request) -> bytes | None:
    """Read a body; None if it is too large."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            return None
    return bytes(body)


async def _answered(call: Callable[[], HistoryUpload]) -> Response:
    try:
        upload = await run_in_threadpool(call)
    except ApiError as fault:
        return _json({"reason": fault.reason}, fault.code)
    except QuintetError:
        return _json({"reason": "UPSTREAM_UNAVAILABLE"}, 503)
    return _json(upload.model_dump(mode="json"), 200)


def _json(facts: dict[str, Any], status: int) -> Response:
    return JSONResponse(facts, status, {"cache-control": "no-store"})
