"""Starts the search service: settings, build, serve."""

import sys

import uvloop
from pydantic import ValidationError
from quintet_access.rules import ExposedWithoutAuth
from quintet_servicekit.logs import configure_logs
from quintet_servicekit.metrics import PortUnavailable, start_metrics_server
from quintet_servicekit.server import run

from quintet_search.app import build
from quintet_search.settings import Settings


def main() -> int:
    """Serves until SIGTERM or SIGINT; returns 2 where a setting is wrong, with one line why."""
    try:
        settings = Settings()
        service = build(settings)
    except ValidationError as fault:
        first = fault.errors(include_input=False)[0]
        name = str(first["loc"][0])
        known = name.startswith(("QUINTET_", "SPOTIPY_"))
        setting = name if known else f"QUINTET_SEARCH_{name.upper()}"
        sys.stderr.write(f"error: {setting}: {first['msg']}\n")
        return 2
    except ExposedWithoutAuth as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 2
    configure_logs("search", settings.log_level, settings.log_form)
    try:
        start_metrics_server(settings.host, settings.metrics_port)
    except PortUnavailable as fault:
        sys.stderr.write(f"error: QUINTET_SEARCH_METRICS_PORT: {fault}\n")
        return 2
    return uvloop.run(run(service))


if __name__ == "__main__":
    sys.exit(main())
