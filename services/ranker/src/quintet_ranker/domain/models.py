"""The ports of the ranker: a loaded model, and the source of models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from quintet_contract.patterns import VERSION_PATTERN, fits
from quintet_engine.query import Query, Ranking
from quintet_engine.radio_session import Session
from quintet_engine.sequence import Batch, BatchRequest, Path, PathQuery


def is_version(text: str) -> bool:
    """Decide whether a text can be a model's version, which is also a folder's name."""
    return fits(VERSION_PATTERN, text)


@dataclass(frozen=True)
class ModelFacts:
    """The description of a model, from its bundle.

    Attributes:
        model_version: The booster's version.
        index_version: The retrieval index's version.
        catalogue_version: The snapshot's version.
        kind: "bootstrap" or "trained".
        feature_names: The booster's features, in order.
        feature_hash: SHA-256 over the feature names, in hexadecimal.
        track_count: How many tracks can be recommended.
        create_time: When it was built.
        channels: The retrieval channels that it has data for.
        metrics: Evaluation metrics recorded at training, by name.
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
    """What decides whether two tracks may be in one list.

    Attributes:
        recording: The number of the recording; releases of one recording share it.
        artists: The ids of the artists.
    """

    recording: int
    artists: tuple[str, ...]


class RankingModel(Protocol):
    """A loaded model; several threads may call it at once."""

    @property
    def facts(self) -> ModelFacts:
        """The description of the model."""
        ...

    def recommend(self, query: Query) -> Ranking:
        """Answer a query; blocks the thread."""
        ...

    def play(self, session: Session, request: BatchRequest) -> Batch:
        """Choose the next tracks of a radio session; blocks the thread."""
        ...

    def find_path(self, query: PathQuery) -> Path:
        """Find a path between two tracks; blocks the thread."""
        ...

    def identities(self, track_ids: Sequence[str]) -> dict[str, TrackIdentity]:
        """Look up recording and artists of the tracks that the model's catalogue has."""
        ...


class ModelSource(Protocol):
    """The model served now, the challenger, and the version rejected last."""

    @property
    def value(self) -> RankingModel:
        """The model served; raises `NotReady` before the first."""
        ...

    @property
    def registry_unavailable(self) -> bool:
        """Whether the registry did not answer last, so that promotions may be missed."""
        ...

    @property
    def load_time(self) -> datetime | None:
        """When this process began to serve the model."""
        ...

    @property
    def refused_version(self) -> str:
        """The version rejected last; empty if none was, or after a later success."""
        ...

    @property
    def refused_reason(self) -> str:
        """Why that version was rejected."""
        ...

    def hold_challenger(self, version: str) -> RankingModel | None:
        """Extend the time that a challenger is wanted; return it if it is in memory now."""
        ...

    @property
    def challenger_version(self) -> str:
        """The version of the challenger in memory; empty if there is none."""
        ...

    @property
    def challenger_refused_reason(self) -> str:
        """Why the challenger asked for last is not in memory; empty if it is, or is loading."""
        ...
