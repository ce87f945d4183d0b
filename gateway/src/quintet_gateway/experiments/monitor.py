"""The running experiment: assign requests, record shadow comparisons, and stop on a verdict."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog
from prometheus_client import Counter
from quintet.ranker.v1 import ranker_pb2
from quintet_access.pseudonyms import Pseudonyms
from quintet_servicekit.errors import AppError, DeadlineExceeded, NotReady, Reason
from quintet_servicekit.thread_pool import BoundedThreadPool
from quintet_store import StoreUnavailable
from quintet_store import experiments as store
from quintet_store.experiments import SHADOW, Experiment, Standing
from quintet_store.feedback import stamp
from quintet_store.list_similarity import overlap, rank_correlation
from quintet_store.sequential_test import Verdict

from quintet_gateway.experiments.assignment import assigned_variant, assignment_unit, bucket_of
from quintet_gateway.feedback import Database, ServedList
from quintet_gateway.repeating import repeat
from quintet_gateway.seeds import stored_seeds

_log = structlog.get_logger(__name__)
T = TypeVar("T")
SHADOWS: Final = Counter(
    "quintet_shadow_requests_total",
    "Requests sent to the challenger in shadow mode, by outcome",
    ["outcome"],
)
# An experiment that could not be read for so long is treated as ended.
_TRUSTED_SECONDS: Final = 30.0
# Well within the minutes that the ranker keeps an unused challenger.
_HOLD_SECONDS: Final = 20.0
# Shadow comparisons in one transaction.
_SHADOWS_AT_ONCE: Final = 50
_RETRY_SECONDS: Final = 1.0
_ENDED_BY: Final = {
    Verdict.CHAMPION: "listeners prefer the champion",
    Verdict.EQUAL: "no difference that matters",
    Verdict.INCONCLUSIVE: "nothing found within the most trials allowed",
}


class Ranker(Protocol):
    """The ranker's methods that experiments call; each call ends within a budget."""

    async def recommend(
        self, request: ranker_pb2.RecommendTracksRequest
    ) -> ranker_pb2.RecommendTracksResponse:
        """Recommends tracks."""

    async def hold_challenger(self, version: str) -> ranker_pb2.HoldChallengerResponse:
        """Make the ranker load a challenger and keep it for some minutes."""


@dataclass(frozen=True)
class ExperimentConfig:
    """Where experiments are stored, and how often they are read.

    Attributes:
        database: The database; its owner closes it.
        pseudonyms: The installation's key for hashing listeners' ids.
        poll_seconds: Polling interval of which experiment runs.
        check_seconds: Polling interval of its evidence.
        max_waiting: Shadow requests that may wait; more are dropped and counted.
        budget: Seconds within which a call is answered.
    """

    database: Database
    pseudonyms: Pseudonyms
    poll_seconds: float = 2.0
    check_seconds: float = 60.0
    max_waiting: int = 100
    budget: float = 2.0


@dataclass(frozen=True)
class Overview:
    """The running experiment, or the last one, and whether the ranker holds its challenger."""

    standing: Standing
    challenger_held: bool
    challenger_refused: str


