"""Decides which requests reach Streamlit: those of the page itself, under a name it is served by.

Streamlit serves more than this page uses (uploads, components, metrics, an API for agents), and
it looks up this machine's address on the internet for a WebSocket of another origin. So a request
is checked here first, before its body is read.
"""

import asyncio
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

STREAM: Final = "/_stcore/stream"
"""The WebSocket of a session."""
ANY_HOST: Final = "*"
# All that a browser asks for while it uses the page: its pages, files of the release, downloads,
# the map, and audio and covers of own music.
_ROUTES: Final = re.compile(
    r"/((explore|operator|own-music)/?)?|/map/(places|names)|/shell/search|/own/(audio|cover)/[^/]{1,1024}|/static/\w+/\w[\w@~.-]*|/(favicon\.png|manifest\.json)"
    r"|/_stcore/(health|host-config)|/media/[0-9a-f]{8,128}(\.\w{1,16})?"
)
_METHODS: Final = ("GET", "HEAD")
# The only addresses that are written to: a history that a listener uploads.
_UPLOADS: Final = re.compile(r"/own/histories(/[0-9a-f]{32})?")
_UPLOAD_METHODS: Final = ("GET", "POST", "PUT")
IDLE_SECONDS: Final = 900.0
"""A session that sent nothing for so long gives way to a new one if there are too many."""
# RFC 6455, section 7.4.1: the endpoint is going away. Streamlit's page then connects again.
_GOING_AWAY: Final = 1001


@dataclass(frozen=True)
class Denial:
    """Why a request goes no further.

    Attributes:
        status: HTTP status.
        text: One sentence for the person who reads the answer.
        headers: More headers of the answer.
    """

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class _Session:
    """One open WebSocket: when the browser sent something last, and whether it must close."""

    used: float
    evicted: asyncio.Event = field(default_factory=asyncio.Event)


