"""Sheds load before it costs anything: as many requests at once as the services keep up with."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Gauge
from quintet_servicekit.errors import AppError, overloaded
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

SHED: Final = Counter("quintet_http_shed_total", "Requests refused before they were looked at")
LIMIT: Final = Gauge("quintet_http_limit", "Requests answered at once before others are refused")
OVERLOADED: Final = "overloaded"
"""The key of a request's state that says a service had no room for it."""
_LEAST: Final = 4.0
_BACK_OFF: Final = 0.9
_ALWAYS: Final = frozenset({"/healthz", "/readyz", "/metrics"})


class Admission:
    """Admits requests up to a limit that follows what the services bear.

    Additive increase, multiplicative decrease (Chiu & Jain, 1989), as TCP shares a line: each
    answer raises the limit by a share of one, each refusal for want of room lowers it by a tenth.
    What comes beyond it is refused at once with 429, before a body is read, so that work goes to
    requests that will be answered in time. Health and metrics are always answered.

    Args:
        app: What comes next.
        most: The limit at first and at most.
        render: Renders an error in the shape of its path.
    """

    def __init__(
        self, app: ASGIApp, most: int, render: Callable[[str, AppError], Response]
    ) -> None:
        self._app = app
        self._most = float(most)
        self._render = render
        self._limit = self._most
        self._open = 0
        LIMIT.set(self._limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._open >= self._limit:
            SHED.inc()
            await self._render(scope["path"], overloaded())(scope, receive, send)
            return
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
            self._learn(bool(scope.get("state", {}).get(OVERLOADED)))

    def _learn(self, overloaded: bool) -> None:
        if overloaded:
            self._limit = max(min(_LEAST, self._most), self._limit * _BACK_OFF)
        else:
            self._limit = min(self._most, self._limit + 1.0 / self._limit)
        LIMIT.set(self._limit)
