"""Follows a published version: loads it off the event loop, swaps it in whole, keeps the old."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

import structlog

from quintet_servicekit.errors import NotReady, Reason
from quintet_servicekit.logs import note_served
from quintet_servicekit.metrics import REFUSED, note_version

_log = structlog.get_logger(__name__)
T = TypeVar("T")
MAX_RETRY_SECONDS: Final = 60.0


class Follower(Generic[T]):
    """Holds the value of the version in use and replaces it when another is published.

    Args:
        kind: What is followed, such as "catalogue"; used in logs and metrics.
        current: Returns the version published now, or None. May touch the disk; runs in a thread.
        load: Returns the value of a version, checked and ready to serve; runs in a thread. Any
            exception refuses the version: the old value goes on serving.
        interval: Seconds between looks.
        on_served: Told of each value that begins to serve.
        look: Returns what tells that a version's files have changed since it was refused.

    Attributes:
        version: The version served; empty before the first.
        load_time: When it began to serve.
        refused_version: The last version refused; empty when none was, or since a later success.
        refused_reason: Why.
    """

    def __init__(
        self,
        kind: str,
        current: Callable[[], str | None],
        load: Callable[[str], T],
        interval: float = 5.0,
        on_served: Callable[[T], None] = lambda _value: None,
        look: Callable[[str], object] = lambda _version: None,
    ) -> None:
        self._look = look
        self._refused_look: object = None
        self._on_served = on_served
        self._kind = kind
        self._current = current
        self._load = load
        self._interval = interval
        self._value: T | None = None
        self.version = ""
        self.load_time: datetime | None = None
        self.refused_version = ""
        self.refused_reason = ""
        self._retry_at = 0.0
        self._delay = 0.0

    @property
    def value(self) -> T:
        """The value served.

        Raises:
            NotReady: Nothing has been loaded yet.
        """
        if self._value is None:
            raise NotReady(Reason.NOT_READY, f"The {self._kind} is not loaded yet; try again soon.")
        return self._value

    async def prepare(self) -> None:
        """Returns once a first version is served."""
        while not await self.refresh():
            await asyncio.sleep(min(self._interval, 0.5))

    async def run(self) -> None:
        """Looks for another version until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            await self.refresh()

    async def refresh(self) -> bool:
        """Looks once, loads what is new, and returns whether anything is served."""
        try:
            version = await asyncio.to_thread(self._current)
        except Exception as fault:  # The registry being away must not end serving.
            _log.warning("version not readable", kind=self._kind, error=str(fault))
            return self._value is not None
        if version is None or version == self.version:
            return self._value is not None
        look = await asyncio.to_thread(self._look, version)
        waiting = time.monotonic() < self._retry_at and look == self._refused_look
        if version == self.refused_version and waiting:
            return self._value is not None
        try:
            value = await asyncio.to_thread(self._load, version)
        except Exception as fault:
            self._refused_look = look
            self._refuse(version, fault)
            return self._value is not None
        self.serve(version, value)
        return True

    def serve(self, version: str, value: T) -> None:
        """Serves a value from now on; also one that was loaded elsewhere."""
        # One assignment: a call that has the old value goes on with it to its end.
        self._value = value
        self.version = version
        self.load_time = datetime.now(UTC)
        self.refused_version = self.refused_reason = ""
        note_version(self._kind, version)
        note_served(**{self._kind: version})
        self._on_served(value)
        _log.info("version served", kind=self._kind, version=version)

    def _refuse(self, version: str, fault: Exception) -> None:
        # A full disk or a half-copied file may pass, so the same version is tried again, later
        # each time: 1 s, 2 s, 4 s … up to a minute; at once where its files have changed.
        again = self.refused_version == version
        self._delay = min(self._delay * 2, MAX_RETRY_SECONDS) if again else 1.0
        self._retry_at = time.monotonic() + self._delay
        self.refused_version = version
        self.refused_reason = f"{type(fault).__name__}: {fault}"
        REFUSED.labels(self._kind).inc()
        _log.error("version refused", kind=self._kind, version=version, exc_info=fault)
