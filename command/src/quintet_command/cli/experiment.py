"""`quintet experiment`: champion and challenger compared on listeners."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Final

import typer
from quintet_store.experiments import (
    INTERLEAVE,
    SHADOW,
    SPLIT,
    Experiment,
    ExperimentRefused,
    Plan,
    Standing,
    facts_of,
)
from rich.table import Table

from quintet_command import experiments
from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.progress import one_line_failures
from quintet_command.cli.terminal import Console
from quintet_command.settings import load_settings

experiment_app = typer.Typer(
    help="Compare champion and challenger on listeners: start, watch, end.", no_args_is_help=True
)
_console: Final = Console()
_DEFAULT: Final = Plan(INTERLEAVE, 100.0, "", "")


class Mode(StrEnum):
    """How two models are compared."""

    INTERLEAVE = INTERLEAVE
    SPLIT = SPLIT
    SHADOW = SHADOW


class Unit(StrEnum):
    """What a trial is."""

    LISTENER = "listener"
    LIST = "list"


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what cannot be done into one line.

    Raises:
        CommandFailed: With that line.
    """
    with one_line_failures():
        try:
            yield
        except ExperimentRefused as fault:
            raise CommandFailed(str(fault)) from fault


@experiment_app.command("start")
def start(
    mode: Annotated[
        Mode,
        typer.Option(
            help="interleave: one list drafted from both; split: some listeners get the "
            "challenger's; shadow: nobody does."
        ),
    ] = Mode.INTERLEAVE,
    percent: Annotated[
        float | None,
        typer.Option(help="Of listeners that take part. Default: 100, in a split 10."),
    ] = None,
    champion: Annotated[str, typer.Option(help="A bundle; the registry's champion.")] = "",
    challenger: Annotated[str, typer.Option(help="A bundle; the registry's challenger.")] = "",
    alpha: Annotated[
        float,
        typer.Option(
            help="Largest probability of finding a preference that does not exist.",
        ),
    ] = _DEFAULT.alpha,
    min_effect: Annotated[
        float,
        typer.Option(
            help="Smallest preference that matters: how far from a half.",
        ),
    ] = _DEFAULT.min_effect,
    most_trials: Annotated[int, typer.Option(help="When to give up.")] = _DEFAULT.most_trials,
    unit: Annotated[
        Unit,
        typer.Option(help="What counts once: a listener, or each list."),
    ] = Unit.LISTENER,
) -> None:
    """Start comparing; gateways follow within seconds."""
    with _refusals():
        settings = load_settings()
        models = experiments.models_for(settings, champion, challenger)
        share = experiments.PERCENT[mode.value] if percent is None else percent
        plan = Plan(mode.value, share, *models, alpha, min_effect, most_trials, unit.value)
        _tell(experiments.start(settings, plan))


@experiment_app.command("percent")
def percent(
    percent: Annotated[float, typer.Argument(metavar="PERCENT", help="Above 0, up to 100.")],
) -> None:
    """Continue with another percentage; the count of trials starts again."""
    with _refusals():
        _tell(experiments.change_percent(load_settings(), percent))


@experiment_app.command("status")
def status(
    apply: Annotated[
        bool, typer.Option("--apply", help="Promote the challenger or end it, by rule.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show wins, losses, ties and what follows from them."""
    with _refusals():
        settings = load_settings()
        if apply:
            outcome = experiments.apply_rule(settings)
        else:
            outcome = experiments.Outcome(experiments.status(settings))
    if as_json:
        found = None if outcome.standing is None else facts_of(outcome.standing)
        typer.echo(json.dumps({"experiment": found, "done": outcome.done}, indent=2))
        return
    if outcome.standing is None:
        _say("No experiment yet; `quintet experiment start` begins one.")
        return
    _print(outcome.standing)
    if outcome.done:
        _say(outcome.done)


@experiment_app.command("stop")
def stop(
    reason: Annotated[str, typer.Option(help="Why; kept with it.")] = "stopped by hand",
) -> None:
    """End the experiment; the champion answers alone within seconds."""
    with _refusals():
        found = experiments.stop(load_settings(), reason)
    _say(f"experiment {found.experiment.experiment_id} ended, {found.verdict}: {reason}")


def _tell(experiment: Experiment) -> None:
    plan = experiment.plan
    _say(
        f"experiment {experiment.experiment_id}: {plan.mode}, {plan.percent:g} percent, "
        f"{plan.champion} against {plan.challenger}"
    )


def _print(found: Standing) -> None:
    experiment, plan, evidence = found.experiment, found.experiment.plan, found.evidence
    state = "runs" if experiment.is_running else f"ended {experiment.ended_at}"
    rows = [
        ("experiment", f"{experiment.experiment_id}, {state}"),
        ("mode", f"{plan.mode}, {plan.percent:g} percent"),
        ("champion", plan.champion),
        ("challenger", plan.challenger),
        ("lists", ", ".join(f"{arm} {n:,}" for arm, n in sorted(found.tally.lists.items())) or "0"),
        ("wins, losses, ties", f"{evidence.wins:,}, {evidence.losses:,}, {found.tally.ties:,}"),
        (
            "preference",
            f"{evidence.preference:.3f}, between {evidence.low:.3f} and {evidence.high:.3f}",
        ),
        ("p-value", f"{evidence.p_value:.4f}, always valid; alpha {plan.alpha:g}"),
        ("verdict", found.verdict),
    ]
    if found.tally.other:
        # After the lists, which it explains.
        rows.insert(5, ("lists not counted", f"{found.tally.other:,}, of another model"))
    if experiment.reason:
        rows.append(("because", experiment.reason))
    rows += _shadow_rows(found)
    table = Table(box=None, pad_edge=False, show_header=False)
    for title, text in rows:
        table.add_row(title, text)
    _console.print(table, soft_wrap=True)


def _shadow_rows(found: Standing) -> list[tuple[str, str]]:
    shadows = found.shadows
    if shadows.champion_ms is None or shadows.challenger_ms is None:
        return []
    correlation = "unknown" if shadows.correlation is None else f"{shadows.correlation:.3f}"
    latency = " against ".join(
        f"{median:.1f} ms (95 %: {tail:.1f} ms)"
        for median, tail in (shadows.champion_ms, shadows.challenger_ms)
    )
    return [
        ("shadow requests", f"{shadows.requests:,}"),
        ("rank correlation", f"{correlation}, overlap {shadows.overlap or 0.0:.1%}"),
        ("latency", latency),
    ]


def _say(text: str) -> None:
    _console.print(text, highlight=False, markup=False, soft_wrap=True)
