"""The service that the running code belongs to, where one process runs several."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

SERVICE: Final[ContextVar[str]] = ContextVar("service", default="")
"""The name of a service, such as "ranker"; empty in a process that runs one service."""


@contextmanager
def as_service(name: str) -> Iterator[None]:
    """Run code as a service: its tasks, calls and threads inherit the name for logs and metrics."""
    token = SERVICE.set(name)
    try:
        yield
    finally:
        SERVICE.reset(token)
