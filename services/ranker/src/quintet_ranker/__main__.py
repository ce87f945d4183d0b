"""Starts the ranker: settings, build, serve."""

import sys

import uvloop
from pydantic import ValidationError
from quintet_access.rules import ExposedWithoutAuth
from quintet_servicekit.logs import configure_logs
from quintet_servicekit.metrics import start_metrics_server
from quintet_servicekit.server import PortUnavailable, run

from quintet_ranker.app import build
from quintet_ranker.settings import Settings


def main() -> int:
    """Serves until SIGTERM or SIGINT; returns 2 where a setting is wrong, with one line why."""
    try:
        settings = Settings()
        service = build(settings)
    except ValidationError as fault:
        first = fault.errors()[0]
        name = str(first["loc"][0])
        setting = name if name.startswith("QUINTET_") else f"QUINTET_RANKER_{name.upper()}"
        sys.stderr.write(f"error: {setting}: {first['msg']}; got {first['input']!r}\n")
        return 2
    except ExposedWithoutAuth as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 2
    configure_logs("ranker", settings.log_level, settings.log_form)
    try:
        start_metrics_server(settings.host, settings.metrics_port)
    except PortUnavailable as fault:
        sys.stderr.write(f"error: QUINTET_RANKER_METRICS_PORT: {fault}\n")
        return 2
    return uvloop.run(run(service))


if __name__ == "__main__":
    sys.exit(main())
