"""Structured logs: one JSON object a line on standard error, request id on every line."""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, Final
from uuid import uuid4

import structlog

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
_ALLOWED_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")


def accepted_request_id(offered: str | None) -> str:
    """Returns the caller's request id where it is safe to log, else a new one.

    Safe means 1 to 128 characters out of letters, digits and `._:-`, so that a header can
    neither forge a log line nor fill the disk.
    """
    if offered and _ALLOWED_ID.match(offered):
        return offered
    return uuid4().hex


def configure_logs(service: str, level: str = "INFO", form: str = "json") -> None:
    """Configures structlog and the standard library's loggers for one process.

    Args:
        service: The name put on every line.
        level: A standard level name.
        form: "json", or "console" for people.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )

    def add_context(
        _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        event.setdefault("service", service)
        if request_id := REQUEST_ID.get():
            event.setdefault("request_id", request_id)
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
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
