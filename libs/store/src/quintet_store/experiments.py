"""Run an experiment on listeners: start it, count its lists and feedback, end it."""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import fmean, quantiles
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, insert, select, update

from quintet_store.bulk import Rows
from quintet_store.feedback import stamp
from quintet_store.insights import APPROVAL
from quintet_store.sequential_test import EFFECTS, Evidence, Rule, weigh
from quintet_store.tables import (
    Experiment as _Experiment,
)
from quintet_store.tables import (
    FeedbackEvent,
    Impression,
    Recommendation,
    ShadowComparison,
    table_of,
)

_EXPERIMENTS: Final = table_of(_Experiment)
_SHADOWS: Final = table_of(ShadowComparison)
_LISTS: Final = table_of(Recommendation)
_SHOWN: Final = table_of(Impression)
_EVENTS: Final = table_of(FeedbackEvent)
INTERLEAVE: Final = "interleave"
SPLIT: Final = "split"
SHADOW: Final = "shadow"
MODES: Final = (INTERLEAVE, SPLIT, SHADOW)
UNITS: Final = ("listener", "list")
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
BOTH: Final = "+"
"""Between the versions of champion and challenger where both made a list."""
_MOST_SHADOWS: Final = 10_000


class ExperimentRefused(Exception):
    """Report why an experiment cannot be started, changed or ended, in one line."""


@dataclass(frozen=True)
class Plan:
    """Define how two models are compared.

    Attributes:
        mode: interleave, split or shadow.
        percent: Of requests that take part; in a split, that the challenger answers. 0..100.
        champion: The bundle of one.
        challenger: The bundle of the other.
        alpha: See `Rule`.
        min_effect: See `Rule`.
        most_trials: See `Rule`.
        unit: What a trial is: a `listener`, who counts once, or each `list`.
    """

    mode: str
    percent: float
    champion: str
    challenger: str
    alpha: float = 0.05
    min_effect: float = 0.05
    most_trials: int = 5000
    unit: str = "listener"

    def check(self) -> None:
        """Check the range of every field.

        Raises:
            ExperimentRefused: A field is out of range; the message names both.
        """
        low, high = EFFECTS
        split = self.mode == SPLIT
        most = "below 100" if split else "up to 100"
        for holds, rule in (
            (self.mode in MODES, f"mode must be one of {', '.join(MODES)}"),
            (self.unit in UNITS, f"unit must be one of {', '.join(UNITS)}"),
            (
                0 < self.percent <= 100 and not (split and self.percent == 100),
                f"percent must be above 0 and {most}; got {self.percent:g}",
            ),
            (0 < self.alpha <= 0.5, f"alpha must be above 0 and up to 0.5; got {self.alpha:g}"),
            (
                low <= self.min_effect <= high,
                f"minimum effect must be {low:g} to {high:g}; got {self.min_effect:g}",
            ),
            (self.most_trials >= 1, f"most trials must be 1 or more; got {self.most_trials}"),
            (bool(self.champion and self.challenger), "both models must be named"),
            (self.champion != self.challenger, "champion and challenger are the same model"),
        ):
            if not holds:
                raise ExperimentRefused(rule)

    @property
    def rule(self) -> Rule:
        """The rule by which its trials decide."""
        # Without a preference a split gives the challenger its share of the traffic; interleaving
        # gives each model half of the trials.
        null = self.percent / 100 if self.mode == SPLIT else 0.5
        return Rule(self.alpha, self.min_effect, self.most_trials, null)


@dataclass(frozen=True)
class Experiment:
    """A plan under way, or ended.

    Attributes:
        experiment_id: Its id.
        salt: Decides which requests take part.
        plan: How models are compared.
        started_at: ISO 8601 in UTC.
        ended_at: The same; empty while it runs.
        verdict: What it ended with; empty while it runs.
        reason: Why it ended.
    """

    experiment_id: str
    salt: str
    plan: Plan
    started_at: str
    ended_at: str = ""
    verdict: str = ""
    reason: str = ""

    @property
    def is_running(self) -> bool:
        """Whether requests take part in it."""
        return not self.ended_at


