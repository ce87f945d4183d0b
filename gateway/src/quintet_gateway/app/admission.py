"""Load shedding: admit as many requests at once as the upstream services keep up with."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Gauge
from quintet_servicekit.errors import AppError, overloaded
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from quintet_gateway.routes.web_api.middleware import ALWAYS_ANSWERED

SHED: Final = Counter(
    "quintet_http_shed_total", "Requests rejected with 429 before they reached a route"
)
LIMIT: Final = Gauge("quintet_http_limit", "Requests that are answered at the same time at most")
OVERLOADED: Final = "overloaded"
"""Key of a request's state; true if an upstream service was overloaded or late."""
# Even overloaded services get some requests, by whose answers the limit recovers.
_LEAST: Final = 4.0
# Gentle, since every overloaded request lowers the limit, not every round trip as in TCP.
_BACK_OFF: Final = 0.9


class Admission:
    """Admit requests up to a limit that follows the load that the services bear.

    Additive increase, multiplicative decrease (Chiu & Jain, 1989), as TCP shares a line: each
    answer raises the limit by 1/limit, each answer of an overloaded service lowers it by a tenth.
    A request beyond the limit gets 429 at once, so that work goes to requests that will be answered
    in time. Its body was read before (`Bodies`), so that a slow client holds no place here. Health
    and metrics are always answered.

    Args:
        app: The wrapped application.
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
        if scope["type"] != "http" or scope["path"] in ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        if self._open >= self._limit:
            SHED.inc()
            # A line for each would cost more than the rest of the answer; the metric counts them.
            scope.setdefault("state", {})["unlogged"] = True
            await self._render(scope["path"], overloaded())(scope, receive, send)
            return
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
            # `app.errors` sets the mark, deeper in the stack.
            self._learn(bool(scope.get("state", {}).get(OVERLOADED)))

    def _learn(self, overloaded: bool) -> None:
        if overloaded:
            self._limit = max(min(_LEAST, self._most), self._limit * _BACK_OFF)
        else:
            self._limit = min(self._most, self._limit + 1.0 / self._limit)
        LIMIT.set(self._limit)
