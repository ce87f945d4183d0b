"""`quintet train`: from the imported playlists to a model that is served."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from quintet_command.cli.progress import one_line_failures, progress_bar
from quintet_command.cli.terminal import Console
from quintet_command.cli.training_options import Seed, Threads, Trials, parameters, yield_cores

if TYPE_CHECKING:
    from quintet_training.ranking import TrainingParameters
    from quintet_training.steps import TrainReport

    from quintet_command.settings import CommandSettings

_console: Final = Console()
_errors: Final = Console(stderr=True)
_SHOWN_FEATURES: Final = 12


def train(
    seed: Seed = 7,
    threads: Threads = 0,
    trials: Trials = 6,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the model once it is trained.")
    ] = True,
    register: Annotated[
        bool | None,
        typer.Option(
            help="Evaluate the same recipe and log all to the registry, as challenger; "
            "done where QUINTET_MLFLOW_URI is set."
        ),
    ] = None,
    on: Annotated[
        str,
        typer.Option(
            metavar="dask[=ADDRESS]",
            help="Make rows and fit the booster on a Dask cluster: on the one at ADDRESS, or on "
            "two processes started here. QUINTET_HOME must be a folder that all share.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Train on the imported playlists, and serve the model from then on."""
    with one_line_failures():
        yield_cores()
        from quintet_training.steps import train as train_step

        from quintet_command.settings import load_settings

        settings = load_settings()
        chosen = parameters(seed, threads, trials)
        with progress_bar(_errors) as on_progress:
            report = train_step(settings, chosen, on_progress, serve=serve, cluster=_cluster(on))
        # Printed before it is registered: the model is there, whatever comes next.
        if as_json:
            typer.echo(json.dumps(asdict(report)))
        else:
            _print_report(report)
        if register or (register is None and settings.mlflow_uri):
            number = register_evaluated(settings, report.version, chosen)
            if not as_json:
                _console.print(f"registered as model {number}, challenger", highlight=False)


def _cluster(on: str) -> str | None:
    """Parse `--on`: a cluster's address, empty for a cluster started here; None without it."""
    if not on:
        return None
    kind, _, address = on.partition("=")
    if kind != "dask":
        raise typer.BadParameter("dask or dask=ADDRESS", param_hint="--on")
    return address


def register_evaluated(
    settings: "CommandSettings", version: str, chosen: "TrainingParameters"
) -> str:
    """Evaluate the recipe of a model and register model and report; return the model's number."""
    from quintet_modelkit.publication import read_manifest
    from quintet_training.steps import MODELS, write_report
    from quintet_training.steps import evaluate as evaluate_step

    from quintet_command import models

    with progress_bar(_errors) as on_progress:
        found = evaluate_step(settings, chosen, None, on_progress)
    # The model's card names data and licences from this file.
    data = read_manifest(settings.home / MODELS / version, verify=False)["data"]
    with tempfile.TemporaryDirectory(prefix="quintet-report-") as folder:
        files = {name: Path(folder) / name for name in ("report.json", "report.html", "data.json")}
        write_report(found, files["report.json"], files["report.html"])
        files["data.json"].write_text(json.dumps(data, indent=2), encoding="utf-8")
        return models.register_model(settings, version, found.metrics(), files)


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
