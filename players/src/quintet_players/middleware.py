"""Around every request: id, bounds on number, size and time, metrics, one log line, faults."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from prometheus_client import Counter, Gauge, Histogram
from quintet_servicekit.logs import accepted_request_id, call_context
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quintet_players.access import PlayerAccess
from quintet_players.faults import PlayerFault

_log = structlog.get_logger(__name__)
_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUESTS: Final = Counter(
    "quintet_players_requests_total", "Requests of music players answered", ["call", "status"]
)
SECONDS: Final = Histogram(
    "quintet_players_seconds",
    "Seconds from a music player's request to its answer",
    ["call"],
    buckets=_BUCKETS,
)
IN_FLIGHT: Final = Gauge("quintet_players_in_flight", "Requests of music players being answered")
UNMATCHED: Final = "none"
HEALTH: Final = "/healthz"
"""Always answered, and neither counted nor logged: a health check asks every few seconds."""
Renderer = Callable[[str, PlayerFault], Response]


class Bounds:
    """Outermost: admits, times, logs and counts each request.

    Args:
        app: The wrapped application.
        access: Decides which hosts may ask.
        most: Requests at once; more get 429.
        most_bytes: Of a body; a larger one gets 413.
        seconds: Within which a request is answered, else 504.
        render: Writes a failure in the form of the path's protocol.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: PlayerAccess,
        most: int,
        most_bytes: int,
        seconds: float,
        render: Renderer,
    ) -> None:
        self._app = app
        self._access = access
        self._most, self._most_bytes, self._seconds = most, most_bytes, seconds
        self._render = render
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == HEALTH:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = accepted_request_id(headers.get("x-request-id"))
        facts = scope.setdefault("state", {})
        facts.update(call=UNMATCHED, status=500, sent=False)
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts.update(status=message["status"], sent=True)
                head = message["headers"] = list(message.get("headers", ()))
                head += [
                    (b"x-request-id", request_id.encode()),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        with call_context(request_id):
            self._open += 1
            IN_FLIGHT.set(self._open)
            try:
                await self._answer(scope, receive, send_with_id, headers, facts)
            finally:
                self._open -= 1
                IN_FLIGHT.set(self._open)
                seconds = time.perf_counter() - started
                REQUESTS.labels(facts["call"], facts["status"]).inc()
                SECONDS.labels(facts["call"]).observe(seconds)
                _log.info(
                    # Neither path nor parameters: they may hold a key.
                    "answered",
                    call=facts["call"],
                    status=facts["status"],
                    milliseconds=round(seconds * 1000, 1),
                )

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, facts: dict[str, Any]
    ) -> None:
        try:
            self._admit(headers)
            async with asyncio.timeout(self._seconds):
                await self._app(scope, self._bounded(receive), send)
            return
        except PlayerFault as fault:
            failure = fault
        except TimeoutError:
            failure = PlayerFault("Quintet did not answer in time; try again.", 504)
        except Exception:
            # What went wrong is for the log: an answer shows no internals.
            _log.exception("request failed")
            failure = PlayerFault("Quintet failed; the log of the players service has why.", 500)
        if not facts["sent"]:
            await self._render(scope["path"], failure)(scope, receive, send)

    def _admit(self, headers: Headers) -> None:
        self._access.check_host(headers.get("host", ""), headers.get("origin", ""))
        if self._open > self._most:
            raise PlayerFault("Too many requests at once; try again in a second.", 429)
        length = headers.get("content-length", "0")
        if not length.isdigit() or len(length) > 18 or int(length) > self._most_bytes:
            raise PlayerFault(f"The body must have at most {self._most_bytes} bytes.", 413)

    def _bounded(self, receive: Receive) -> Receive:
        read = 0

        async def receive_some() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most_bytes:
                raise PlayerFault(f"The body must have at most {self._most_bytes} bytes.", 413)
            return message

        return receive_some
