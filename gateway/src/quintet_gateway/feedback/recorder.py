"""The recorder: stores impressions after the answer, and events on a disk before it.

Events go to the database or, while that is down, locked or slow, to the spool in QUINTET_HOME. From
there they are replayed in their order of arrival once the database answers again.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog
from prometheus_client import Counter
from quintet.ranker.v1 import ranker_pb2
from quintet_access.pseudonyms import Pseudonyms
from quintet_contract.limits import MAX_FEEDBACK_BYTES
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import (
    AppError,
    DeadlineExceeded,
    NotFound,
    NotReady,
    Reason,
    overloaded,
)
from quintet_servicekit.metrics import DEGRADED
from quintet_servicekit.thread_pool import BoundedThreadPool
from quintet_store import StoreUnavailable
from quintet_store.insights import Insights
from quintet_store.recorded_list import RecordedList
from quintet_store.reopening import Database
from quintet_store.spool import Spool, SpoolFull
from quintet_store.uploads import Uploads

from quintet_gateway.feedback.events import EventBatch, RecordOutcome
from quintet_gateway.feedback.impressions import ImpressionQueue, ServedList
from quintet_gateway.feedback.store import Cursor, Deleted, FeedbackStore, Page, Pruned

_log = structlog.get_logger(__name__)
T = TypeVar("T")
EVENTS: Final = Counter("quintet_feedback_events_total", "Events answered", ["outcome"])
EVENT_KINDS: Final = Counter(
    "quintet_feedback_kinds_total", "Events accepted, or known already, by what was done", ["kind"]
)
# Requests with events that may wait for the writer; more get 429.
_MAX_JOBS: Final = 256
# Requests in one transaction: their events share one sync of the disk.
_JOBS_AT_ONCE: Final = 64
# Lists that arrive within this time are written in one transaction.
_GATHER_SECONDS: Final = 0.25
# Pause after a failed write of impressions, which the database may need to come back.
_RETRY_SECONDS: Final = 1.0
_REPLAY_SECONDS: Final = 0.5
# How often spool files of stopped gateways in a shared folder are searched for.
_ADOPT_SECONDS: Final = 5.0
# Retention is in days, so once per hour is often enough and each deletion stays small.
_PRUNE_SECONDS: Final = 3600.0
# Below the ten seconds that Docker gives a container to stop.
_DRAIN_SECONDS: Final = 3.0


@dataclass(frozen=True)
class RecorderConfig:
    """Where and how feedback is stored.

    Attributes:
        database: The database.
        spool: Files in which events wait while the database is down.
        pseudonyms: The installation's key for hashing listeners' ids.
        retention: Age at which events and impressions are deleted.
        max_waiting: Tracks of impressions that may wait for the database.
        budget: Seconds within which a call is answered.
        patience: Seconds that events wait for the database before they go to the spool.
        most_bytes: What recorded lists may take in the database.
        quarantine: Folder of the rows that imports rejected.
        uploads: Histories that listeners uploaded.
    """

    database: Database
    spool: Spool
    pseudonyms: Pseudonyms
    retention: timedelta = timedelta(days=400)
    max_waiting: int = 50_000
    budget: float = 2.0
    patience: float = 0.5
    most_bytes: int = MAX_FEEDBACK_BYTES
    quarantine: Path = Path("quarantine")
    uploads: Uploads = field(default_factory=lambda: Uploads(Path()))


@dataclass(frozen=True)
class _Pending:
    """Events that wait for the writer thread, and the future of their outcome."""

    job: EventBatch
    outcome: "asyncio.Future[RecordOutcome]"


class Recorder:
    """Store feedback; every method returns within the budget or raises the reason.

    Events wait in a bounded queue and are written by one thread, those of several requests in one
    transaction; events beyond the queue are rejected, never lost. Impressions wait in a separate
    queue, and those beyond it are dropped and counted.

    Args:
        config: Where and how feedback is stored.
        on_recorded: Called with each list that is answered; must return at once.
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
            config.database,
            config.spool,
            config.pseudonyms,
            self._waiting,
            config.retention,
            config.most_bytes,
            config.quarantine,
            config.uploads,
        )
        self._patience = config.patience
        # True until the spool is empty, so that newer events do not overtake older ones.
        self._spooling = False
        self._jobs: asyncio.Queue[_Pending] = asyncio.Queue(_MAX_JOBS)
        self._has_shown = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: BoundedThreadPool | None = None
        self._reader: BoundedThreadPool | None = None
        self._spooler: BoundedThreadPool | None = None

    async def start(self) -> None:
        """Start the threads and tasks that write; the database may be down."""
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
        """The parts that lists are answered without: the database, if it is known to be down."""
        return (Part.DATABASE,) if self._spooling or self._database.failing else ()

    async def close(self) -> None:
        """Write what waits for at most `_DRAIN_SECONDS`, and count what could not be written."""
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
        """Make a recommendation id that this installation still recognises after a restart."""
        return self._names.new_recommendation_id()

    def record_list(
        self,
        recommendation_id: str,
        listener: str,
        surface: str,
        request: ranker_pb2.RecommendTracksRequest,
        response: ranker_pb2.RecommendTracksResponse,
    ) -> None:
        """Queue a list that is being answered; it is stored later.

        Args:
            recommendation_id: Its id.
            listener: The listener's id at the client; empty if the request named none.
            surface: The path that answers.
            request: What the ranker was asked.
            response: Its answer.
        """
        who = self._names.listener(listener)
        shown = ServedList(recommendation_id, who, datetime.now(UTC), surface, request, response)
        if self._waiting.put(shown):
            self._has_shown.set()
        self._on_recorded(shown)

    async def record(self, job: EventBatch) -> RecordOutcome:
        """Store the events of one request; they are on a disk when this returns.

        Raises:
            NotFound: A recommendation or track is unknown; nothing was stored.
            NotReady: The database is down and the spool is full; nothing was stored.
            ResourceExhausted: Too many requests wait.
            DeadlineExceeded: The budget ran out; the events may still be stored.
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
            # Two outcomes, because operators act on the gateway's own failures only.
            EVENTS.labels("refused" if ours else "invalid").inc(len(job.events))
            raise
        # Kinds are counted only now: a rejected event must not show up as a like.
        for event in job.events:
            EVENT_KINDS.labels(event.kind).inc()
        EVENTS.labels("accepted").inc(recorded.accepted)
        EVENTS.labels("duplicate").inc(recorded.duplicates)
        for part in recorded.degraded:
            DEGRADED.labels(part).inc()
        return recorded

    async def delete(self, listener: str) -> Deleted:
        """Delete a listener's events, memory and playlists, and unlink their lists.

        Raises:
            NotReady: The database is down.
            DeadlineExceeded: The budget ran out; the deletion may still happen.
        """
        return await self._in_time(self._write(partial(self._storage.delete, listener)))

    async def ban(self, listener: str, artist_id: str, *, banned: bool) -> None:
        """Ban an artist for a listener, or lift the ban.

        Raises:
            Conflict: The listener has banned as many artists as are allowed.
            NotReady: The database is down.
            DeadlineExceeded: The budget ran out; the change may still happen.
        """
        await self._in_time(self._write(partial(self._storage.ban, listener, artist_id, banned)))

    async def undo(self, client: str, event_id: str) -> None:
        """Undo an event of a client: lists, memory and training no longer know of it.

        Raises:
            NotFound: The client has sent no event of this id.
            NotReady: The database is down.
            DeadlineExceeded: The budget ran out; the event may still be undone.
        """
        await self._in_time(self._write(partial(self._storage.undo, client, event_id)))
        EVENTS.labels("undone").inc()

    async def export(self, listener: str, cursor: Cursor, size: int) -> Page:
        """Export one page of a listener's records, queued impressions included.

        Raises:
            NotReady: The database is down.
            DeadlineExceeded: The budget ran out.
        """
        # Also if the queue is empty: a batch may be in the writer thread, which this waits for.
        await self._in_time(self._write(self._storage.flush))
        read = partial(self._storage.export, listener, cursor, size)
        return await self._in_time(self._run(self._reader, read))

    async def insights(self, since: datetime) -> Insights:
        """Summarise the lists recommended since a time.

        Raises:
            NotReady: The database is down.
            DeadlineExceeded: The budget ran out.
        """
        read = partial(self._storage.insights, since)
        return await self._in_time(self._run(self._reader, read))

    async def recorded_list(self, recommendation_id: str) -> RecordedList:
        """Read a list with all that is stored of how it was made; a queued one is stored first.

        Raises:
            NotFound: No list of this id is stored.
            NotReady: The database is down.
            DeadlineExceeded: The budget ran out.
        """
        await self._in_time(self._write(self._storage.flush))
        read = partial(self._storage.recorded_list, recommendation_id)
        found = await self._in_time(self._run(self._reader, read))
        if found is None:
            raise NotFound(
                Reason.RECOMMENDATION_UNKNOWN,
                "No list of this id is stored: it is older than QUINTET_FEEDBACK_RETENTION_DAYS, "
                "was trimmed by QUINTET_FEEDBACK_MAX_BYTES, or is of another installation.",
                field="id",
            )
        return found

    async def prune(self) -> Pruned:
        """Delete feedback that is older than the retention.

        Raises:
            NotReady: The database is down.
        """
        return await self._run(self._reader, self._storage.prune)

    async def trim(self) -> None:
        """Keep the recorded lists within their bound.

        Raises:
            NotReady: The database is down.
        """
        trimmed = await self._run(self._reader, self._storage.trim)
        if trimmed.recommendations:
            _log.warning(
                "oldest recorded lists deleted", lists=trimmed.recommendations, cause="size bound"
            )

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
        """Run blocking work in a thread.

        Raises:
            NotReady: The database is down, or the process is stopping.
        """
        if threads is None:
            raise NotReady(Reason.STORE_UNAVAILABLE, "Feedback is not kept now; try again soon.")
        try:
            return await threads.run(partial(self._storage.run, work))
        except StoreUnavailable as fault:
            _log.warning("feedback database unavailable", error=str(fault))
            raise NotReady(
                Reason.STORE_UNAVAILABLE, "Feedback cannot be stored or read now; try again soon."
            ) from fault

    async def _write_events(self) -> None:
        while True:
            taken = [await self._jobs.get()]
            # What waits already shares a transaction; nothing waits for more to come.
            while len(taken) < _JOBS_AT_ONCE and not self._jobs.empty():
                taken.append(self._jobs.get_nowait())
            try:
                # A request that ran out of time got its error, and its client sends again.
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
        """Store events in the database, or else in the spool.

        Raises:
            NotReady: Neither can take them.
        """
        if not self._spooling:
            writing = asyncio.ensure_future(self._write(partial(self._storage.record, jobs)))
            try:
                async with asyncio.timeout(self._patience):
                    # Cancelling would not stop the thread; the callback below learns how it ended.
                    return await asyncio.shield(writing)
            except NotReady:
                pass
            except TimeoutError:
                # The write may still succeed; the replay of the same events then changes nothing,
                # since (client, event id) is the primary key.
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
                "Feedback cannot be stored now: the database is down and the spool is full.",
                metadata={"spool": "full"},
            ) from fault

    async def _empty_spool(self) -> None:
        """Replay the spool while it holds events, and use the database again once it is empty.

        Events spooled during the last replay are replayed by the next `FeedbackStore.record`.
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
        """Adopt spool files of stopped gateways; their events are stored before newer ones."""
        assert self._spooler is not None
        try:
            await self._spooler.run(self._storage.adopt)
        except OSError as fault:
            _log.error("spool not readable", error=fault.strerror)
        self._spooling = self._spooling or not self._spool.empty

    async def _write_shown(self) -> None:
        while True:
            await self._has_shown.wait()
            # Lists of the next moment join the same transaction.
            await asyncio.sleep(_GATHER_SECONDS)
            self._has_shown.clear()
            try:
                await self._write(self._storage.flush)
                if self._storage.needs_trim:
                    await self.trim()
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
                await self.trim()
            except NotReady:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception as fault:
                _log.error("retention not kept", exc_info=fault)
            await asyncio.sleep(_PRUNE_SECONDS)


def _note_late(writing: "asyncio.Future[list[RecordOutcome | AppError]]") -> None:
    if not writing.cancelled() and (fault := writing.exception()) is not None:
        _log.warning("feedback came late to the database", error=str(fault))