def begin(connection: Connection, plan: Plan, salt: str = "") -> Experiment:
    """Start an experiment.

    Raises:
        ExperimentRefused: The plan breaks a rule, or another experiment runs.
    """
    plan.check()
    other = running(connection)
    if other is not None:
        raise ExperimentRefused(
            f"experiment {other.experiment_id} runs; end it with `quintet experiment stop`"
        )
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    made = Experiment(name, salt or name, plan, stamp(now))
    row = {
        **{column: getattr(plan, column) for column in Plan.__dataclass_fields__},
        "experiment_id": name,
        "salt": made.salt,
        "started_at": made.started_at,
        "ended_at": "",
        "verdict": "",
        "reason": "",
        "running": True,
    }
    connection.execute(insert(_EXPERIMENTS).values(row))
    return made


def end(connection: Connection, experiment_id: str, verdict: str, reason: str) -> bool:
    """End an experiment; false if it had ended before."""
    ended = connection.execute(
        update(_EXPERIMENTS)
        .where(_EXPERIMENTS.c.experiment_id == experiment_id, _EXPERIMENTS.c.ended_at == "")
        .values(ended_at=stamp(datetime.now(UTC)), verdict=verdict, reason=reason, running=None)
    )
    return ended.rowcount > 0


def change_percent(connection: Connection, percent: float) -> Experiment:
    """Continue with another percentage: a new experiment, because its trials differ.

    If the percentage grows, listeners who had the challenger keep it.

    Raises:
        ExperimentRefused: None runs, or the percentage is out of range.
    """
    old = running(connection)
    if old is None:
        raise ExperimentRefused("no experiment runs; start one with `quintet experiment start`")
    plan = replace(old.plan, percent=percent)
    plan.check()
    end(connection, old.experiment_id, "", f"goes on with {percent:g} percent")
    return begin(connection, plan, old.salt)


def running(connection: Connection) -> Experiment | None:
    """Look up the running experiment; None if none runs."""
    return _first(connection, select(_EXPERIMENTS).where(_EXPERIMENTS.c.ended_at == ""))


def latest(connection: Connection) -> Experiment | None:
    """Look up the running experiment, else the one that started last."""
    newest = select(_EXPERIMENTS).order_by(_EXPERIMENTS.c.started_at.desc())
    return running(connection) or _first(connection, newest.limit(1))


def _first(connection: Connection, query: Select[Any]) -> Experiment | None:
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    plan = Plan(**{name: row[name] for name in Plan.__dataclass_fields__})
    facts = ("experiment_id", "salt", "started_at", "ended_at", "verdict", "reason")
    texts = {name: str(row[name]) for name in facts}
    return Experiment(plan=plan, **texts)


@dataclass(frozen=True)
class Tally:
    """Count the lists of an experiment and their trials.

    Attributes:
        lists: Lists by arm: champion, challenger, interleave.
        other: Lists of other models than the two compared; they count for nothing.
        wins: Trials won by the challenger.
        losses: Trials won by the champion.
        ties: Interleaved lists of which as many tracks of each model were approved.
    """

    lists: Mapping[str, int]
    other: int
    wins: int
    losses: int
    ties: int


