"""Middleware before the routes: the caller's address, final slash, HEAD, and access."""

import re
from collections.abc import Callable
from typing import Final

from fastapi import Response
from quintet_servicekit.errors import AppError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quintet_gateway.access import Gatekeeper
from quintet_gateway.access import Scope as AccessScope
from quintet_gateway.routes.web_api.responses import failure_of

# Forwarded and Host headers are the client's: only what can be a host, and a path, goes into links.
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?\Z")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}\Z")
_GUARDED: Final = ("/v1", "/api/v1", "/search", "/recommend_ranked", "/metrics")

# Paths that need another scope than reading.
_SCOPES: Final = {
    "/api/v1/feedback": AccessScope.FEEDBACK,
    "/api/v1/listeners": AccessScope.ADMIN,
    "/api/v1/experiment": AccessScope.ADMIN,
    "/metrics": AccessScope.ADMIN,
}


def is_guarded(path: str) -> bool:
    """Check whether a path needs a token."""
    return any(_is_below(path, start) for start in _GUARDED)


def scope_for(path: str) -> AccessScope:
    """Choose the scope that a token needs for a guarded path."""
    return next(
        (scope for start, scope in _SCOPES.items() if _is_below(path, start)), AccessScope.READ
    )


def _is_below(path: str, start: str) -> bool:
    return path == start or path.startswith(start + "/")


class Edge:
    """Prepare a request for its route, and authenticate its caller.

    - A slash at the end of a path is ignored.
    - HEAD is answered as GET without the body.
    - `scope["quintet.base"]` is the address that the caller used, for links that it can follow.
    - `scope["quintet.caller"]` is the caller; otherwise the answer is 401, 403 or 429.

    Args:
        app: The wrapped application.
        gatekeeper: Decides who may call.
        render: Renders an error outside /v1.
        trust_proxy: Whether X-Forwarded-Proto, -Host and -Prefix are believed.
    """

    def __init__(
        self,
        app: ASGIApp,
        gatekeeper: Gatekeeper,
        render: Callable[[AppError], Response],
        trust_proxy: bool = False,
    ) -> None:
        self._app = app
        self._gatekeeper = gatekeeper
        self._render = render
        self._trust_proxy = trust_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # First: access and routes both judge by the prepared path.
        scope = self._prepared(scope)
        if scope["quintet.head"]:
            send = _without_body(send)
        path: str = scope["path"]
        if is_guarded(path):
            try:
                authorization = Headers(scope=scope).get("authorization")
                scope["quintet.caller"] = await self._gatekeeper.admit(
                    authorization, scope_for(path)
                )
            except AppError as error:
                under_v1 = path == "/v1" or path.startswith("/v1/")
                response = failure_of(error) if under_v1 else self._render(error)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _prepared(self, scope: Scope) -> Scope:
        path: str = scope["path"]
        prepared = {**scope, "quintet.base": self._base(scope)}
        if len(path) > 1 and path.endswith("/"):
            prepared["path"] = path.rstrip("/") or "/"
            prepared["raw_path"] = scope.get("raw_path", b"").rstrip(b"/") or b"/"
        prepared["quintet.head"] = scope["method"] == "HEAD"
        if prepared["quintet.head"]:
            prepared["method"] = "GET"
        return prepared

    def _base(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        scheme: str = scope.get("scheme", "http")
        host, prefix = headers.get("host", ""), ""
        if self._trust_proxy:
            forwarded = _first(headers.get("x-forwarded-proto")).lower()
            scheme = forwarded if forwarded in ("http", "https") else scheme
            host = _first(headers.get("x-forwarded-host")) or host
            prefix = _first(headers.get("x-forwarded-prefix")).rstrip("/")
        if not _HOST.match(host):
            name, port = scope.get("server") or ("localhost", None)
            host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        return f"{scheme}://{host}{prefix if _PREFIX.match(prefix) else ''}"


def _first(value: str | None) -> str:
    """Read the first of the values that a chain of proxies has appended."""
    return (value or "").partition(",")[0].strip()


def _without_body(send: Send) -> Send:
    """Drop the body of an answer to HEAD, and keep its Content-Length."""

    async def bare(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return bare
