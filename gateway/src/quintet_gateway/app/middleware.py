"""Middleware of every request: id, deadline, log line, metrics, faults."""

import time
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import structlog
from fastapi import Response
from prometheus_client import Counter, Gauge, Histogram
from quintet_servicekit.logs import accepted_request_id, call_context
from quintet_servicekit.tracing import Span, span
from quintet_store.operation_history import Traffic
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quintet_gateway.adapters import DEADLINE
from quintet_gateway.routes.web_api.middleware import ALWAYS_ANSWERED, UNMATCHED

_log = structlog.get_logger(__name__)
# Seconds, around and beyond the default budget of 2 s.
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
REQUESTS: Final = Counter(
    "quintet_http_requests_total", "Requests answered", ["method", "route", "status"]
)
SECONDS: Final = Histogram(
    "quintet_http_seconds", "Seconds from request to answer", ["route"], buckets=_BUCKETS
)
IN_FLIGHT: Final = Gauge("quintet_http_in_flight", "Requests being answered")
_LISTENERS: Final = "listeners"
# A client may encode a path several times over; no route decodes as often as this.
_DECODINGS: Final = 4
# For browsers: no foreign page may frame an answer, and none of it is run or guessed as HTML.
_CONTENT_POLICY: Final = b"content-security-policy"
_SECURED: Final = (
    (_CONTENT_POLICY, b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_SECURED_HTTPS: Final = (
    *_SECURED,
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
)
# Other methods share one label, since a client can invent any number.
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def secured(https: bool) -> tuple[tuple[bytes, bytes], ...]:
    """Choose the security headers that every answer carries."""
    return _SECURED_HTTPS if https else _SECURED


def _secure(headers: list[tuple[bytes, bytes]], https: bool) -> None:
    """Add the security headers; a page such as /docs keeps its own content policy."""
    own = any(name == _CONTENT_POLICY for name, _ in headers)
    headers.extend(secured(https)[1:] if own else secured(https))


class RequestContext:
    """Outermost: give each request an id and a deadline, and write its log line and metrics.

    Args:
        app: The wrapped application.
        budget: Seconds within which a request is answered.
    """

    def __init__(self, app: ASGIApp, budget: float) -> None:
        self._app = app
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = accepted_request_id(headers.get("x-request-id"))
        started = time.perf_counter()
        # Every copy of the scope shares this dict, so that inner layers can report through it.
        facts = scope.setdefault("state", {})
        facts.update(route=UNMATCHED, status=500)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts["status"] = message["status"]
                head = message["headers"] = list(message.get("headers", ()))
                head.append((b"x-request-id", request_id.encode()))
                _secure(head, scope.get("scheme") == "https" or facts.get("https", False))
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        deadline_token = DEADLINE.set(time.monotonic() + self._budget)
        with call_context(request_id), span(method, "server", headers) as here:
            try:
                with IN_FLIGHT.track_inprogress():
                    await self._app(scope, receive, send_with_id)
            finally:
                _trace(here, method, facts, request_id)
                _account(scope, method, facts, time.perf_counter() - started)
                DEADLINE.reset(deadline_token)


def _trace(here: Span, method: str, facts: dict[str, Any], request_id: str) -> None:
    """Name the span by its route: paths may contain a listener's id, and are too many as names."""
    here.rename(f"{method} {facts['route']}")
    here.note(
        {
            "http.request.method": method,
            "http.route": facts["route"],
            "http.response.status_code": facts["status"],
            "quintet.request_id": request_id,
        }
    )
    if facts["status"] >= 500:
        here.fail(str(facts["status"]))


def _account(scope: Scope, method: str, facts: dict[str, Any], seconds: float) -> None:
    requests, durations = _series(method, facts["route"], str(facts["status"]))
    requests.inc()
    durations.observe(seconds)
    # An attacker could fill the disk; the metric counts these.
    if facts.get("unlogged"):
        return
    # Health checks and scrapes come every few seconds: only a failure of one is worth a line.
    routine = facts["route"] in ALWAYS_ANSWERED and facts["status"] < 400
    (_log.debug if routine else _log.info)(
        "http",
        method=method,
        path=_without_listener(scope["path"]),
        route=facts["route"],
        status=facts["status"],
        ms=round(seconds * 1000, 2),
    )


@lru_cache(maxsize=1024)
def _series(method: str, route: str, status: str) -> tuple[Counter, Histogram]:
    """Look up the metrics of a kind of answer; prometheus_client checks its labels each time."""
    return REQUESTS.labels(method, route, status), SECONDS.labels(route)


def answers() -> dict[str, Traffic]:
    """Read the metrics: what this process has answered since its start, by route."""
    counts: dict[str, list[int]] = {}
    for sample in (sample for family in REQUESTS.collect() for sample in family.samples):
        if sample.name.endswith("_total"):
            row = counts.setdefault(sample.labels["route"], [0, 0, 0])
            status = sample.labels["status"][:1]
            for place, counted in enumerate((True, status == "4", status == "5")):
                row[place] += int(sample.value) * counted
    durations: dict[str, dict[float, int]] = {}
    for sample in (sample for family in SECONDS.collect() for sample in family.samples):
        if sample.name.endswith("_bucket"):
            bounds = durations.setdefault(sample.labels["route"], {})
            bounds[float(sample.labels["le"])] = int(sample.value)
    return {
        route: Traffic(row[0], row[1], row[2], _apart(durations.get(route, {})))
        for route, row in counts.items()
    }


def _apart(cumulated: dict[float, int]) -> dict[float, int]:
    """Turn cumulated counts of a histogram into the count of each bucket."""
    bounds = sorted(cumulated)
    below = [0, *(cumulated[bound] for bound in bounds)]
    return {bound: cumulated[bound] - below[place] for place, bound in enumerate(bounds)}


def _without_listener(path: str) -> str:
    """Cut a listener's id off a path: the log must not outlive the listener's deletion.

    The path is compared in its plainest form, whatever its slashes, case and percent-encoding: a
    path that no route takes is logged as well, and names a listener all the same.
    """
    plain = path
    for _ in range(_DECODINGS if "%" in path else 0):
        plain = unquote(plain)
    plain = unicodedata.normalize("NFKC", plain).lower()
    before, word, rest = plain.partition(_LISTENERS)
    return f"{before}{word}/…" if rest.strip("/") else path


class Guard:
    """Innermost: answer faults without their details, and note the route that answered.

    Args:
        app: The wrapped application.
        render_internal: Renders a fault.
    """

    def __init__(self, app: ASGIApp, render_internal: Callable[[], Response]) -> None:
        self._app = app
        self._render_internal = render_internal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as fault:
            _log.error("unexpected fault", path=_without_listener(scope["path"]), exc_info=fault)
            # The head is sent: only a broken connection can still show the client a failure.
            if begun:
                raise
            await self._render_internal()(scope, receive, send)
        finally:
            template = getattr(scope.get("route"), "path", None)
            if template is not None and "state" in scope:
                scope["state"]["route"] = template
