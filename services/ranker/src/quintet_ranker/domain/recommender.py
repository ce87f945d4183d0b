"""Who answers a request: the champion, the challenger, or both; never nobody for want of one."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from quintet_engine.query import Query, QueryInvalid, Ranking, SeedUnknown
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import (
    InvalidInput,
    NotFound,
    NotReady,
    Reason,
    overloaded,
)

from quintet_ranker.domain.interleaving import PickOrigin, interleaved, team_draft
from quintet_ranker.domain.models import ModelSource, RankingModel

_log = logging.getLogger(__name__)
"""What an answer does without where the challenger should have had a part in it."""


class Variant(StrEnum):
    """Who answers a request of an experiment."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    INTERLEAVE = "interleave"
    SHADOW = "shadow"


@dataclass(frozen=True)
class Trial:
    """The part of a request in an experiment.

    Attributes:
        variant: Who answers.
        challenger: The version of the challenger meant.
        key: Decides the coins of a draft.
    """

    variant: Variant
    challenger: str
    key: str = ""


@dataclass(frozen=True)
class RecommendationAnswer:
    """What is answered.

    Attributes:
        ranking: The list.
        variant: Who made it; None outside of experiments.
        seconds: How long ranking took, the slower model's where both were asked.
        origins: Whose pick each track is; empty where the list is not interleaved.
    """

    ranking: Ranking
    variant: Variant | None
    seconds: float
    origins: tuple[PickOrigin, ...] = ()


Timed = tuple[Ranking, float]
Run = Callable[[Callable[[], Timed]], Awaitable[Timed]]
"""Runs blocking work off the event loop."""


class Recommender:
    """Answers queries by the models served now; a swap meanwhile disturbs none.

    Args:
        source: Gives the models.
        run: Runs what listeners wait for.
        run_shadow: Runs what nobody waits for; one at a time.
        patience: Seconds that a challenger may take longer than the champion, or alone.
    """

    def __init__(
        self, source: ModelSource, run: Run, run_shadow: Run, patience: float = 0.5
    ) -> None:
        self._source = source
        self._run = run
        self._run_shadow = run_shadow
        self._patience = patience
        self._shadowing = False

    async def answer(self, query: Query, trial: Trial | None = None) -> RecommendationAnswer:
        """Answers a query, by the champion alone wherever the challenger cannot.

        Raises:
            InvalidInput: The query breaks a rule; the field and the range are named.
            NotFound: The catalogue lacks a seed; the seeds are named.
            NotReady: No model is loaded; or, for a shadow, no challenger.
            ResourceExhausted: Another shadow is being answered.
        """
        champion = self._source.value
        if trial is None or trial.variant is Variant.CHAMPION:
            ranking, seconds = await _ask(self._run, champion, query)
            return RecommendationAnswer(
                ranking, None if trial is None else Variant.CHAMPION, seconds
            )
        challenger = self._source.hold_challenger(trial.challenger)
        if trial.variant is Variant.SHADOW:
            return await self._shadow(challenger, query)
        if challenger is None:
            return await self._alone(champion, query)
        if trial.variant is Variant.CHALLENGER:
            found = await self._tried(challenger, query)
            if found is None:
                return await self._alone(champion, query)
            return RecommendationAnswer(found[0], Variant.CHALLENGER, found[1])
        return await self._both(champion, challenger, query, trial.key)

    async def _alone(self, champion: RankingModel, query: Query) -> RecommendationAnswer:
        return _without(await _ask(self._run, champion, query))

    async def _both(
        self, champion: RankingModel, challenger: RankingModel, query: Query, key: str
    ) -> RecommendationAnswer:
        other = asyncio.create_task(_ask(self._run, challenger, query))
        try:
            first = await _ask(self._run, champion, query)
            second = await self._in_time(other)
        finally:
            other.cancel()
        if second is None:
            return _without(first)
        lists = [[track.track_id for track in found[0].tracks] for found in (first, second)]
        # What only the challenger knows has its marks, in numbers that are no champion's.
        theirs = challenger.marks(lists[1])
        marks = {name: replace(one, recording=-1 - one.recording) for name, one in theirs.items()}
        marks |= champion.marks([*lists[0], *lists[1]])
        picks = team_draft(
            *lists, limit=query.limit, key=key, marks=marks, most=query.max_per_artist
        )
        if len(picks) < len(first[0].tracks):
            # The artist cap may shut so much out that the champion's own list is longer.
            return _without(first)
        ranking, origins = interleaved(first[0], second[0], picks)
        return RecommendationAnswer(ranking, Variant.INTERLEAVE, max(first[1], second[1]), origins)

    async def _tried(self, challenger: RankingModel, query: Query) -> Timed | None:
        asked = asyncio.create_task(_ask(self._run, challenger, query))
        try:
            return await self._in_time(asked)
        finally:
            asked.cancel()

    async def _in_time(self, asked: "asyncio.Task[Timed]") -> Timed | None:
        """Returns what a challenger answers; None where it fails or takes too long."""
        try:
            async with asyncio.timeout(self._patience):
                return await asked
        except Exception as fault:  # whatever is wrong with it, the champion answers
            _log.warning("challenger could not answer: %s", fault or type(fault).__name__)
            return None

    async def _shadow(self, challenger: RankingModel | None, query: Query) -> RecommendationAnswer:
        if challenger is None:
            raise NotReady(Reason.NOT_READY, "The challenger is not held; try again soon.")
        if self._shadowing:
            raise overloaded("Another shadow request is being answered.")
        self._shadowing = True
        try:
            ranking, seconds = await _ask(self._run_shadow, challenger, query)
        finally:
            self._shadowing = False
        return RecommendationAnswer(ranking, Variant.SHADOW, seconds)


def _without(found: Timed) -> RecommendationAnswer:
    """Returns the champion's answer to what the challenger should have had a part in."""
    ranking = replace(found[0], degraded=(*found[0].degraded, Part.CHALLENGER))
    return RecommendationAnswer(ranking, Variant.CHAMPION, found[1])


async def _ask(run: Run, model: RankingModel, query: Query) -> Timed:
    def timed() -> Timed:
        start = time.perf_counter()
        ranking = model.recommend(query)
        return ranking, time.perf_counter() - start

    try:
        return await run(timed)
    except QueryInvalid as fault:
        raise InvalidInput(Reason(fault.reason), str(fault), field=fault.field) from fault
    except SeedUnknown as fault:
        seeds = ",".join(seed.name for seed in fault.seeds)
        raise NotFound(
            Reason.SEED_UNKNOWN, str(fault), field="seeds", metadata={"seeds": seeds}
        ) from fault