class Guard:
    """Answers requests that are not the page's, and bounds the number of sessions.

    Args:
        app: Streamlit.
        hosts: Names under which the page is served, besides localhost and addresses; `ANY_HOST`
            for any.
        max_sessions: Open WebSockets; more get 503 unless one is idle.
        idle_seconds: When a session counts as idle.
    """

    def __init__(
        self,
        app: App,
        hosts: Collection[str],
        max_sessions: int,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._app = app
        self._hosts = frozenset(name.lower() for name in hosts)
        self._most = max_sessions
        self._idle_seconds = idle_seconds
        self._sessions: set[_Session] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        denial = self._denial(scope)
        if denial is not None:
            await _deny(denial, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_session(_same_origin(scope), receive, send)
        else:
            await self._app(_same_origin(scope), receive, send)

    def _denial(self, scope: Scope) -> Denial | None:
        headers = Headers(scope=scope)
        host = _only(headers.getlist("host"))
        if host is None or not is_known_host(host, self._hosts):
            return Denial(
                421, "This page is not served under that name; QUINTET_UI_HOSTS lists its names."
            )
        origins = headers.getlist("origin")
        if origins and not is_own_origin(_only(origins), host):
            return Denial(403, "Requests of other websites are denied.")
        if scope["type"] == "websocket":
            return None if scope["path"] == STREAM else Denial(404, "There is no such address.")
        if _UPLOADS.fullmatch(scope["path"]):
            return _upload_denial(scope["method"], is_named=bool(origins))
        if not _ROUTES.fullmatch(scope["path"]):
            return Denial(404, "There is no such address.")
        if scope["method"] not in _METHODS:
            return Denial(405, "This address is only read.", {"allow": ", ".join(_METHODS)})
        return None

    async def _serve_session(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self._sessions) >= self._most and not self._evict_idle():
            denial = Denial(503, "Too many people use this page now.", {"retry-after": "30"})
            await _deny(denial, scope, receive, send)
            return
        session = _Session(time.monotonic())
        self._sessions.add(session)

        async def receive_or_end() -> Message:
            message = await _first(receive, session.evicted)
            if message is None:
                await send({"type": "websocket.close", "code": _GOING_AWAY})
                return {"type": "websocket.disconnect", "code": _GOING_AWAY}
            session.used = time.monotonic()
            return message

        try:
            await self._app(scope, receive_or_end, send)
        finally:
            self._sessions.discard(session)

    def _evict_idle(self) -> bool:
        """End the session that was idle for longest; its browser connects again when used."""
        oldest = min(self._sessions, key=lambda session: session.used)
        if time.monotonic() - oldest.used < self._idle_seconds:
            return False
        self._sessions.discard(oldest)
        oldest.evicted.set()
        return True


def _upload_denial(method: str, *, is_named: bool) -> Denial | None:
    """Deny what no script of the page sends: each browser names the origin of a script's write."""
    if method not in _UPLOAD_METHODS:
        allowed = ", ".join(_UPLOAD_METHODS)
        return Denial(405, "This address takes uploads.", {"allow": allowed})
    if method != "GET" and not is_named:
        return Denial(403, "Uploads come from the page itself.")
    return None


def is_known_host(host: str, names: Collection[str]) -> bool:
    """Decide whether a Host header names this page.

    Addresses and localhost always do. Another website can make a browser send a request here only
    under its name that it points at this machine (DNS rebinding), never under an address.
    """
    name = _host_name(host)
    if name is None:
        return False
    if ANY_HOST in names or name in names or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_own_origin(origin: str | None, host: str) -> bool:
    """Decide whether an Origin header is the page's own: the same name and port as its host."""
    if origin is None:
        return False
    try:
        parts = urlsplit(origin)
        default = {"http": 80, "https": 443}[parts.scheme]
        ours = urlsplit(f"{parts.scheme}://{host}")
        whole = origin == f"{parts.scheme}://{parts.netloc}" and "@" not in origin
        theirs = (parts.hostname, parts.port or default)
        return whole and theirs == (ours.hostname, ours.port or default)
    except (KeyError, ValueError):
        return False


def _host_name(host: str) -> str | None:
    """Read the name of a Host header, in lower case; None if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises ValueError where it is no number
        name = parts.hostname
    except ValueError:
        return None
    # More than host and port, such as a user name or a path, is malformed too.
    if name is None or parts.netloc != host or "@" in host or host != host.strip():
        return None
    return name.rstrip(".")


def _same_origin(scope: Scope) -> Scope:
    """Rewrite the checked Origin to the form that Streamlit compares with the host, by text.

    Where the texts differ, as for a port that is the default, Streamlit would look up this
    machine's address on the internet.
    """
    headers = Headers(scope=scope)
    if "origin" not in headers:
        return scope
    others = [pair for pair in scope["headers"] if pair[0].lower() != b"origin"]
    secure = scope["scheme"] in {"https", "wss"}
    origin = f"{'https' if secure else 'http'}://{headers['host']}"
    return {**scope, "headers": [*others, (b"origin", origin.encode("latin-1"))]}


async def _deny(denial: Denial, scope: Scope, receive: Receive, send: Send) -> None:
    # A body that was not read must not be taken for the next request.
    headers = {**denial.headers, "connection": "close", "cache-control": "no-store"}
    answer = PlainTextResponse(f"{denial.text}\n", denial.status, headers)
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(answer)
    else:
        await answer(scope, receive, send)


async def _first(receive: Receive, evicted: asyncio.Event) -> Message | None:
    """Wait for the next message; None if the session is to end before one arrives."""
    message = asyncio.ensure_future(receive())
    ended = asyncio.ensure_future(evicted.wait())
    try:
        await asyncio.wait({message, ended}, return_when=asyncio.FIRST_COMPLETED)
        return message.result() if message.done() else None
    finally:
        message.cancel()
        ended.cancel()


def _only(values: list[str]) -> str | None:
    return values[0] if len(values) == 1 else None
