"""What answers: a model, and where models come from; in plain Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from quintet_contract.patterns import VERSION_PATTERN, fits
from quintet_engine.query import Query, Ranking


def is_version(text: str) -> bool:
    """Decide whether a text can be a model's version, which is also a folder's name."""
    return fits(VERSION_PATTERN, text)


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


@dataclass(frozen=True)
class TrackIdentity:
    """What keeps two tracks out of one list: the recording both are of, the artists' ids."""

    recording: int
    artists: tuple[str, ...]


class RankingModel(Protocol):
    """A loaded model; safe to ask from several threads."""

    @property
    def facts(self) -> ModelFacts:
        """What it says of itself."""
        ...

    def recommend(self, query: Query) -> Ranking:
        """Answers a query; blocks."""
        ...

    def marks(self, track_ids: Sequence[str]) -> dict[str, TrackIdentity]:
        """Returns the marks of those tracks that it knows."""
        ...


class ModelSource(Protocol):
    """Gives the model served now and remembers the last one refused."""

    @property
    def value(self) -> RankingModel:
        """The model served; raises `NotReady` before the first."""
        ...

    @property
    def registry_away(self) -> bool:
        """Whether promotions cannot be heard of now."""
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

    def hold_challenger(self, version: str) -> RankingModel | None:
        """Keeps a challenger, or starts loading it; returns it if it is in memory now."""
        ...

    @property
    def challenger_version(self) -> str:
        """The challenger held; empty where none is."""
        ...

    @property
    def challenger_refused_reason(self) -> str:
        """Why the challenger asked for last is not held; empty where it is or is on its way."""
        ...
