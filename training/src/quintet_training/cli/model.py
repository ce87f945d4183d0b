"""`quintet train`: from playlists to a served model."""

import os
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


def train(seed: Seed = 7, threads: Threads = 0, trials: Trials = 8) -> None:
    """Train on the imported playlists, and serve the model from then on."""
    with one_line_failures():
        from quintet_training.steps import train as train_step

        with progress_bar(_errors) as tell:
            report = train_step(load_settings(), parameters(seed, threads, trials), tell)
    _print_report(report)


def parameters(seed: int, threads: int, trials: int) -> "TrainingParameters":
    """Returns the parameters that the options of `train` and `evaluate` stand for."""
    from quintet_training.ranking import TrainingParameters

    return TrainingParameters(
        seed=seed,
        threads=threads or min(os.cpu_count() or 1, _MOST_THREADS),
        space_trials=trials,
        booster_trials=trials,
    )


def _print_report(report: "TrainReport") -> None:
    if report.unchanged:
        _console.print(f"model {report.version} was trained on the same data before; it is served")
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
