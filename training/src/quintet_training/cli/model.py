"""`quintet train` and `quintet evaluate`: from playlists to a model, and how good it is."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from quintet_training.cli.progress import one_line_failures, progress_bar
from quintet_training.settings import load_settings

if TYPE_CHECKING:
    from quintet_training.ranking import TrainingParameters
    from quintet_training.steps import TrainReport

_console: Final = Console()
_errors: Final = Console(stderr=True)
_SHOWN_FEATURES: Final = 12
_MOST_THREADS: Final = 4

Seed = Annotated[int, typer.Option(min=0, help="For every draw.")]
Threads = Annotated[
    int, typer.Option(min=0, max=64, help="0 for the machine's, at most 4; 1 for exact repeats.")
]
Trials = Annotated[
    int, typer.Option(min=0, max=200, help="Optuna's budget for each of two searches; 0 for none.")
]


def train(
    seed: Seed = 7,
    threads: Threads = 0,
    trials: Trials = 8,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the model once it is trained.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Train on the imported playlists, and serve the model from then on."""
    with one_line_failures():
        _yield_cores()
        from quintet_training.steps import train as train_step

        with progress_bar(_errors) as tell:
            chosen = parameters(seed, threads, trials)
            report = train_step(load_settings(), chosen, tell, serve=serve)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        _print_report(report)


def evaluate(
    held_out: Annotated[
        float, typer.Option(min=0.05, max=0.5, help="Share of the playlists held out.")
    ] = 0.25,
    split_seed: Annotated[int, typer.Option(min=0, help="Of the split and the questions.")] = 1,
    seed: Seed = 7,
    threads: Threads = 0,
    trials: Trials = 8,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write it as JSON.")] = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", help="Write it as a page with plots.")
    ] = None,
    metrics_path: Annotated[
        Path | None,
        typer.Option("--metrics", help="Write its numbers, for `models register`."),
    ] = None,
) -> None:
    """Measure the ranking on playlists held out, against every baseline; changes nothing."""
    with one_line_failures():
        _yield_cores()
        from quintet_training.evaluation import EvaluationOptions
        from quintet_training.steps import evaluate as evaluate_step
        from quintet_training.steps import write_report

        options = EvaluationOptions(held_out=held_out, seed=split_seed)
        with progress_bar(_errors) as tell:
            report = evaluate_step(
                load_settings(), parameters(seed, threads, trials), options, tell
            )
        write_report(report, json_path, html_path, metrics_path)
    _console.print(report.table())


def parameters(seed: int, threads: int, trials: int) -> "TrainingParameters":
    """Returns the parameters that the options of `train` and `evaluate` stand for."""
    from quintet_training.ranking import TrainingParameters

    return TrainingParameters(
        seed=seed,
        threads=threads or min(os.cpu_count() or 1, _MOST_THREADS),
        space_trials=trials,
        booster_trials=trials,
    )


def _yield_cores() -> None:
    """Makes OpenMP's threads sleep while they wait; called before LightGBM is loaded.

    By default they spin, and where other programs need the cores too, each barrier then costs a
    time slice: training was four times slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _print_report(report: "TrainReport") -> None:
    if report.unchanged:
        _console.print(f"model {report.version} was trained on the same data before")
        return
    table = Table("feature", "gain", title="What the booster listens to", title_justify="left")
    total = sum(report.importances.values()) or 1.0
    for name, gain in list(report.importances.items())[:_SHOWN_FEATURES]:
        table.add_row(name, f"{gain / total:.1%}")
    _console.print(table)
    facts = report.metrics
    _console.print(
        f"model {report.version}: {facts['training_playlists']:,.0f} playlists, "
        f"{facts['training_rows']:,.0f} rows, {facts['trees']:.0f} trees, "
        f"validation NDCG@500 {facts['validation_ndcg_500']:.3f}, {report.seconds:.0f} s",
        highlight=False,
    )
