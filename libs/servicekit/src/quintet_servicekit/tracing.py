"""Traces: follow one request through all processes, as OpenTelemetry spans sent by OTLP over gRPC.

Traces are off unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set.
While they are off, the OpenTelemetry SDK is not imported and a span costs one comparison. While
they are on, the SDK reads its other OTEL_* variables too, such as OTEL_TRACES_SAMPLER.

Spans are created at the places that also count and log calls, instead of by OpenTelemetry's
instrumentation packages; docs/rationale.md gives the reason.
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
# When a process ends, queued spans are sent within this time; the rest is lost.
_FLUSH_SECONDS: Final = 2.0

Kind = Literal["internal", "server", "client"]


class TracesInvalid(Exception):
    """A tracing setting is not valid; the message is one line that names it."""


class _On:
    """The SDK objects of this process while traces are on."""

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
        # Spans are sent by a background thread; when its queue is full, spans are dropped.
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
        """Send queued spans within two seconds; the SDK itself would wait for 30 s."""
        ending = threading.Thread(target=self._processor.shutdown, daemon=True)
        ending.start()
        ending.join(_FLUSH_SECONDS)
        if ending.is_alive():
            self._exporter.shutdown()


_on: _On | None = None


class Span:
    """A running span; an object that does nothing while traces are off."""

    __slots__ = ("_span",)

    def __init__(self, span: "OtelSpan | None" = None) -> None:
        self._span = span

    def note(self, facts: Mapping[str, str | int | float | bool]) -> None:
        """Add attributes, named by OpenTelemetry's conventions; never listener ids or texts."""
        if self._span is not None:
            self._span.set_attributes(facts)

    def rename(self, name: str) -> None:
        """Rename the span, for example once the route is known."""
        if self._span is not None:
            self._span.update_name(name)

    def fail(self, what: str) -> None:
        """Mark the span as failed; `what` is from a closed set, such as a status code."""
        if self._span is not None and _on is not None:
            self._span.set_status(_on.trace.Status(_on.trace.StatusCode.ERROR, what))


_NO_SPAN: Final = Span()


def start_tracing(service: str) -> None:
    """Turn traces on if a collector's address is set.

    Args:
        service: The service's name, such as "ranker".

    Raises:
        TracesInvalid: A setting is not valid.
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
            raise TracesInvalid(
                f"{name}: must be grpc, the only supported protocol; remove the variable"
            )
    try:
        _on = _On(service)
    except ValueError as fault:
        raise TracesInvalid(f"OTEL_*: {fault}") from fault


def stop_tracing() -> None:
    """Send queued spans, for at most two seconds, and turn traces off."""
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
        # The text of an exception may contain data that must not leave the process.
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
    """Record a piece of work as a span: `with span("name") as here: …`.

    A class instead of a generator function, because most calls happen while traces are off.

    Args:
        name: The kind of work, from a closed set.
        kind: "server" for an incoming call, "client" for an outgoing one.
        carrier: Headers or metadata of an incoming call, with lower case names; the trace that they
            contain is continued.
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
    """Record a stage of an answer, such as "retrieve", as a span and in a metric.

    Args:
        name: The stage, from a closed set.
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
    """Encode the current span as headers for another process; empty while traces are off."""
    if _on is None:
        return []
    carrier: dict[str, str] = {}
    _on.w3c.inject(carrier)
    return list(carrier.items())


def trace_id() -> str:
    """Look up the id of the current trace in hexadecimal; empty without one."""
    if _on is None:
        return ""
    found = _on.trace.get_current_span().get_span_context()
    return f"{found.trace_id:032x}" if found.is_valid else ""
