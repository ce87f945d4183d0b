"""Traces: one request through all processes, as OpenTelemetry spans sent by OTLP over gRPC.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names a collector;
OpenTelemetry's SDK is then not even imported, and a span costs one comparison. Where it is on, the
other OTEL_* variables of the SDK count too, such as OTEL_TRACES_SAMPLER.

The spans are made where calls are counted and logged already, not by OpenTelemetry's
instrumentation packages: docs/rationale.md says why.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from quintet_servicekit.metrics import STAGE_SECONDS, release_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OtelSpan

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
TRACEPARENT: Final = "traceparent"
# What waits is sent within this time when a process ends; a collector that hangs loses it.
_FLUSH_SECONDS: Final = 2.0

Kind = Literal["internal", "server", "client"]


class TracesInvalid(Exception):
    """A setting of tracing cannot be used; the message is one line that names it."""


class _On:
    """Tracing of this process, where it is on."""

    def __init__(self, service: str) -> None:
        from opentelemetry import context, trace
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        release = release_of(service)
        facts = {
            "service.name": f"quintet-{service}",
            "service.namespace": "quintet",
            "service.version": release,
        }
        # In the background, from a queue that drops what it cannot hold.
        self._exporter = OTLPSpanExporter()
        self._processor = BatchSpanProcessor(self._exporter)
        provider = TracerProvider(resource=Resource.create(facts), shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        self.tracer = provider.get_tracer("quintet", release)
        self.trace, self.context = trace, context
        self.w3c = TraceContextTextMapPropagator()
        self.kinds = {
            "internal": trace.SpanKind.INTERNAL,
            "server": trace.SpanKind.SERVER,
            "client": trace.SpanKind.CLIENT,
        }

    def stop(self) -> None:
        """Sends what waits; the SDK itself would wait for half a minute."""
        ending = threading.Thread(target=self._processor.shutdown, daemon=True)
        ending.start()
        ending.join(_FLUSH_SECONDS)
        if ending.is_alive():
            self._exporter.shutdown()


_on: _On | None = None


class Span:
    """A piece of work being done; without tracing, nothing."""

    __slots__ = ("_span",)

    def __init__(self, span: "OtelSpan | None" = None) -> None:
        self._span = span

    def note(self, facts: Mapping[str, str | int | float | bool]) -> None:
        """Adds facts; names follow OpenTelemetry's conventions. No ids of listeners, no texts."""
        if self._span is not None:
            self._span.set_attributes(facts)

    def rename(self, name: str) -> None:
        """Gives the span a better name than it began with."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self, what: str) -> None:
        """Marks the work as failed; `what` is of a closed set, such as a status code."""
        if self._span is not None and _on is not None:
            self._span.set_status(_on.trace.Status(_on.trace.StatusCode.ERROR, what))


_NO_SPAN: Final = Span()


def start_tracing(service: str) -> None:
    """Begins to send spans where a collector is named; else does nothing.

    Args:
        service: The service's name, such as "ranker".

    Raises:
        TracesInvalid: A setting cannot be used.
    """
    global _on
    setting = next((name for name in ENDPOINTS if os.environ.get(name)), None)
    if setting is None or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    address = urlsplit(os.environ[setting])
    if address.scheme not in ("http", "https") or not address.hostname:
        raise TracesInvalid(f"{setting}: must be http://HOST:PORT or https://HOST:PORT")
    for name in _PROTOCOLS:
        if os.environ.get(name, "grpc") not in ("", "grpc"):
            raise TracesInvalid(f"{name}: only grpc is spoken; leave it empty")
    try:
        _on = _On(service)
    except ValueError as fault:
        raise TracesInvalid(f"OTEL_*: {fault}") from fault


def stop_tracing() -> None:
    """Sends what waits, for two seconds at most."""
    global _on
    if _on is not None:
        _on.stop()
        _on = None


@contextmanager
def _recorded(on: _On, name: str, kind: Kind, carrier: Mapping[str, str] | None) -> Iterator[Span]:
    parent = None if carrier is None else on.w3c.extract(carrier, context=on.context.Context())
    with on.tracer.start_as_current_span(
        name,
        context=parent,
        kind=on.kinds[kind],
        # The text of a fault may hold what must not leave the process.
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        here = Span(span)
        try:
            yield here
        except BaseException as fault:
            here.note({"error.type": type(fault).__name__})
            raise


class span:
    """A piece of work as a span: `with span("name") as here: …`.

    Args:
        name: What is done, of a closed set.
        kind: "server" for a call that came in, "client" for one that goes out.
        carrier: Of a call that came in, its headers or metadata with lower case names; a trace
            that they name is continued.
    """

    __slots__ = ("_arguments", "_open")

    def __init__(
        self, name: str, kind: Kind = "internal", carrier: Mapping[str, str] | None = None
    ) -> None:
        self._arguments = (name, kind, carrier)
        self._open: Any = None

    def __enter__(self) -> Span:
        if _on is None:
            return _NO_SPAN
        self._open = _recorded(_on, *self._arguments)
        here: Span = self._open.__enter__()
        return here

    def __exit__(self, *fault: Any) -> None:
        if self._open is not None:
            self._open.__exit__(*fault)


class stage:
    """A stage of an answer, such as "retrieve": a span, and its time in a metric.

    Args:
        name: The stage, of a closed set.
    """

    __slots__ = ("_name", "_span", "_started")

    def __init__(self, name: str) -> None:
        self._name = name
        self._span = span(name)

    def __enter__(self) -> None:
        self._span.__enter__()
        self._started = time.perf_counter()

    def __exit__(self, *fault: Any) -> None:
        STAGE_SECONDS.labels(self._name).observe(time.perf_counter() - self._started)
        self._span.__exit__(*fault)


def trace_headers() -> list[tuple[str, str]]:
    """Returns what carries the current span to another process; empty without tracing."""
    if _on is None:
        return []
    carrier: dict[str, str] = {}
    _on.w3c.inject(carrier)
    return list(carrier.items())


def trace_id() -> str:
    """Returns the id of the current trace in hexadecimal; empty without one."""
    if _on is None:
        return ""
    found = _on.trace.get_current_span().get_span_context()
    return f"{found.trace_id:032x}" if found.is_valid else ""
