"""What the ranker promises, in plain Python: a model is asked, errors are named."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from quintet_engine.query import Query, QueryInvalid, Ranking, SeedUnknown
from quintet_servicekit.errors import InvalidInput, NotFound, Reason


@dataclass(frozen=True)
class ModelFacts:
    """What a model says of itself.

    Attributes:
        model_version: The booster's version.
        index_version: The retrieval index's version.
        catalogue_version: The snapshot's version.
        kind: "bootstrap" or "trained".
        feature_names: The booster's features, in order.
        feature_hash: SHA-256 over them.
        track_count: How many tracks can be recommended.
        create_time: When it was made.
        channels: The retrieval channels.
        metrics: Recorded when it was trained.
    """

    model_version: str
    index_version: str
    catalogue_version: str
    kind: str
    feature_names: tuple[str, ...]
    feature_hash: str
    track_count: int
    create_time: datetime
    channels: tuple[str, ...]
    metrics: Mapping[str, float]


class Model(Protocol):
    """A loaded model; safe to ask from several threads."""

    @property
    def facts(self) -> ModelFacts:
        """What it says of itself."""
        ...

    def recommend(self, query: Query) -> Ranking:
        """Answers a query; blocks."""
        ...


class Source(Protocol):
    """Gives the model served now and remembers the last one refused."""

    @property
    def value(self) -> Model:
        """The model served; raises `NotReady` before the first."""
        ...

    @property
    def load_time(self) -> datetime | None:
        """When it began to serve."""
        ...

    @property
    def refused_version(self) -> str:
        """The version refused last; empty when none was, or since a later success."""
        ...

    @property
    def refused_reason(self) -> str:
        """Why it was refused."""
        ...


Run = Callable[[Callable[[], Ranking]], Awaitable[Ranking]]
"""Runs blocking work off the event loop."""


async def recommend(source: Source, run: Run, query: Query) -> Ranking:
    """Answers a query by the model served now; a swap meanwhile does not disturb it.

    Raises:
        InvalidInput: The query breaks a rule; the field and the range are named.
        NotFound: The catalogue lacks a seed; the seeds are named.
        NotReady: No model is loaded.
    """
    model = source.value
    try:
        return await run(lambda: model.recommend(query))
    except QueryInvalid as fault:
        raise InvalidInput(Reason(fault.reason), str(fault), field=fault.field) from fault
    except SeedUnknown as fault:
        seeds = ",".join(seed.name for seed in fault.seeds)
        raise NotFound(
            Reason.SEED_UNKNOWN, str(fault), field="seeds", metadata={"seeds": seeds}
        ) from fault
