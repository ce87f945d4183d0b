"""How a recommendation is put together, whatever carries the calls; no transport here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import DeadlineExceeded, NotReady

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class CatalogueMap:
    """Every track as a point of a plane.

    Attributes:
        version: What it was made of.
        content: An Arrow IPC file.
    """

    version: str
    content: bytes


@dataclass(frozen=True)
class Steps(Generic[P, R, T]):
    """The three calls behind a recommendation.

    Attributes:
        build_profile: Averages the seeds.
        rank: Recommends; computes the profile itself where given None.
        look_up: Finds names and covers for what was ranked.
        recall: Gives those that are still known, where looking up is not possible.
    """

    build_profile: Callable[[], Awaitable[P]]
    rank: Callable[[P | None], Awaitable[R]]
    look_up: Callable[[R], Awaitable[T]]
    recall: Callable[[R], T]


@dataclass(frozen=True)
class Outcome(Generic[P, R, T]):
    """What the steps gave.

    Attributes:
        profile: None where the profile service was away.
        ranking: What the ranker answered.
        tracks: Only those remembered where search was away.
        degraded: The services that were away.
    """

    profile: P | None
    ranking: R
    tracks: T
    degraded: tuple[Part, ...]


async def recommend(steps: Steps[P, R, T]) -> Outcome[P, R, T]:
    """Builds the profile, ranks, looks names up; goes on without what can be done without.

    Raises:
        AppError: The request is at fault, or the ranker is away.
    """
    profile = await _unless_away(steps.build_profile())
    ranking = await steps.rank(profile)
    tracks = await _unless_away(steps.look_up(ranking))
    found = ((Part.PROFILE, profile), (Part.SEARCH, tracks))
    away = tuple(name for name, part in found if part is None)
    return Outcome(profile, ranking, steps.recall(ranking) if tracks is None else tracks, away)


async def _unless_away(step: Awaitable[T]) -> T | None:
    try:
        return await step
    except (NotReady, DeadlineExceeded):
        return None
