"""Experiments as commands run them: begun on the registry's two models, ended by rule."""

from dataclasses import dataclass
from typing import Final

from quintet_store import experiments as store
from quintet_store import open_engine, reading, writing
from quintet_store.experiments import SHADOW, Experiment, Plan, Standing
from quintet_store.experiments import ExperimentRefused as ExperimentRefused
from quintet_store.sequential_test import Verdict

from quintet_command import models
from quintet_command.settings import CommandSettings

PERCENT: Final = {store.INTERLEAVE: 100.0, store.SPLIT: 10.0, SHADOW: 100.0}
"""Default percentage of listeners that take part, by mode."""
_ENDED_BY: Final = {
    Verdict.CHALLENGER: "listeners prefer the challenger",
    Verdict.CHAMPION: "listeners prefer the champion",
    Verdict.EQUAL: "no difference that matters",
    Verdict.INCONCLUSIVE: "nothing found within the most trials allowed",
}


@dataclass(frozen=True)
class Outcome:
    """What applying the rule did.

    Attributes:
        standing: The state of the experiment now; None if there never was one.
        done: What was done, in words; empty for nothing.
    """

    standing: Standing | None
    done: str = ""


def models_for(settings: CommandSettings, champion: str, challenger: str) -> tuple[str, str]:
    """Choose the bundles to compare: those that are named, else the registry's aliases.

    Raises:
        ExperimentRefused: The registry has no such alias.
        RegistryError: The registry is down.
    """
    if champion and challenger:
        return champion, challenger
    registry = models.registry_of(settings)
    found = []
    for alias, given in (
        (models.CHAMPION, champion),
        (models.CHALLENGER, challenger),
    ):
        record = None if given else registry.named(alias)
        if not given and record is None:
            raise ExperimentRefused(
                f"the registry has no {alias}; name one by `quintet models register`, or --{alias}"
            )
        found.append(given or (record.bundle if record is not None else ""))
    return found[0], found[1]


def start(settings: CommandSettings, plan: Plan) -> Experiment:
    """Start an experiment; gateways take requests into it within seconds.

    Raises:
        ExperimentRefused: The plan breaks a rule, or another one runs.
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with writing(engine) as connection:
            return store.begin(connection, plan)
    finally:
        engine.dispose()


def change_percent(settings: CommandSettings, percent: float) -> Experiment:
    """Continue with another percentage; its count of trials starts again.

    Raises:
        ExperimentRefused: None runs, or the percentage is out of range.
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with writing(engine) as connection:
            return store.change_percent(connection, percent)
    finally:
        engine.dispose()


def status(settings: CommandSettings) -> Standing | None:
    """Read the experiment that runs, else the one that ended last, with its evidence.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            experiment = store.latest(connection)
            return None if experiment is None else store.standing(connection, experiment)
    finally:
        engine.dispose()


def stop(settings: CommandSettings, reason: str, verdict: str = "") -> Standing:
    """End the experiment that runs; the champion answers alone within seconds.

    Args:
        settings: The address of the database.
        reason: Why, in words.
        verdict: The recorded result; that of its trials if empty.

    Raises:
        ExperimentRefused: None runs.
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with writing(engine) as connection:
            experiment = store.running(connection)
            if experiment is None:
                raise ExperimentRefused("no experiment runs")
            found = store.standing(connection, experiment)
            store.end(connection, experiment.experiment_id, verdict or found.verdict, reason)
            ended = store.latest(connection)
            assert ended is not None
            return Standing(ended, found.tally, found.evidence, found.shadows)
    finally:
        engine.dispose()


def apply_rule(settings: CommandSettings) -> Outcome:
    """Promote the challenger or end the experiment, if the evidence is sufficient.

    Safe to repeat: a second call changes nothing. A shadow experiment has no winner, so only a
    person ends it.

    Raises:
        RegistryError: The registry is down, so nothing was promoted and nothing ended.
        StoreUnavailable: The database cannot be used.
    """
    found = status(settings)
    if found is None or not found.experiment.is_running or found.experiment.plan.mode == SHADOW:
        return Outcome(found)
    plan, verdict = found.experiment.plan, found.evidence.verdict
    if verdict is Verdict.UNDECIDED:
        return _unless_champion_changed(settings, found)
    if verdict is not Verdict.CHALLENGER:
        return Outcome(stop(settings, _ENDED_BY[verdict]), f"ended: {_ENDED_BY[verdict]}")
    # Asked again right before the promotion: another operator may have promoted meanwhile.
    changed = _unless_champion_changed(settings, found)
    if changed.done:
        return changed
    # Promoted first: if this fails, the experiment still runs and the next call tries again.
    move = models.promote(settings, plan.challenger)
    stopped = stop(settings, _ENDED_BY[verdict])
    return Outcome(stopped, f"promoted: model {move.after.version}, {move.after.bundle}")


def _unless_champion_changed(settings: CommandSettings, found: Standing) -> Outcome:
    """End an experiment of a former champion: its lists are no evidence about the new one."""
    try:
        record = models.registry_of(settings).named(models.CHAMPION)
    except models.RegistryUnavailable:
        # Without a winner nothing depends on the registry, so its failure can wait.
        if found.evidence.verdict is Verdict.CHALLENGER:
            raise
        return Outcome(found)
    plan = found.experiment.plan
    if record is None or record.bundle == plan.champion:
        return Outcome(found)
    same = record.bundle == plan.challenger
    reason = "the challenger became champion" if same else "another model became champion"
    return Outcome(stop(settings, reason), f"ended: {reason}")
