"""Structured logs: one JSON object a line on standard error.

Every line says which release of which service wrote it and which versions that serves; within a
call, the request id, the versions that answered it and, where traces are on, the trace. Secrets are
taken out before a line is written. docs/observing.md lists the fields.
"""

import logging
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from uuid import uuid4

import structlog
from quintet_contract.patterns import REQUEST_PATTERN, fits

from quintet_servicekit.metrics import release_of
from quintet_servicekit.redaction import redacted
from quintet_servicekit.tracing import trace_id

Event = MutableMapping[str, Any]
REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
_FIRST: Final = ("timestamp", "level", "service", "event")
# Shared with the tasks that a call starts, so that what they find out is known at its end.
_ANSWERED_BY: Final[ContextVar[dict[str, str] | None]] = ContextVar("answered_by", default=None)
_SERVED: Final[dict[str, str]] = {}


def accepted_request_id(offered: str | None) -> str:
    """Returns the caller's request id where it is safe to log, else a new one.

    Safe means 1 to 128 characters out of letters, digits and `._:-`, so that a header can
    neither forge a log line nor fill the disk.
    """
    if offered and fits(REQUEST_PATTERN, offered):
        return offered
    return uuid4().hex


@contextmanager
def call_context(request_id: str) -> Iterator[None]:
    """Puts a request id, and the versions noted meanwhile, on the lines of one call."""
    id_token, versions_token = REQUEST_ID.set(request_id), _ANSWERED_BY.set({})
    try:
        yield
    finally:
        _ANSWERED_BY.reset(versions_token)
        REQUEST_ID.reset(id_token)


def note_served(**versions: str) -> None:
    """Puts versions that this process serves, or last heard of, on every line from now on."""
    _SERVED.update(versions)


def note_answered(**versions: str) -> None:
    """Puts the versions that answered the current call on its lines, whatever is served."""
    noted = _ANSWERED_BY.get()
    if noted is not None:
        noted.update(versions)


def configure_logs(service: str, level: str = "INFO", form: str = "auto") -> None:
    """Configures structlog and the standard library's loggers for one process.

    Args:
        service: The name put on every line.
        level: A standard level name.
        form: "json", "console" for people, or "auto": console where standard error is a terminal.
    """
    release = release_of(service)

    def add_context(_logger: Any, _method: str, event: Event) -> Event:
        facts = {"service": service, "release": release, **_SERVED, **(_ANSWERED_BY.get() or {})}
        facts |= {"request_id": REQUEST_ID.get(), "trace_id": trace_id()}
        for name, value in facts.items():
            if value:
                event.setdefault(name, value)
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_context,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Last, so that lines of libraries and texts of faults pass it too.
                lambda _logger, _method, event: _in_order(redacted(event)),
                _renderer(form),
            ],
        )
    )
    # What no line of ours tells is not looked for: who called, on which thread of which process.
    logging._srcfile = None  # the way logging's own HOWTO names
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


def _in_order(event: Event) -> Event:
    """Returns an event that begins with what a reader looks for first."""
    first = {name: event[name] for name in _FIRST if name in event}
    return {**first, **event}


def _renderer(form: str) -> Any:
    terminal = sys.stderr.isatty()
    if form == "console" or (form == "auto" and terminal):
        colours = terminal and not os.environ.get("NO_COLOR")
        return structlog.dev.ConsoleRenderer(colors=colours)
    return structlog.processors.JSONRenderer()
