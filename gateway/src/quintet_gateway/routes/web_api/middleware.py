"""Middleware before the routes: the caller's address, final slash, HEAD, and access."""

import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Response
from quintet_servicekit.errors import AppError, ResourceExhausted, Unauthenticated
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quintet_gateway.access import Gatekeeper
from quintet_gateway.access import Scope as AccessScope
from quintet_gateway.proxies import TrustedProxies, address_key
from quintet_gateway.routes.web_api.responses import failure_of

# Forwarded and Host headers are the client's: only what can be a host, and a path, goes into links.
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?\Z")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}\Z")
_GUARDED: Final = ("/v1", "/api/v1", "/search", "/recommend_ranked", "/metrics")

_TOKEN: Final = "/api/token"
ALWAYS_ANSWERED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are answered whatever the load."""
UNMATCHED: Final = "unmatched"
"""The route label of unknown paths, so that scanners cannot create a metric per path."""
_UNKNOWN_ROUTE: Final = (404, 405)
# Paths that need another scope than reading.
_SCOPES: Final = {
    "/api/v1/feedback": AccessScope.FEEDBACK,
    "/api/v1/histories": AccessScope.FEEDBACK,
    "/api/v1/listeners": AccessScope.ADMIN,
    "/api/v1/experiment": AccessScope.ADMIN,
    "/api/v1/operator": AccessScope.ADMIN,
    "/api/v1/library": AccessScope.LIBRARY,
    "/api/v1/playlists": AccessScope.PLAYLISTS,
    "/metrics": AccessScope.ADMIN,
}

# Of a track: its audio is a file of a person's, unlike what the catalogue says of it.
_AUDIO: Final = re.compile(r"/api/v1/tracks/[^/]+/audio\Z")


def shaped(path: str, error: AppError, render: Callable[[AppError], Response]) -> Response:
    """Render an error in the shape of its path: Spotify's, or that of all other paths."""
    spotify = _is_below(path, "/v1") or path == _TOKEN
    return failure_of(error) if spotify else render(error)


def is_guarded(path: str) -> bool:
    """Check whether a path needs a token."""
    return any(_is_below(path, start) for start in _GUARDED)


def scope_for(path: str) -> AccessScope:
    """Choose the scope that a token needs for a guarded path."""
    if _AUDIO.match(path):
        return AccessScope.LIBRARY
    return next(
        (scope for start, scope in _SCOPES.items() if _is_below(path, start)), AccessScope.READ
    )


def _is_below(path: str, start: str) -> bool:
    return path == start or path.startswith(start + "/")


class Edge:
    """Prepare a request for its route, and authenticate its caller.

    - A slash at the end of a path is ignored.
    - HEAD is answered as GET without the body.
    - `scope["quintet.address"]` is the caller's address; failures are counted by it.
    - `scope["quintet.base"]` is the address that the caller used, for links that it can follow.
    - `scope["quintet.caller"]` is the caller; otherwise the answer is 401, 403 or 429.

    Args:
        app: The wrapped application.
        gatekeeper: Decides who may call.
        render: Renders an error outside /v1.
        proxies: Decides whether X-Forwarded-* headers are believed.
    """

    def __init__(
        self,
        app: ASGIApp,
        gatekeeper: Gatekeeper,
        render: Callable[[AppError], Response],
        proxies: TrustedProxies | None = None,
    ) -> None:
        self._app = app
        self._gatekeeper = gatekeeper
        self._render = render
        self._proxies = proxies or TrustedProxies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # First: access and routes both judge by the prepared path.
        scope = self._prepared(scope)
        if scope["quintet.head"]:
            send = _without_body(send)
        path: str = scope["path"]
        try:
            await self._admit(scope, path)
        except AppError as error:
            await shaped(path, error, self._render)(scope, receive, send)
            return
        await self._app(scope, receive, send)
        facts = scope.get("state", {})
        if facts.get("status") in _UNKNOWN_ROUTE and facts.get("route") == UNMATCHED:
            # The answer is sent; `check_failures` denies the next one.
            with contextlib.suppress(ResourceExhausted):
                await self._gatekeeper.count_failure(address_key(scope["quintet.address"]))

    async def _admit(self, scope: Scope, path: str) -> None:
        """Authenticate the caller of a guarded path, and count what needs no token by address.

        All of it happens before the body is read.

        Raises:
            AppError: The caller may not call, or calls too often.
        """
        key = address_key(scope["quintet.address"])
        if not is_guarded(path):
            if path == _TOKEN:
                await self._gatekeeper.count_token_request(key)
            elif path not in ALWAYS_ANSWERED:
                await self._check(scope, self._gatekeeper.check_failures(key))
            return
        try:
            authorization = Headers(scope=scope).get("authorization")
            scope["quintet.caller"] = await self._gatekeeper.admit(authorization, scope_for(path))
        except Unauthenticated:
            await self._check(scope, self._gatekeeper.count_failure(key))
            raise

    async def _check(self, scope: Scope, count: Awaitable[None]) -> None:
        """Wait for a count of failures; those beyond the limit get no line in the log."""
        try:
            await count
        except ResourceExhausted:
            scope.setdefault("state", {})["unlogged"] = True
            raise

    def _prepared(self, scope: Scope) -> Scope:
        path: str = scope["path"]
        prepared = {**scope, "quintet.base": self._base(scope)}
        forwarded = Headers(scope=scope).getlist("x-forwarded-for")
        prepared["quintet.address"] = self._proxies.caller(_peer(scope), forwarded)
        # Outer middleware has another copy of the scope, but the same state.
        scope.setdefault("state", {})["https"] = prepared["quintet.base"].startswith("https:")
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
        if self._proxies.trusts(_peer(scope)):
            forwarded = _first(headers.get("x-forwarded-proto")).lower()
            scheme = forwarded if forwarded in ("http", "https") else scheme
            host = _first(headers.get("x-forwarded-host")) or host
            prefix = _first(headers.get("x-forwarded-prefix")).rstrip("/")
        if not _HOST.match(host):
            name, port = scope.get("server") or ("localhost", None)
            host = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        return f"{scheme}://{host}{prefix if _PREFIX.match(prefix) else ''}"


def _peer(scope: Scope) -> str:
    """Name the other end of the connection; a socket of the file system has no address."""
    client = scope.get("client")
    return client[0] if client else "unknown"


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
