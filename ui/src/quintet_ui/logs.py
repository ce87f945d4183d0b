"""Logs of the page: one JSON object per line on standard error, with the services' field names.

The page has no structlog: its lines come from Streamlit, uvicorn and this package, by the standard
library's logging. Secrets are removed before a line is written. docs/observing.md lists the fields.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from quintet_text.redaction import redacted
from streamlit import logger as streamlit_logger

_SERVICE: Final = "ui"


def configure_logs(level: str, form: str) -> None:
    """Send all lines of this process, also those of Streamlit and uvicorn, through one handler.

    Args:
        level: The least severe level: DEBUG, INFO, WARNING or ERROR.
        form: "json", "console" for people, or "auto": console if standard error is a terminal.
    """
    handler = logging.StreamHandler(sys.stderr)
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    handler.setFormatter(_ConsoleLines() if console else _JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    # Streamlit gives each of its loggers a handler and a format when it is first used, and again
    # when its configuration has been read. Its loggers then pass lines on to the root instead.
    streamlit_logger.setup_formatter = _pass_on
    streamlit_logger.update_formatter()


def _pass_on(logger: logging.Logger) -> None:
    logger.handlers = []
    logger.propagate = True


def _fields(record: logging.LogRecord, formatter: logging.Formatter) -> dict[str, Any]:
    """Read a line's fields, in the order in which a reader scans them, without secrets."""
    fields: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "service": _SERVICE,
        "event": record.getMessage(),
        "release": version("quintet-ui"),
        "logger": record.name,
    }
    if record.exc_info:
        fields["exception"] = formatter.formatException(record.exc_info)
    return dict(redacted(fields))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_fields(record, self))


class _ConsoleLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record, self)
        line = f"{fields['timestamp']} [{fields['level']}] {fields['event']}"
        return f"{line}\n{fields['exception']}" if "exception" in fields else line
