"""Serve the published version of a file set, and swap in each new version without a pause.

A new version is loaded on a thread of low priority while the old one answers. It replaces the old
one in a single assignment, and only if loading and checking it succeeded.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final, Generic, TypeVar

import structlog

from quintet_servicekit.errors import NotReady, Reason
from quintet_servicekit.logs import note_served
from quintet_servicekit.metrics import REFUSED, note_version
from quintet_servicekit.priority import run_beside_requests
from quintet_servicekit.retry import RetryPolicy

_log = structlog.get_logger(__name__)
T = TypeVar("T")
# A full disk or a half-copied file may be repaired, so a rejected version is tried again.
_RETRY: Final = RetryPolicy(first_seconds=1.0, max_seconds=60.0)
# A first start polls at least this often, in seconds: nothing is served before it ends.
_START_SECONDS: Final = 0.5


class Follower(Generic[T]):
    """Hold the value of the version in use, and replace it when another is published.

    Args:
        kind: What is followed, such as "catalogue"; used in logs and metrics.
        current: Returns the published version, or None; runs on a thread, so it may read the disk.
        load: Loads and checks a version; runs on a thread. Any exception rejects the version, and
            the old value continues to serve.
        interval: The polling interval in seconds.
        on_served: Called with each value that begins to serve.
        look: Returns a value that changes when the files of a version change, such as their
            times. A rejected version whose files changed is loaded again at once.
        expected: Errors that say all about a damaged version: they are logged without traceback.

    Attributes:
        version: The version served; empty before the first.
        load_time: When it began to serve.
        refused_version: The version rejected last; empty if none was, or after a later success.
        refused_reason: Why it was rejected.
    """

    def __init__(
        self,
        kind: str,
        current: Callable[[], str | None],
        load: Callable[[str], T],
        interval: float = 5.0,
        on_served: Callable[[T], None] = lambda _value: None,
        look: Callable[[str], object] = lambda _version: None,
        expected: tuple[type[Exception], ...] = (),
    ) -> None:
        self._expected = expected
        self._unreadable = ""
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
        self._refusals = 0

    @property
    def value(self) -> T:
        """The value served.

        Raises:
            NotReady: Nothing has been loaded yet.
        """
        if self._value is None:
            raise NotReady(
                Reason.NOT_READY, f"The {self._kind} is not loaded yet; try again in a second."
            )
        return self._value

    async def prepare(self) -> None:
        """Wait until a first version is served."""
        while not await self.refresh():
            await asyncio.sleep(min(self._interval, _START_SECONDS))

    async def run(self) -> None:
        """Poll for another version until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            await self.refresh()

    async def refresh(self) -> bool:
        """Poll once and load a new version; True if any version is served afterwards.

        If the caller serves another version meanwhile, what was read is older and is not served.
        """
        before = self.version
        try:
            version = await asyncio.to_thread(self._current)
        except Exception as fault:
            # Whatever is wrong with the disk must not stop the version in memory.
            if str(fault) != self._unreadable:  # once, not at every poll
                self._unreadable = str(fault)
                _log.error("published version cannot be read", kind=self._kind, error=str(fault))
            return self._value is not None
        self._unreadable = ""
        if version is None or version == self.version or before != self.version:
            return self._value is not None
        look = await asyncio.to_thread(self._look, version)
        waiting = time.monotonic() < self._retry_at and look == self._refused_look
        if version == self.refused_version and waiting:
            return self._value is not None
        try:
            value = await self._loaded(version)
        except Exception as fault:
            self._refused_look = look
            self._refuse(version, fault)
            return self._value is not None
        if before == self.version:
            self.serve(version, value)
        return True

    async def _loaded(self, version: str) -> T:
        if self._value is None:  # no request can be answered before it is loaded
            return await asyncio.to_thread(self._load, version)
        return await run_beside_requests(partial(self._load, version))

    def serve(self, version: str, value: T) -> None:
        """Serve a value from now on, whether it was loaded here or by the caller."""
        # A single assignment: calls that hold the old value finish with it.
        self._value = value
        self.version = version
        self.load_time = datetime.now(UTC)
        self.refused_version = self.refused_reason = ""
        note_version(self._kind, version)
        note_served(**{self._kind: version})
        self._on_served(value)
        _log.info("version served", kind=self._kind, version=version)

    def _refuse(self, version: str, fault: Exception) -> None:
        self._refusals = self._refusals + 1 if self.refused_version == version else 1
        self._retry_at = time.monotonic() + _RETRY.pause(self._refusals)
        self.refused_version = version
        self.refused_reason = f"{type(fault).__name__}: {fault}"
        REFUSED.labels(self._kind).inc()
        # A traceback is for faults of this program, not for those of a published file.
        trace = None if isinstance(fault, self._expected) else fault
        reason = " ".join(self.refused_reason.split())
        _log.error(
            "version rejected", kind=self._kind, version=version, reason=reason, exc_info=trace
        )
