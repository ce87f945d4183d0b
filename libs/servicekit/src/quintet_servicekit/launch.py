"""The start of every service's process: settings, build, logs, metrics, traces, serve."""

import sys
from collections.abc import Callable
from typing import TypeVar

import uvloop
from pydantic import ValidationError
from quintet_access.rules import ExposedWithoutAuth
from quintet_settings import first_fault

from quintet_servicekit.logs import configure_logs
from quintet_servicekit.metrics import PortUnavailable, note_build, start_metrics_server
from quintet_servicekit.server import Service, run
from quintet_servicekit.settings import ServiceSettings
from quintet_servicekit.tls import IdentityInvalid
from quintet_servicekit.tracing import TracesInvalid, start_tracing, stop_tracing

S = TypeVar("S", bound=ServiceSettings)


def launch(name: str, read: Callable[[], S], build: Callable[[S], Service]) -> int:
    """Serves until SIGTERM or SIGINT and returns the process's exit code.

    A wrong setting, a port in use or an address open to all without tokens gives one line on
    standard error and exit code 2. A value is never repeated: it may be a secret.

    Args:
        name: The service's name; its settings start with `QUINTET_<NAME>_`.
        read: Reads the settings from the environment.
        build: Wires the service; nothing is bound before it returns.
    """
    prefix = f"QUINTET_{name.upper()}_"
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
