"""The experiment that runs, for whoever is in charge."""

from fastapi import APIRouter, Response
from quintet_store.experiments import facts_of

from quintet_gateway.routes.recommendations import Trials
from quintet_gateway.routes.services import answer
from quintet_gateway.schemas.catalogue import Answer
from quintet_gateway.schemas.errors import errors

router = APIRouter(prefix="/api/v1", tags=["Operation"])


class ExperimentRule(Answer):
    """When trials decide."""

    alpha: float
    min_effect: float
    most_trials: int
    unit: str


class Preference(Answer):
    """The share that the challenger would win of equal traffic; a half is no preference."""

    seen: float
    low: float
    high: float


class Latency(Answer):
    """Milliseconds of ranking."""

    median: float
    p95: float


class ShadowAnswer(Answer):
    """How the challenger's lists compare that nobody was shown."""

    requests: int
    rank_correlation: float | None
    overlap: float | None
    champion_ms: Latency | None
    challenger_ms: Latency | None


class ExperimentFacts(Answer):
    """An experiment and what its trials say."""

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
    shadow: ShadowAnswer


class ExperimentAnswer(Answer):
    """The experiment that runs, else the one that ended last, else null."""

    experiment: ExperimentFacts | None


@router.get(
    "/experiment",
    responses={200: {"model": ExperimentAnswer}, **errors(401, 403, 429, 503, 504)},
)
async def get_experiment(experiments: Trials) -> Response:
    """Wins, losses, the sequential test's verdict, and what shadow requests say."""
    found = await experiments.overview()
    if found is None:
        return answer({"experiment": None})
    held = {
        "challenger_held": found.challenger_held,
        "challenger_refused": found.challenger_refused,
    }
    return answer({"experiment": facts_of(found.standing) | held})
