"""How lists are received, and experiments that compare two models."""

from collections.abc import Mapping
from datetime import datetime

from quintet_client.models.answers import Answer


class ArtistPlaces(Answer):
    """An artist's share of all places in lists."""

    name: str
    share: float  # 0 to 1


class ModelReceived(Answer):
    """How the lists of one model were received; low and high bound the share approved."""

    model: str
    lists: int
    approved: int  # lists with a like, a save or a playlist_add
    low: float  # 95 % interval of the share
    high: float


class Insights(Answer):
    """A summary of the lists of some hours."""

    since: datetime
    lists: int
    impressions: int  # tracks on all lists, repeated ones included
    tracks_shown: int  # distinct tracks
    artists: tuple[ArtistPlaces, ...]
    events: Mapping[str, int]
    models: tuple[ModelReceived, ...]


class ExperimentRule(Answer):
    """When trials decide."""

    alpha: float  # error rate of the sequential test
    min_effect: float
    most_trials: int
    unit: str  # "listener" or "list": what one trial is


class Preference(Answer):
    """The share that the challenger would win of equal traffic; a half is no preference."""

    seen: float
    low: float  # 95 % interval
    high: float


class Latency(Answer):
    """Milliseconds of ranking."""

    median: float
    p95: float


class Shadow(Answer):
    """How the challenger's lists compare that were not shown to listeners."""

    requests: int
    rank_correlation: float | None  # -1 to 1
    overlap: float | None  # share of tracks in both lists, 0 to 1
    champion_ms: Latency | None
    challenger_ms: Latency | None


class Experiment(Answer):
    """An experiment and the results of its trials."""

    experiment_id: str
    running: bool
    mode: str
    percent: float  # of requests that take part
    champion: str
    challenger: str
    challenger_held: bool
    challenger_refused: str
    started_at: datetime
    ended_at: datetime | None
    reason: str
    rule: ExperimentRule
    lists: Mapping[str, int]
    other_lists: int
    wins: int  # of the challenger
    losses: int
    ties: int
    verdict: str
    p_value: float  # valid at any time (sequential test)
    preference: Preference
    shadow: Shadow


class ExperimentAnswer(Answer):
    """The experiment that runs, else the one that ended last, else None."""

    experiment: Experiment | None


class Moved(Answer):
    """How far one quantity has moved; `ks` is None for quantities without an order."""

    psi: float  # population stability index, 0 for no change
    ks: float | None  # Kolmogorov-Smirnov distance, 0 to 1