class Experiments:
    """Assign requests to the running experiment; no request waits for the database.

    The running experiment is polled every few seconds, so that all processes agree soon after a
    command. If its evidence says that listeners prefer the champion, or that there is no
    difference, the gateway ends it. Only the command promotes a challenger, since it needs the
    registry.
    """

    def __init__(self, config: ExperimentConfig, ranker: Ranker) -> None:
        self._config = config
        self._ranker = ranker
        self._database = config.database
        self._running: Experiment | None = None
        self._seen_at = -_TRUSTED_SECONDS
        self._held, self._refused = "", ""
        self._queue: asyncio.Queue[ServedList] = asyncio.Queue(config.max_waiting)
        self._threads: BoundedThreadPool | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start polling; the database may be down."""
        # One thread: these few queries must not take connections from feedback.
        self._threads = BoundedThreadPool(1, "experiments")
        loops: Sequence[tuple[Callable[[], Coroutine[Any, Any, None]], float]] = (
            (self.refresh, self._config.poll_seconds),
            # As often as the experiment is read, so that a new challenger loads at once.
            (self._hold, min(_HOLD_SECONDS, self._config.poll_seconds)),
            (self.check, self._config.check_seconds),
            (self._shadow_some, 0.0),
        )
        self._tasks = [
            asyncio.create_task(
                repeat(
                    work,
                    seconds=seconds,
                    retry_seconds=_RETRY_SECONDS,
                    failure="experiments could not be updated",
                )
            )
            for work, seconds in loops
        ]

    async def close(self) -> None:
        """Stop polling; queued shadow requests are dropped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        threads, self._threads = self._threads, None
        if threads is not None:
            await threads.close()

    @property
    def running(self) -> Experiment | None:
        """The running experiment, as of the last poll."""
        # Another operator may have ended it meanwhile.
        trusted = time.monotonic() - self._seen_at < _TRUSTED_SECONDS
        return self._running if trusted else None

    def enrol(self, request: ranker_pb2.RecommendTracksRequest, listener: str) -> None:
        """Write a request's part in the running experiment into it.

        Args:
            request: What the ranker will be asked.
            listener: The listener's id at the client; empty if the request named none.
        """
        experiment = self.running
        if experiment is None:
            return
        who = self._config.pseudonyms.listener(listener)
        variant = assigned_variant(experiment, assignment_unit(who, request), flow=request.flow)
        if variant == ranker_pb2.VARIANT_UNSPECIFIED:
            return
        request.trial.experiment_id = experiment.experiment_id
        request.trial.variant = variant
        request.trial.challenger_version = experiment.plan.challenger
        # The random seed of interleaving: the same listener with the same seeds gets the same list
        # again.
        request.trial.draft_key = f"{experiment.salt} {who} {json.dumps(stored_seeds(request))}"

    def shadow(self, shown: ServedList) -> None:
        """Queue an answered list, for the challenger to rank the same request; returns at once."""
        experiment = self.running
        if experiment is None or experiment.plan.mode != SHADOW:
            return
        unit = assignment_unit(shown.listener, shown.request)
        if bucket_of(experiment.salt, unit) >= experiment.plan.percent:
            return
        try:
            self._queue.put_nowait(shown.without_reasons())
        # Dropped, not waited for: a shadow request must not slow down a listener's.
        except asyncio.QueueFull:
            SHADOWS.labels("dropped").inc()

    async def overview(self) -> Overview | None:
        """Read the running experiment, or the last one, with its evidence; None without any.

        Raises:
            NotReady: The database is down.
            DeadlineExceeded: The budget ran out.
        """
        try:
            async with asyncio.timeout(self._config.budget):
                found = await self._run(self._standing)
        except StoreUnavailable as fault:
            raise NotReady(
                Reason.STORE_UNAVAILABLE, "Experiments cannot be read now; try again soon."
            ) from fault
        except TimeoutError:
            raise DeadlineExceeded(
                Reason.DEADLINE,
                "The answer took longer than the time allowed; allow more time or try again.",
            ) from None
        if found is None:
            return None
        held = self._held == found.experiment.plan.challenger
        return Overview(found, held, self._refused if found.experiment.is_running else "")

    async def refresh(self) -> None:
        """Read which experiment runs."""
        self._running = await self._run(partial(self._read, store.running))
        self._seen_at = time.monotonic()

    async def check(self) -> None:
        """End the experiment if its evidence says that it should not continue."""
        found = await self._run(self._standing)
        if found is None or not found.experiment.is_running:
            return
        reason = _ENDED_BY.get(found.evidence.verdict)
        # Listeners see nothing of shadow lists, so there is no one to protect.
        if reason is None or found.experiment.plan.mode == SHADOW:
            return
        name = found.experiment.experiment_id
        await self._run(partial(self._end, name, found.evidence.verdict.value, reason))
        _log.warning("experiment ended", experiment=name, reason=reason)
        await self.refresh()

    def _read(self, what: Callable[[Any], T]) -> T:
        with self._database.reading() as connection:
            return what(connection)

    def _standing(self) -> Standing | None:
        with self._database.reading() as connection:
            experiment = store.latest(connection)
            return None if experiment is None else store.standing(connection, experiment)

    def _end(self, name: str, verdict: str, reason: str) -> None:
        with self._database.writing() as connection:
            store.end(connection, name, verdict, reason)

    def _add(self, rows: list[dict[str, Any]]) -> None:
        with self._database.writing() as connection:
            store.add_shadows(connection, rows)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._threads is None:
            raise StoreUnavailable("not started")
        try:
            return await self._threads.run(work)
        except StoreUnavailable as fault:
            self._database.failed(fault)
            raise

    async def _hold(self) -> None:
        """Renew the ranker's hold on the challenger, also while there are no requests."""
        experiment = self.running
        if experiment is None:
            self._held = self._refused = ""
            return
        version = experiment.plan.challenger
        answer = await self._ranker.hold_challenger(version)
        self._held, self._refused = version if answer.held else "", answer.refused_reason

    async def _shadow_some(self) -> None:
        taken = [await self._queue.get()]
        rows: list[dict[str, Any]] = []
        while taken:
            experiment = self.running
            if experiment is not None and experiment.plan.mode == SHADOW:
                row = await self._shadow(experiment, taken[0])
                rows += [] if row is None else [row]
            more = not self._queue.empty() and len(rows) < _SHADOWS_AT_ONCE
            taken = [self._queue.get_nowait()] if more else []
        try:
            await self._run(partial(self._add, rows))
        except StoreUnavailable:
            SHADOWS.labels("unrecorded").inc(len(rows))
            raise
        SHADOWS.labels("recorded").inc(len(rows))

    async def _shadow(self, experiment: Experiment, shown: ServedList) -> dict[str, Any] | None:
        request = ranker_pb2.RecommendTracksRequest()
        request.CopyFrom(shown.request)
        request.trial.experiment_id = experiment.experiment_id
        request.trial.variant = ranker_pb2.VARIANT_SHADOW
        request.trial.challenger_version = experiment.plan.challenger
        try:
            answer = await self._ranker.recommend(request)
        except AppError as fault:
            SHADOWS.labels("unanswered").inc()
            _log.info("shadow request not answered", reason=fault.reason.value)
            return None
        lists = [[t.track_id for t in one.tracks] for one in (shown.response, answer)]
        return {
            "experiment_id": experiment.experiment_id,
            "recorded_at": stamp(datetime.now(UTC)),
            "correlation": rank_correlation(*lists),
            "overlap": overlap(*lists),
            "champion_ms": 1000 * shown.response.ranking_seconds,
            "challenger_ms": 1000 * answer.ranking_seconds,
        }
