"""Start a service process: read settings, build, configure logs, metrics and traces, serve."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import uvloop
from pydantic import ValidationError
from quintet_access.files import AccessFileInvalid
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


class Misconfigured(Exception):
    """A process cannot start with its settings; the message is one line without any value."""


@contextmanager
def checked_settings(name: str) -> Iterator[None]:
    """Convert what reading settings, and building from them, may raise.

    Args:
        name: The service's name; its settings start with `QUINTET_<NAME>_`.

    Raises:
        Misconfigured: A setting is wrong, a metrics port is in use, or a public address has no
            authentication. The message never repeats a value, because it may be a secret.
    """
    prefix = f"QUINTET_{name.upper()}_"
    try:
        yield
    except ValidationError as fault:
        raise Misconfigured(first_fault(fault, prefix)) from fault
    except (ExposedWithoutAuth, AccessFileInvalid, IdentityInvalid, TracesInvalid) as fault:
        raise Misconfigured(str(fault)) from fault
    except PortUnavailable as fault:
        raise Misconfigured(f"{prefix}METRICS_PORT: {fault}") from fault


def launch(name: str, read: Callable[[], S], build: Callable[[S], Service]) -> int:
    """Serve until SIGTERM or SIGINT; the result is the process's exit code.

    A wrong setting, a port in use, or a public address without authentication gives one line on
    standard error and exit code 2. The line never repeats a value, because it may be a secret.

    Args:
        name: The service's name; its settings start with `QUINTET_<NAME>_`.
        read: Reads the settings from the environment.
        build: Wires the service; no port is bound before it returns.
    """
    keep_private()
    try:
        with checked_settings(name):
            settings = read()
            service = build(settings)
            configure_logs(name, settings.log_level, settings.log_form)
            note_build(name)
            start_tracing(name)
            start_metrics_server(settings.host, settings.metrics_port)
    except Misconfigured as fault:
        return refuse(str(fault))
    try:
        return uvloop.run(run(service))
    finally:
        stop_tracing()


def refuse(line: str) -> int:
    """Write why the process cannot start to standard error; return exit code 2."""
    sys.stderr.write(f"error: {line}\n")
    return 2
