"""Structured logs: one JSON object per line on standard error.

Every line contains the service, its release and the versions of the data that it serves. Lines of a
call also contain its request id, the versions that answered it and, if traces are on, the trace id.
Secrets are removed before a line is written. docs/observing.md lists the fields.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import structlog
from quintet_contract.patterns import REQUEST_PATTERN, fits
from quintet_text.redaction import redacted

from quintet_servicekit.current import SERVICE
from quintet_servicekit.metrics import release_of
from quintet_servicekit.tracing import trace_id

Event = MutableMapping[str, Any]
REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
# The fields that a reader scans first begin each line.
_FIRST: Final = ("timestamp", "level", "service", "event")
# A mutable dictionary, so that versions noted in tasks of a call reach the call's last log line.
_ANSWERED_BY: Final[ContextVar[dict[str, str] | None]] = ContextVar("answered_by", default=None)
# By service: a process may serve several.
_SERVED: Final[dict[str, dict[str, str]]] = {}


def accepted_request_id(offered: str | None) -> str:
    """Accept the caller's request id if it is safe to log; otherwise create one.

    Safe means 1 to 128 letters, digits and `._:-`, so that a header can neither forge a log line
    nor fill the disk.
    """
    if offered and fits(REQUEST_PATTERN, offered):
        return offered
    return uuid4().hex


@contextmanager
def call_context(request_id: str) -> Iterator[None]:
    """Add a request id, and the versions noted meanwhile, to the log lines of one call."""
    id_token, versions_token = REQUEST_ID.set(request_id), _ANSWERED_BY.set({})
    try:
        yield
    finally:
        _ANSWERED_BY.reset(versions_token)
        REQUEST_ID.reset(id_token)


def note_served(**versions: str) -> None:
    """Add versions that the service serves, or received last, to its log lines from now on."""
    _SERVED.setdefault(SERVICE.get(), {}).update(versions)


def note_answered(**versions: str) -> None:
    """Add the versions that answered the current call to its log lines."""
    noted = _ANSWERED_BY.get()
    if noted is not None:
        noted.update(versions)


@dataclass(frozen=True)
class LogStyle:
    """What a service logs, and how.

    Attributes:
        level: The least severe level: DEBUG, INFO, WARNING or ERROR.
        form: "json", "console" for people, or "auto": console if standard error is a terminal.
    """

    level: str = "INFO"
    form: str = "auto"


def configure_logs(service: str, level: str = "INFO", form: str = "auto") -> None:
    """Configure structlog and the standard library's loggers for a process with one service.

    Args:
        service: The service's name, added to every line.
        level: A standard level name.
        form: "json", "console" for people, or "auto": console if standard error is a terminal.
    """
    configure_logs_of({service: LogStyle(level, form)})


def configure_logs_of(styles: Mapping[str, LogStyle]) -> None:
    """Configure logs for a process with several services, each with its style.

    A line belongs to the service of `quintet_servicekit.current`. Lines outside of all services,
    such as those of libraries, have the name and the style of the first one.

    Args:
        styles: The style of each service, by its name.
    """
    services = _Services(styles)
    shared: list[Any] = [
        services.add_context,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    written: list[Any] = [
        # Last, so that lines of libraries and texts of exceptions are redacted too.
        lambda _logger, _method, event: _in_order(redacted(event)),
        services.render,
    ]
    # Our lines do not pass the standard library's logging, which takes twice as long for each.
    structlog.configure(
        processors=[services.drop, *shared, *written],
        wrapper_class=structlog.make_filtering_bound_logger(services.least),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(lambda record: services.logs(record.levelno))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *written],
        )
    )
    # The lines contain neither source file nor thread nor process, so logging need not find them:
    # the optimisation of Python's Logging HOWTO.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(services.least)


class _Services:
    """The services of a process as processors of structlog: each line gets its service's style."""

    def __init__(self, styles: Mapping[str, LogStyle]) -> None:
        self._numbers = logging.getLevelNamesMapping()
        self._levels = {name: self._numbers[each.level.upper()] for name, each in styles.items()}
        self._renderers = {name: _renderer(each.form) for name, each in styles.items()}
        self._releases = {name: release_of(name) for name in styles}
        self._first = next(iter(styles))
        self.least = min(self._levels.values())

    def _current(self) -> str:
        name = SERVICE.get()
        return name if name in self._levels else self._first

    def logs(self, level: int) -> bool:
        """Check whether the current service logs lines of a level."""
        return level >= self._levels[self._current()]

    def drop(self, _logger: Any, method: str, event: Event) -> Event:
        if not self.logs(self._numbers.get(method.upper(), logging.ERROR)):
            raise structlog.DropEvent
        return event

    def add_context(self, _logger: Any, _method: str, event: Event) -> Event:
        service = self._current()
        facts = {"service": service, "release": self._releases[service]}
        facts |= {**_SERVED.get(SERVICE.get(), {}), **(_ANSWERED_BY.get() or {})}
        facts |= {"request_id": REQUEST_ID.get(), "trace_id": trace_id()}
        for name, value in facts.items():
            if value:
                event.setdefault(name, value)
        return event

    def render(self, logger: Any, method: str, event: Event) -> Any:
        return self._renderers[self._current()](logger, method, event)


def _in_order(event: Event) -> Event:
    """Move the fields that a reader scans first to the beginning of an event."""
    first = {name: event[name] for name in _FIRST if name in event}
    return {**first, **event}


def _renderer(form: str) -> Any:
    terminal = sys.stderr.isatty()
    if form == "console" or (form == "auto" and terminal):
        colours = terminal and not os.environ.get("NO_COLOR")
        return structlog.dev.ConsoleRenderer(colors=colours)
    # One encoder for all lines: `json.dumps` would make one for each, at half the cost of a line.
    encode = json.JSONEncoder(default=repr).encode
    return lambda _logger, _method, event: encode(event)