def tally(connection: Connection, experiment: Experiment) -> Tally:
    """Count the lists of an experiment and the trials that each model won.

    An approval is a track liked, saved or put on a playlist. An interleaved list is won by the
    model that drafted more of the tracks approved; a listener's trial is the first of their lists
    that is won by either. In a split, a trial is a listener who approved anything, won by the
    model that they met. Lists that name no listener belong to their seeds.
    """
    versions = versions_of(experiment.plan)
    lists: dict[str, int] = {}
    other = 0
    for arm, model, count in connection.execute(
        select(_LISTS.c.arm, _LISTS.c.model_version, func.count())
        .where(_LISTS.c.experiment_id == experiment.experiment_id)
        .group_by(_LISTS.c.arm, _LISTS.c.model_version)
    ):
        if versions.get(str(arm)) == str(model):
            lists[str(arm)] = int(count)
        else:
            other += int(count)
    scores = [_score(arm, credits) for arm, credits in _trials(connection, experiment)]
    wins, losses = (sum(score == sign for score in scores) for sign in (1, -1))
    return Tally(lists, other, wins, losses, len(scores) - wins - losses)


def versions_of(plan: Plan) -> dict[str, str]:
    """Name the model version recorded with the lists of each arm."""
    both = f"{plan.champion}{BOTH}{plan.challenger}"
    return {CHAMPION: plan.champion, CHALLENGER: plan.challenger, INTERLEAVE: both}


_Credits = dict[str, set[str]]


def _score(arm: str, credits: _Credits) -> int:
    """Score a trial: 1 if the challenger won, -1 if the champion did, 0 for a tie."""
    if arm != INTERLEAVE:
        return 1 if arm == CHALLENGER else -1
    gain = len(credits.get(CHALLENGER, ())) - len(credits.get(CHAMPION, ()))
    return (gain > 0) - (gain < 0)


def _trials(connection: Connection, experiment: Experiment) -> list[tuple[str, _Credits]]:
    """List arm and approved tracks by origin of each list that counts, the oldest first."""
    found: dict[str, tuple[str, str, _Credits]] = {}
    versions = versions_of(experiment.plan)
    for row in connection.execute(_approvals(experiment.experiment_id)):
        # A model that replaced one of the two during the experiment is no evidence about them.
        if versions.get(str(row.arm)) != str(row.model_version):
            continue
        unit = str(row.listener) or f"seeds {row.seeds}"
        _, _, credits = found.setdefault(str(row.recommendation_id), (unit, str(row.arm), {}))
        credits.setdefault(str(row.origin), set()).add(str(row.track_id))
    trials: list[tuple[str, _Credits]] = []
    counted: set[str] = set()
    for unit, arm, credits in found.values():
        if experiment.plan.unit == "listener":
            # Lists of one listener are not independent: counting each would overstate certainty.
            if unit in counted:
                continue
            if _score(arm, credits):
                counted.add(unit)
        trials.append((arm, credits))
    return trials


def _approvals(experiment_id: str) -> Select[Any]:
    """Select the approved tracks of an experiment's lists, with the model that picked each."""
    on_list = _EVENTS.c.recommendation_id == _LISTS.c.recommendation_id
    on_track = and_(
        _SHOWN.c.recommendation_id == _LISTS.c.recommendation_id,
        _SHOWN.c.track_id == _EVENTS.c.track_id,
    )
    return (
        select(
            _LISTS.c.recommendation_id,
            _LISTS.c.listener,
            _LISTS.c.seeds,
            _LISTS.c.arm,
            _LISTS.c.model_version,
            _EVENTS.c.track_id,
            _SHOWN.c.origin,
        )
        .select_from(_LISTS.join(_EVENTS, on_list).join(_SHOWN, on_track))
        .where(_LISTS.c.experiment_id == experiment_id, _EVENTS.c.kind.in_(APPROVAL))
        .order_by(_LISTS.c.shown_at, _LISTS.c.recommendation_id)
    )


@dataclass(frozen=True)
class Shadows:
    """Summarise the challenger's lists that were computed but not shown; the last 10,000.

    Attributes:
        requests: How many.
        correlation: Mean rank correlation (Spearman) over common tracks; None without any.
        overlap: Mean share of tracks in common; None without requests.
        champion_ms: Latency of the champion's ranking: median and 95th percentile.
        challenger_ms: The same of the challenger's.
    """

    requests: int
    correlation: float | None
    overlap: float | None
    champion_ms: tuple[float, float] | None
    challenger_ms: tuple[float, float] | None


