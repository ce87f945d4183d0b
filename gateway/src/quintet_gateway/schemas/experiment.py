"""Answer of `GET /api/v1/experiment`."""

from typing import Any

from quintet_store.experiments import facts_of

from quintet_gateway.experiments.monitor import Overview
from quintet_gateway.schemas.catalogue import ResponseModel


class ExperimentRule(ResponseModel):
    """The rule by which trials decide: level, smallest effect, most trials."""

    alpha: float
    min_effect: float
    most_trials: int
    unit: str


class Preference(ResponseModel):
    """Share of trials that the challenger wins, with its interval; 0.5 is no preference."""

    seen: float
    low: float
    high: float


class Latency(ResponseModel):
    """Time to rank one request, in milliseconds."""

    median: float
    p95: float


class ShadowResponse(ResponseModel):
    """Comparison of the challenger's shadow lists, which listeners do not see."""

    requests: int
    rank_correlation: float | None
    overlap: float | None
    champion_ms: Latency | None
    challenger_ms: Latency | None


class ExperimentFacts(ResponseModel):
    """An experiment with the evidence of its trials."""

    experiment_id: str
    running: bool
    mode: str
    percent: float
    champion: str
    challenger: str
    challenger_held: bool
    challenger_refused: str
    started_at: str
    ended_at: str | None
    reason: str
    rule: ExperimentRule
    lists: dict[str, int]
    other_lists: int
    wins: int
    losses: int
    ties: int
    verdict: str
    p_value: float
    preference: Preference
    shadow: ShadowResponse


class ExperimentResponse(ResponseModel):
    """The running experiment, else the last one, else null."""

    experiment: ExperimentFacts | None


def experiment_json(found: Overview | None) -> dict[str, Any] | None:
    """Write an experiment as JSON; None without any."""
    if found is None:
        return None
    held = {
        "challenger_held": found.challenger_held,
        "challenger_refused": found.challenger_refused,
    }
    return facts_of(found.standing) | held
