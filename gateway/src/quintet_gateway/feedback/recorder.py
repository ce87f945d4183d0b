"""The recorder: impressions off the request's path, events on the disk before they are answered.

Events go to the database, or, while that is away, locked or slow, to the spool beside it: from
there they follow once it is back, in the order in which they came.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import structlog
from prometheus_client import Counter
from quintet.ranker.v1 import ranker_pb2
from quintet_access.pseudonyms import Pseudonyms
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import (
    AppError,
    DeadlineExceeded,
    NotReady,
    Reason,
    overloaded,
)
from quintet_servicekit.metrics import DEGRADED
from quintet_servicekit.thread_pool import BoundedThreadPool
from quintet_store import StoreUnavailable
from quintet_store.insights import Insights
from quintet_store.spool import Spool, SpoolFull

from quintet_gateway.feedback.impressions import ImpressionQueue, ServedList
from quintet_gateway.feedback.store import (
    Cursor,
    Database,
    Deleted,
    EventBatch,
    FeedbackStore,
    Page,
    Pruned,
    RecordOutcome,
)

_log = structlog.get_logger(__name__)
T = TypeVar("T")
EVENTS: Final = Counter("quintet_feedback_events_total", "Events answered", ["outcome"])
EVENT_KINDS: Final = Counter(
    "quintet_feedback_kinds_total", "Events accepted, or known already, by what was done", ["kind"]
)
_MAX_JOBS: Final = 256
_JOBS_AT_ONCE: Final = 64
# Lists that come within this time are written together.
_GATHER_SECONDS: Final = 0.25
_RETRY_SECONDS: Final = 1.0
_REPLAY_SECONDS: Final = 0.5
# What gateways that are gone left in a shared folder is looked for this often.
_ADOPT_SECONDS: Final = 5.0
_PRUNE_SECONDS: Final = 3600.0
_DRAIN_SECONDS: Final = 3.0


@dataclass(frozen=True)
class RecorderConfig:
    """How feedback is kept.

    Attributes:
        database: Where.
        spool: Where events wait while the database is away.
        pseudonyms: The installation's names.
        retention: How long.
        max_waiting: Tracks shown that may wait to be recorded.
        budget: Seconds within which a call is answered.
        patience: Seconds that events wait for the database before they go to the spool.
    """

    database: Database
    spool: Spool
    pseudonyms: Pseudonyms
    retention: timedelta = timedelta(days=400)
    max_waiting: int = 50_000
    budget: float = 2.0
    patience: float = 0.5


@dataclass(frozen=True)
class _Pending:
    """Events that wait for their turn, and where their outcome goes."""

    job: EventBatch
    outcome: "asyncio.Future[RecordOutcome]"


class Recorder:
    """Keeps feedback; every method of it answers within the budget or says why not.

    Events wait in a bounded queue and are written by one thread, those of several requests in one
    transaction; what does not fit is refused, never lost. Lists shown wait in a queue of their
    own, and what does not fit there is counted.

    Args:
        config: How feedback is kept.
        on_recorded: Told of each list that is given out; returns at once.
    """

    def __init__(
        self, config: RecorderConfig, on_recorded: Callable[[ServedList], None] = lambda _list: None
    ) -> None:
        self._on_recorded = on_recorded
        self._budget = config.budget
        self._names = config.pseudonyms
        self._waiting = ImpressionQueue(config.max_waiting)
        self._database, self._spool = config.database, config.spool
        self._storage = FeedbackStore(
            config.database, config.spool, config.pseudonyms, self._waiting, config.retention
        )
        self._patience = config.patience
        # Until what is spooled is stored, nothing may overtake it.
        self._spooling = False
        self._jobs: asyncio.Queue[_Pending] = asyncio.Queue(_MAX_JOBS)
        self._has_shown = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: BoundedThreadPool | None = None
        self._reader: BoundedThreadPool | None = None
        self._spooler: BoundedThreadPool | None = None

    async def start(self) -> None:
        """Begins to write; the database may come later."""
        # One thread writes, so that one transaction never waits for another of this process.
        self._writer, self._reader = (
            BoundedThreadPool(1, "feedback-writer"),
            BoundedThreadPool(1, "feedback-reader"),
        )
        self._spooler = BoundedThreadPool(1, "feedback-spool")
        await self._adopt()
        self._tasks = [
            asyncio.create_task(work())
            for work in (
                self._write_events,
                self._write_shown,
                self._empty_spool,
                self._adopt_forever,
                self._keep_retention,
            )
        ]

    @property
    def degraded(self) -> tuple[Part, ...]:
        """What recommendations are given without: the database, where it is known to be away."""
        return (Part.DATABASE,) if self._spooling or self._database.away else ()

    async def close(self) -> None:
        """Writes what waits, as far as a few seconds allow, and counts what it could not."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._jobs.join()
                await self._write(self._storage.replay)
                await self._write(self._storage.flush)
        except (TimeoutError, NotReady) as fault:
            _log.error("feedback could not be drained", error=str(fault))
        if dropped := self._waiting.drop("stopped"):
            _log.error("impressions dropped", tracks=dropped)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for threads in (self._writer, self._reader, self._spooler):
            if threads is not None:
                await threads.close()
        self._writer = self._reader = self._spooler = None
        self._storage.close()

    def new_id(self) -> str:
        """Returns a fresh recommendation id, known as ours from now on and after a restart."""
        return self._names.new_recommendation_id()

    def record_list(
        self,
        recommendation_id: str,
        listener: str,
        surface: str,
        request: ranker_pb2.RecommendTracksRequest,
        response: ranker_pb2.RecommendTracksResponse,
    ) -> None:
        """Takes a list that is being given out to be recorded; returns at once.

        Args:
            recommendation_id: Its id.
            listener: Who asked, as the client knows them; empty where nobody was named.
            surface: The path that answers.
            request: What the ranker was asked.
            response: What it answered; not to be changed after this.
        """
        who = self._names.listener(listener)
        shown = ServedList(recommendation_id, who, datetime.now(UTC), surface, request, response)
        if self._waiting.put(shown):
            self._has_shown.set()
        self._on_recorded(shown)

    async def record(self, job: EventBatch) -> RecordOutcome:
        """Stores the events of one request; on the disk when it returns.

        Raises:
            NotFound: A recommendation or track is not known; nothing was stored.
            NotReady: The database is away and the spool is full; nothing was stored.
            ResourceExhausted: Too many wait.
            DeadlineExceeded: Not within the budget; it may be stored yet.
        """
        outcome: asyncio.Future[RecordOutcome] = asyncio.get_running_loop().create_future()
        try:
            self._jobs.put_nowait(_Pending(job, outcome))
        except asyncio.QueueFull:
            EVENTS.labels("refused").inc(len(job.events))
            raise overloaded("Too many events wait to be stored.") from None
        try:
            recorded = await self._in_time(outcome)
        except AppError as error:
            ours = isinstance(error, NotReady | DeadlineExceeded)
            EVENTS.labels("refused" if ours else "invalid").inc(len(job.events))
            raise
        for event in job.events:
            EVENT_KINDS.labels(event.kind).inc()
        EVENTS.labels("accepted").inc(recorded.accepted)
        EVENTS.labels("duplicate").inc(recorded.duplicates)
        for part in recorded.degraded:
            DEGRADED.labels(part).inc()
        return recorded

    async def delete(self, listener: str) -> Deleted:
        """Deletes what is stored of a listener.

        Raises:
            NotReady: The database is away.
            DeadlineExceeded: Not within the budget; it may be deleted yet.
        """
        return await self._in_time(self._write(partial(self._storage.delete, listener)))

    async def export(self, listener: str, cursor: Cursor, size: int) -> Page:
        """Returns a page of what is stored of a listener, lists that wait included.

        Raises:
            NotReady: The database is away.
            DeadlineExceeded: Not within the budget.
        """
        # Also where nothing waits any more: what is being written now is behind the same thread.
        await self._in_time(self._write(self._storage.flush))
        read = partial(self._storage.export, listener, cursor, size)
        return await self._in_time(self._run(self._reader, read))

    async def insights(self, since: datetime) -> Insights:
        """Returns what the lists since a time had in common.

        Raises:
            NotReady: The database is away.
            DeadlineExceeded: Not within the budget.
        """
        read = partial(self._storage.insights, since)
        return await self._in_time(self._run(self._reader, read))

    async def prune(self) -> Pruned:
        """Deletes what is older than the retention.

        Raises:
            NotReady: The database is away.
        """
        return await self._run(self._reader, self._storage.prune)

    async def _in_time(self, work: "asyncio.Future[T] | Coroutine[object, object, T]") -> T:
        try:
            async with asyncio.timeout(self._budget):
                return await work
        except TimeoutError:
            raise DeadlineExceeded(
                Reason.DEADLINE,
                "The answer took longer than the time allowed; allow more time or try again.",
            ) from None

    async def _write(self, work: Callable[[], T]) -> T:
        return await self._run(self._writer, work)

    async def _run(self, threads: BoundedThreadPool | None, work: Callable[[], T]) -> T:
        """Runs blocking work.

        Raises:
            NotReady: The database is away, or the process is stopping.
        """
        if threads is None:
            raise NotReady(Reason.STORE_UNAVAILABLE, "Feedback is not kept now; try again soon.")
        try:
            return await threads.run(partial(self._storage.run, work))
        except StoreUnavailable as fault:
            _log.warning("feedback database away", error=str(fault))
            raise NotReady(
                Reason.STORE_UNAVAILABLE, "Feedback cannot be stored or read now; try again soon."
            ) from fault

    async def _write_events(self) -> None:
        while True:
            taken = [await self._jobs.get()]
            while len(taken) < _JOBS_AT_ONCE and not self._jobs.empty():
                taken.append(self._jobs.get_nowait())
            try:
                # Whoever gave up waiting has been told so, and sends again.
                await self._answer([pending for pending in taken if not pending.outcome.done()])
            finally:
                for _ in taken:
                    self._jobs.task_done()

    async def _answer(self, taken: list[_Pending]) -> None:
        if not taken:
            return
        jobs = [pending.job for pending in taken]
        results: list[RecordOutcome | AppError] | list[Exception]
        try:
            results = await self._stored(jobs)
        except Exception as fault:
            if not isinstance(fault, AppError) and len(taken) > 1:
                # A fault of one request must not become that of the others.
                for pending in taken:
                    await self._answer([pending])
                return
            results = [fault] * len(taken)
        for pending, result in zip(taken, results, strict=True):
            if pending.outcome.done():
                continue
            if isinstance(result, RecordOutcome):
                pending.outcome.set_result(result)
            else:
                pending.outcome.set_exception(result)

    async def _stored(self, jobs: list[EventBatch]) -> list[RecordOutcome | AppError]:
        """Stores events in the database, else in the spool.

        Raises:
            NotReady: Neither can take them.
        """
        if not self._spooling:
            writing = asyncio.ensure_future(self._write(partial(self._storage.record, jobs)))
            try:
                async with asyncio.timeout(self._patience):
                    return await asyncio.shield(writing)
            except NotReady:
                pass
            except TimeoutError:
                # It may end yet; that the same events then come again from the spool does no harm.
                writing.add_done_callback(_note_late)
            self._spooling = True
        return await self._spooled(jobs)

    async def _spooled(self, jobs: list[EventBatch]) -> list[RecordOutcome | AppError]:
        if self._spooler is None:
            raise NotReady(Reason.STORE_UNAVAILABLE, "Feedback is not kept now; try again soon.")
        try:
            return await self._spooler.run(partial(self._storage.spool, jobs))
        except SpoolFull as fault:
            _log.error("feedback refused", error=str(fault))
            raise NotReady(
                Reason.STORE_UNAVAILABLE,
                "Feedback cannot be stored now: the database is away and the spool is full.",
                metadata={"spool": "full"},
            ) from fault

    async def _empty_spool(self) -> None:
        """Tries the database while events wait for it, and lets it be used again once they do not.

        What is spooled while the last of it is written goes before the next events, in `record`.
        """
        while True:
            if self._spooling:
                try:
                    await self._write(self._storage.replay)
                    self._spooling = False
                except NotReady:
                    pass
                except Exception as fault:
                    _log.error("spooled events not stored", exc_info=fault)
            await asyncio.sleep(_REPLAY_SECONDS)

    async def _adopt_forever(self) -> None:
        while True:
            await asyncio.sleep(_ADOPT_SECONDS)
            await self._adopt()

    async def _adopt(self) -> None:
        """Takes over what was left in the spool; it is stored before anything that comes."""
        assert self._spooler is not None
        try:
            await self._spooler.run(self._storage.adopt)
        except OSError as fault:
            _log.error("spool not readable", error=fault.strerror)
        self._spooling = self._spooling or not self._spool.empty

    async def _write_shown(self) -> None:
        while True:
            await self._has_shown.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._has_shown.clear()
            try:
                await self._write(self._storage.flush)
            except Exception as fault:
                if not isinstance(fault, NotReady):
                    _log.error("impressions not written", exc_info=fault)
                self._has_shown.set()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _keep_retention(self) -> None:
        while True:
            try:
                pruned = await self.prune()
                _log.info("retention kept", events=pruned.events, lists=pruned.recommendations)
            except NotReady:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception as fault:
                _log.error("retention not kept", exc_info=fault)
            await asyncio.sleep(_PRUNE_SECONDS)


def _note_late(writing: "asyncio.Future[list[RecordOutcome | AppError]]") -> None:
    if not writing.cancelled() and (fault := writing.exception()) is not None:
        _log.warning("feedback came late to the database", error=str(fault))
