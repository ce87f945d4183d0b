"""Observe the installation: count answers, and note what happens to services and versions.

Nothing that answers a request waits for it. While the database is down, counts and events wait in
memory, within bounds.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final, Protocol

import structlog
from quintet.ranker.v1 import ranker_pb2
from quintet_servicekit.thread_pool import BoundedThreadPool
from quintet_store import StoreUnavailable
from quintet_store.feedback import stamp
from quintet_store.operation_history import (
    LENGTHS,
    Happening,
    Traffic,
    keep_traffic,
    last_event,
    note_events,
    prune_history,
)
from quintet_store.reopening import Database
from sqlalchemy import Connection

from quintet_gateway.repeating import repeat

_log = structlog.get_logger(__name__)
SERVING: Final = "SERVING"
# A service that restarts is unreachable for some seconds.
_LOOK_SECONDS: Final = 3.0
_MODEL_LOOKS: Final = 5
_WRITE_SECONDS: Final = 30.0
_PRUNE_SECONDS: Final = 3600.0
_CLOSE_SECONDS: Final = 2.0
# What may wait while the database is down: some hours of intervals, and of events.
_MOST_WAITING: Final = 200
# Another model loads within this time on all replicas: their new load times are no restarts.
_SWAP_SECONDS: Final = 600.0


class Services(Protocol):
    """The services that are observed."""

    async def states(self) -> dict[str, str]:
        """Read each service's state by name."""

    async def model(self) -> ranker_pb2.GetModelResponse:
        """Read which model the ranker serves."""


@dataclass
class _Interval:
    """An interval that is being counted: its start, and the counters at its start."""

    started_at: int
    base: Mapping[str, Traffic]


@dataclass
class _Seen:
    """What was observed last.

    Attributes:
        states: State of each service; one that fails for the first time keeps its last state.
        failing: Services that failed once since they last served.
        since: When the observation began, Unix time.
        loads: Load times of rankers, Unix time.
        swapped_at: When the model changed last, Unix time.
        known: The subject of the last event, by kind, so that a change during a restart of the
            gateway is noted too.
    """

    states: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    since: float = field(default_factory=time.time)
    loads: set[float] = field(default_factory=set)
    swapped_at: float = 0.0
    known: dict[str, str] = field(default_factory=dict)


