"""Choose which model answers a request: champion, challenger, or both interleaved.

The champion answers whenever the challenger is missing, fails or is slow, so an experiment never
costs a listener the list.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from quintet_engine.dial import Bounds
from quintet_engine.query import Query, Ranking
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import NotReady, Reason, overloaded

from quintet_ranker.domain.interleaving import PickOrigin, interleaved, team_draft
from quintet_ranker.domain.models import ModelSource, RankingModel
from quintet_ranker.domain.player import rejections

_log = logging.getLogger(__name__)


class Variant(StrEnum):
    """Which model answers a request of an experiment."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    INTERLEAVE = "interleave"
    SHADOW = "shadow"


@dataclass(frozen=True)
class Trial:
    """The assignment of a request within an experiment.

    Attributes:
        variant: Which model answers.
        challenger: The challenger's version.
        key: The random seed of interleaving.
    """

    variant: Variant
    challenger: str
    key: str = ""


@dataclass(frozen=True)
class RecommendationAnswer:
    """A ranked list and how it was made.

    Attributes:
        ranking: The list.
        variant: Which model made it; None outside of experiments.
        seconds: The ranking time; the slower model's if both ranked.
        origins: The model that picked each track; empty if the list is not interleaved.
    """

    ranking: Ranking
    variant: Variant | None
    seconds: float
    origins: tuple[PickOrigin, ...] = ()


# A ranking and the seconds it took.
Timed = tuple[Ranking, float]
Run = Callable[[Callable[[], Timed]], Awaitable[Timed]]
"""Runs blocking work on a thread."""


class Recommender:
    """Answer queries with the models served now; a model swap does not affect open queries.

    Args:
        source: The models.
        run: Runs the work that listeners wait for.
        run_shadow: Runs shadow work, for which no listener waits; one piece at a time.
        patience: Seconds that a challenger may take alone, or after the champion has answered.
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
        """Answer a query; by the champion alone if the challenger cannot.

        Raises:
            InvalidInput: The query breaks a rule; the message contains field and range.
            NotFound: The catalogue lacks seeds; the message contains them.
            NotReady: No model is loaded; or, for a shadow request, no challenger.
            ResourceExhausted: Another shadow request is being answered.
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
        # Both rank at once; the champion's time alone is what a listener waits at least.
        other = asyncio.create_task(_ask(self._run, challenger, query))
        try:
            first = await _ask(self._run, champion, query)
            second = await self._in_time(other)
        finally:
            other.cancel()
        if second is None:
            return _without(first)
        lists = [[track.track_id for track in found[0].tracks] for found in (first, second)]
        # The models may have different catalogues, whose recording numbers do not match. Tracks
        # that only the challenger has get negative numbers, which no champion uses.
        theirs = challenger.identities(lists[1])
        known = {name: replace(one, recording=-1 - one.recording) for name, one in theirs.items()}
        known |= champion.identities([*lists[0], *lists[1]])
        tracks = (*first[0].tracks, *second[0].tracks)
        picks = team_draft(
            *lists,
            limit=query.limit,
            key=key,
            identities=known,
            most=query.max_per_artist,
            known={track.track_id for track in tracks if track.known},
            bounds=None if query.discovery is None else Bounds(query.discovery),
        )
        if len(picks) < len(first[0].tracks):
            # The limit per artist may exclude so much that the champion's list alone is longer.
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
        """Wait for a challenger's ranking; None if it fails or takes too long."""
        try:
            async with asyncio.timeout(self._patience):
                return await asked
        except Exception as fault:
            # Whatever is wrong with a challenger, the champion answers.
            _log.warning("challenger did not answer: %s", fault or type(fault).__name__)
            return None

    async def _shadow(self, challenger: RankingModel | None, query: Query) -> RecommendationAnswer:
        if challenger is None:
            raise NotReady(
                Reason.NOT_READY,
                "The challenger is not in memory; call HoldChallenger and try again.",
            )
        # Shadow work must not pile up: a comparison that is skipped costs nobody anything.
        if self._shadowing:
            raise overloaded("Another shadow request is being answered; try again in a second.")
        self._shadowing = True
        try:
            ranking, seconds = await _ask(self._run_shadow, challenger, query)
        finally:
            self._shadowing = False
        return RecommendationAnswer(ranking, Variant.SHADOW, seconds)


def _without(found: Timed) -> RecommendationAnswer:
    """Mark the champion's list as degraded: the challenger should have taken part."""
    ranking = replace(found[0], degraded=(*found[0].degraded, Part.CHALLENGER))
    return RecommendationAnswer(ranking, Variant.CHAMPION, found[1])


async def _ask(run: Run, model: RankingModel, query: Query) -> Timed:
    def timed() -> Timed:
        start = time.perf_counter()
        ranking = model.recommend(query)
        return ranking, time.perf_counter() - start

    with rejections():
        return await run(timed)