def add_shadows(connection: Connection, rows: Rows) -> None:
    """Store shadow comparisons, each with every column but its id."""
    if rows:
        connection.execute(insert(_SHADOWS), [dict(row) for row in rows])


def shadows_of(connection: Connection, experiment_id: str) -> Shadows:
    """Summarise the shadow comparisons of an experiment."""
    columns = ("correlation", "overlap", "champion_ms", "challenger_ms")
    rows = connection.execute(
        select(*(_SHADOWS.c[name] for name in columns))
        .where(_SHADOWS.c.experiment_id == experiment_id)
        .order_by(_SHADOWS.c.comparison_id.desc())
        .limit(_MOST_SHADOWS)
    ).all()
    if not rows:
        return Shadows(0, None, None, None, None)
    correlations = [float(row.correlation) for row in rows if row.correlation is not None]
    return Shadows(
        len(rows),
        fmean(correlations) if correlations else None,
        fmean(float(row.overlap) for row in rows),
        _median_and_tail([float(row.champion_ms) for row in rows]),
        _median_and_tail([float(row.challenger_ms) for row in rows]),
    )


def _median_and_tail(values: Sequence[float]) -> tuple[float, float]:
    # Twentieths: index 9 is the median, 18 the 95th percentile.
    cuts = quantiles(values, n=20, method="inclusive") if len(values) > 1 else [values[0]] * 19
    return cuts[9], cuts[18]


@dataclass(frozen=True)
class Standing:
    """Collect all results of an experiment.

    Attributes:
        experiment: The experiment.
        tally: Its lists.
        evidence: What they say of listeners' preference.
        shadows: How lists compare that nobody was shown.
    """

    experiment: Experiment
    tally: Tally
    evidence: Evidence
    shadows: Shadows

    @property
    def verdict(self) -> str:
        """The verdict that ended the experiment, else the one its trials give now."""
        return self.experiment.verdict or self.evidence.verdict.value


def standing(connection: Connection, experiment: Experiment) -> Standing:
    """Compute all results of an experiment."""
    counted = tally(connection, experiment)
    evidence = weigh(counted.wins, counted.losses, experiment.plan.rule)
    shadows = shadows_of(connection, experiment.experiment_id)
    return Standing(experiment, counted, evidence, shadows)


def facts_of(found: Standing) -> dict[str, Any]:
    """Convert all results of an experiment to JSON types, for the API and the command."""
    experiment, plan, evidence = found.experiment, found.experiment.plan, found.evidence
    shadows = found.shadows
    return {
        "experiment_id": experiment.experiment_id,
        "running": experiment.is_running,
        "mode": plan.mode,
        "percent": plan.percent,
        "champion": plan.champion,
        "challenger": plan.challenger,
        "started_at": experiment.started_at,
        "ended_at": experiment.ended_at or None,
        "reason": experiment.reason,
        "rule": {
            "alpha": plan.alpha,
            "min_effect": plan.min_effect,
            "most_trials": plan.most_trials,
            "unit": plan.unit,
        },
        "lists": dict(found.tally.lists),
        "other_lists": found.tally.other,
        "wins": evidence.wins,
        "losses": evidence.losses,
        "ties": found.tally.ties,
        "verdict": found.verdict,
        "p_value": evidence.p_value,
        "preference": {"seen": evidence.preference, "low": evidence.low, "high": evidence.high},
        "shadow": {
            "requests": shadows.requests,
            "rank_correlation": shadows.correlation,
            "overlap": shadows.overlap,
            "champion_ms": _milliseconds(shadows.champion_ms),
            "challenger_ms": _milliseconds(shadows.challenger_ms),
        },
    }


def _milliseconds(pair: tuple[float, float] | None) -> dict[str, float] | None:
    if pair is None or not all(map(math.isfinite, pair)):
        return None
    return {"median": pair[0], "p95": pair[1]}