class Observer:
    """Count answers and note events in the database.

    Args:
        database: The gateway's database.
        services: Observed every few seconds.
        answers: Reads what this process has answered since its start, by route.
    """

    def __init__(
        self, database: Database, services: Services, answers: Callable[[], Mapping[str, Traffic]]
    ) -> None:
        self._database = database
        self._services = services
        self._answers = answers
        self._process = secrets.token_hex(8)
        self._counting: dict[int, _Interval] = {}
        self._counted: dict[tuple[int, int], Mapping[str, Traffic]] = {}
        self._events: deque[Happening] = deque(maxlen=_MOST_WAITING)
        self._seen = _Seen()
        self._threads: BoundedThreadPool | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to observe; the database may be down."""
        self._threads = BoundedThreadPool(1, "observer")
        self.note("gateway_started", "gateway", version("quintet-gateway"))
        now = time.time()
        answered = self._answers()
        self._counting = {seconds: _Interval(_floor(now, seconds), answered) for seconds in LENGTHS}
        loops: tuple[tuple[Callable[[], Coroutine[Any, Any, None]], float], ...] = (
            (self._look_forever, 0.0),
            (self.write, _WRITE_SECONDS),
            (self._prune, _PRUNE_SECONDS),
        )
        self._tasks = [
            asyncio.create_task(
                repeat(
                    work, seconds=pause, retry_seconds=_LOOK_SECONDS, failure="observation failed"
                )
            )
            for work, pause in loops
        ]

    async def close(self) -> None:
        """Write what waits, within two seconds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.note("gateway_stopped", "gateway")
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.write()
        except (TimeoutError, StoreUnavailable) as fault:
            _log.warning("observations not written", error=str(fault))
        threads, self._threads = self._threads, None
        if threads is not None:
            await threads.close()

    def note(self, kind: str, subject: str, detail: str = "") -> None:
        """Queue an event of now; the oldest leave first if too many wait."""
        self._events.append(Happening(stamp(datetime.now(UTC)), kind, subject, detail))

    async def write(self) -> None:
        """Write counts and events that wait.

        Raises:
            StoreUnavailable: The database is down; they go on waiting.
        """
        self._count(time.time())
        counted, events = dict(self._counted), list(self._events)

        def work(connection: Connection) -> None:
            for (seconds, started_at), rows in counted.items():
                keep_traffic(connection, self._process, started_at, seconds, rows)
            note_events(connection, events)

        await self._run(work)
        current = {(seconds, each.started_at) for seconds, each in self._counting.items()}
        self._counted = {key: rows for key, rows in self._counted.items() if key in current}
        for event in events:
            if event in self._events:
                self._events.remove(event)

    def _count(self, now: float) -> None:
        """Take the counters, and begin the next interval when one is over."""
        answered = self._answers()
        for seconds, interval in self._counting.items():
            rows = _difference(answered, interval.base)
            if rows:
                self._counted[seconds, interval.started_at] = rows
            if (started_at := _floor(now, seconds)) != interval.started_at:
                self._counting[seconds] = _Interval(started_at, answered)
        while len(self._counted) > _MOST_WAITING:
            del self._counted[min(self._counted, key=lambda key: key[1])]

    async def _look_forever(self) -> None:
        """Observe the services; their model less often than their state."""
        await self._run(self._recall, writes=False)
        while True:
            for number in range(_MODEL_LOOKS):
                self.look_at_states(await self._services.states())
                if number == 0 and self._seen.states.get("ranker") == SERVING:
                    self.look_at_model(await self._services.model())
                if self._events:
                    await self.write()
                await asyncio.sleep(_LOOK_SECONDS)

    def _recall(self, connection: Connection) -> None:
        for kind in ("model_served", "catalogue_served", "model_rejected"):
            self._seen.known[kind] = last_event(connection, kind)

    def look_at_states(self, states: Mapping[str, str]) -> None:
        """Note services that serve again, and those that failed twice in a row."""
        seen = self._seen
        for name, state in states.items():
            before = seen.states.get(name)
            serves = state == SERVING
            # One late answer of a busy machine is no outage.
            if not serves and before == SERVING and name not in seen.failing:
                seen.failing.add(name)
                continue
            seen.failing.discard(name)
            seen.states[name] = state
            if before is not None and serves != (before == SERVING):
                self.note("service_up" if serves else "service_down", name, state)

    def look_at_model(self, found: ranker_pb2.GetModelResponse) -> None:
        """Note another model or catalogue, a version that was rejected, and a restarted ranker."""
        versions, now = found.versions, time.time()
        if self._changed("model_served", versions.model_version):
            self._seen.swapped_at = now
        self._changed("catalogue_served", versions.catalogue_version)
        if found.refused_version:
            self._changed("model_rejected", found.refused_version, found.refused_reason)
        load = found.load_time.ToDatetime(UTC).timestamp()
        is_new = load not in self._seen.loads and load > self._seen.since
        if is_new and self._seen.loads and now - self._seen.swapped_at > _SWAP_SECONDS:
            self.note("service_restarted", "ranker", stamp(found.load_time.ToDatetime(UTC)))
        if len(self._seen.loads) >= _MOST_WAITING:
            self._seen.loads.clear()
        self._seen.loads.add(load)

    def _changed(self, kind: str, subject: str, detail: str = "") -> bool:
        before = self._seen.known.get(kind, "")
        if not subject or subject == before:
            return False
        self._seen.known[kind] = subject
        self.note(kind, subject, detail or before)
        return True

    async def _prune(self) -> None:
        await self._run(lambda connection: prune_history(connection, datetime.now(UTC)))

    async def _run(self, work: Callable[[Connection], None], *, writes: bool = True) -> None:
        def in_transaction() -> None:
            with self._database.writing() if writes else self._database.reading() as connection:
                work(connection)

        if self._threads is None:
            raise StoreUnavailable("not started")
        try:
            await self._threads.run(in_transaction)
        except StoreUnavailable as fault:
            self._database.failed(fault)
            raise


def _floor(moment: float, seconds: int) -> int:
    return int(moment) // seconds * seconds


def _difference(new: Mapping[str, Traffic], old: Mapping[str, Traffic]) -> dict[str, Traffic]:
    """Subtract counters; routes without answers in between are left out."""
    rows = {}
    for route, now in new.items():
        before = old.get(route, Traffic())
        if now.requests > before.requests:
            durations = {
                bound: count - before.durations.get(bound, 0)
                for bound, count in now.durations.items()
            }
            rows[route] = Traffic(
                now.requests - before.requests,
                now.client_errors - before.client_errors,
                now.server_errors - before.server_errors,
                durations,
            )
    return rows
