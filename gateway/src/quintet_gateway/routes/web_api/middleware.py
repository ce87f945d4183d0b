"""What every request passes before its route: address, slash, HEAD, and the gatekeeper."""

import re
from collections.abc import Callable
from typing import Final

from fastapi import Response
from quintet_servicekit.errors import AppError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quintet_gateway.access import Gatekeeper
from quintet_gateway.access import Scope as Right
from quintet_gateway.routes.web_api.responses import failure_of

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?\Z")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}\Z")
_GUARDED: Final = ("/v1", "/api/v1", "/search", "/recommend_ranked", "/metrics")

_RIGHTS: Final = {
    "/api/v1/feedback": Right.FEEDBACK,
    "/api/v1/listeners": Right.ADMIN,
    "/api/v1/experiment": Right.ADMIN,
    "/metrics": Right.ADMIN,
}


def is_guarded(path: str) -> bool:
    """Returns whether a path needs a token."""
    return any(_is_below(path, start) for start in _GUARDED)


def right_for(path: str) -> Right:
    """Returns what a token must allow for a guarded path."""
    return next((right for start, right in _RIGHTS.items() if _is_below(path, start)), Right.READ)


def _is_below(path: str, start: str) -> bool:
    return path == start or path.startswith(start + "/")


class Edge:
    """Prepares a request for its route.

    - A slash at the end of a path is not counted.
    - HEAD is answered as GET without the body.
    - `scope["quintet.base"]` is the address the caller used, for links that can be followed.
    - `scope["quintet.caller"]` is who calls; where nobody may, the answer says why.

    Args:
        app: What comes next.
        gatekeeper: Decides who may call.
        render: Renders a refusal outside /v1.
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
        scope = self._prepared(scope)
        if scope["quintet.head"]:
            send = _without_body(send)
        path: str = scope["path"]
        if is_guarded(path):
            try:
                authorization = Headers(scope=scope).get("authorization")
                scope["quintet.caller"] = await self._gatekeeper.admit(
                    authorization, right_for(path)
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
    return (value or "").partition(",")[0].strip()


def _without_body(send: Send) -> Send:
    """Returns a `send` that leaves the body out and its length in."""

    async def bare(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return bare
