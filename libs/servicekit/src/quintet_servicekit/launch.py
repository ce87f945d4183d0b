"""Start a service process: read settings, build, configure logs, metrics and traces, serve."""

import sys
from collections.abc import Callable
from typing import TypeVar

import uvloop
from pydantic import ValidationError
from quintet_access.rules import ExposedWithoutAuth
from quintet_files import keep_private
from quintet_settings import first_fault

from quintet_servicekit.logs import configure_logs
from quintet_servicekit.metrics import PortUnavailable, note_build, start_metrics_server
from quintet_servicekit.server import Service, run
from quintet_servicekit.settings import ServiceSettings
from quintet_servicekit.tls import IdentityInvalid
from quintet_servicekit.tracing import TracesInvalid, start_tracing, stop_tracing

S = TypeVar("S", bound=ServiceSettings)


def launch(name: str, read: Callable[[], S], build: Callable[[S], Service]) -> int:
    """Serve until SIGTERM or SIGINT; the result is the process's exit code.

    A wrong setting, a port in use, or a public address without authentication gives one line on
    standard error and exit code 2. The line never repeats a value, because it may be a secret.

    Args:
        name: The service's name; its settings start with `QUINTET_<NAME>_`.
        read: Reads the settings from the environment.
        build: Wires the service; no port is bound before it returns.
    """
    prefix = f"QUINTET_{name.upper()}_"
    keep_private()
    try:
        settings = read()
        service = build(settings)
        configure_logs(name, settings.log_level, settings.log_form)
        note_build(name)
        start_tracing(name)
        start_metrics_server(settings.host, settings.metrics_port)
    except ValidationError as fault:
        return _refuse(first_fault(fault, prefix))
    except (ExposedWithoutAuth, IdentityInvalid, TracesInvalid) as fault:
        return _refuse(str(fault))
    except PortUnavailable as fault:
        return _refuse(f"{prefix}METRICS_PORT: {fault}")
    try:
        return uvloop.run(run(service))
    finally:
        stop_tracing()


def _refuse(line: str) -> int:
    sys.stderr.write(f"error: {line}\n")
    return 2
