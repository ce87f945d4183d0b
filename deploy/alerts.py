"""Receives Alertmanager's webhooks and writes each alert as one line of JSON.

    alerts.py [PORT [FILE]]

Lines go to standard output and to FILE (QUINTET_HOME/logs/alerts.jsonl), which is rotated: three
files of at most a megabyte.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

PORT: Final = 9094
_MOST_BYTES: Final = 1_000_000
_FILES: Final = 2
# Of one webhook; Alertmanager sends at most 100 alerts at once (alertmanager.yml).
_MOST_BODY: Final = 1_000_000
_MOST_ALERTS: Final = 1_000
# A client that sends nothing more is disconnected.
_SECONDS: Final = 10
_lines = logging.getLogger("quintet.alerts")


def lines_of(document: Any) -> Iterator[str]:
    """Write each alert of a webhook as a line: state, name, severity, times and texts.

    Raises:
        ValueError: The document is not Alertmanager's webhook.
    """
    alerts = document.get("alerts") if isinstance(document, dict) else None
    if not isinstance(alerts, list) or not all(isinstance(each, dict) for each in alerts):
        raise ValueError("the body is not a webhook of Alertmanager: it has no list `alerts`")
    for alert in alerts[:_MOST_ALERTS]:
        labels, texts = alert.get("labels") or {}, alert.get("annotations") or {}
        yield json.dumps(
            {
                "state": alert.get("status"),
                "alert": labels.get("alertname"),
                "severity": labels.get("severity"),
                "starts_at": alert.get("startsAt"),
                "ends_at": alert.get("endsAt") if alert.get("status") == "resolved" else None,
                "labels": labels,
                "annotations": texts,
            }
        )


class _Receiver(BaseHTTPRequestHandler):
    timeout = _SECONDS

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/healthz" else 404, "ok")

    def do_POST(self) -> None:
        try:
            size = int(self.headers.get("content-length", ""))
        except ValueError:
            self._answer(411, "Content-Length is missing")
            return
        if not 0 <= size <= _MOST_BODY:
            self._answer(413, f"a body has at most {_MOST_BODY} bytes")
            return
        try:
            for line in lines_of(json.loads(self.rfile.read(size))):
                _lines.info(line)
        except (ValueError, RecursionError, AttributeError) as fault:
            self._answer(400, str(fault))
            return
        self._answer(200, "written")

    def _answer(self, code: int, text: str) -> None:
        content = f"{text}\n".encode()
        self.send_response(code)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write no line for each request: the lines are the alerts."""


def main(arguments: list[str]) -> int:
    """Serve until the process is stopped."""
    port = int(arguments[0]) if arguments else PORT
    home = Path(os.environ.get("QUINTET_HOME", "/var/lib/quintet"))
    path = Path(arguments[1]) if len(arguments) > 1 else home / "logs" / "alerts.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    _lines.setLevel(logging.INFO)
    _lines.addHandler(logging.StreamHandler(sys.stdout))
    _lines.addHandler(
        RotatingFileHandler(path, maxBytes=_MOST_BYTES, backupCount=_FILES, encoding="utf-8")
    )
    host = os.environ.get("QUINTET_HOST", "127.0.0.1")
    ThreadingHTTPServer((host, port), _Receiver).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
