"""`quintet evaluate`: quality of the ranking on held-out playlists, against every baseline."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from quintet_command.cli.progress import one_line_failures, progress_bar
from quintet_command.cli.terminal import Console
from quintet_command.cli.training_options import Seed, Threads, Trials, parameters, yield_cores


def evaluate(
    held_out: Annotated[
        float, typer.Option(min=0.05, max=0.5, help="Share of the playlists held out.")
    ] = 0.25,
    split_seed: Annotated[
        int, typer.Option(min=0, help="Random seed of the split and of the seeds in each case.")
    ] = 1,
    without_features: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of the tracks whose audio features are removed first, at random.",
        ),
    ] = 0.0,
    cold: Annotated[
        bool,
        typer.Option(
            "--cold/--no-cold",
            help="Also train without a fifth of the tracks, and ask for those; half of the time.",
        ),
    ] = True,
    growth: Annotated[
        bool,
        typer.Option(
            "--growth",
            help="Also train on a tenth and on half of the playlists, and compare.",
        ),
    ] = False,
    listener: Annotated[
        str,
        typer.Option(help="Ask for what this listener heard next, session by session, instead."),
    ] = "",
    my_playlists: Annotated[
        bool,
        typer.Option("--my-playlists", help="Ask for the end of your playlists, instead."),
    ] = False,
    seed: Seed = 7,
    threads: Threads = 0,
    trials: Trials = 6,
    json_path: Annotated[Path | None, typer.Option("--json", help="Write it as JSON.")] = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", help="Write it as a page with plots.")
    ] = None,
    metrics_path: Annotated[
        Path | None,
        typer.Option("--metrics", help="Write its numbers, for `models register`."),
    ] = None,
) -> None:
    """Measure the ranking on held-out playlists, against every baseline; changes nothing."""
    with one_line_failures():
        yield_cores()
        from quintet_training.evaluation import EvaluationOptions
        from quintet_training.evaluation.tables import tables
        from quintet_training.steps import ListenerData, write_report
        from quintet_training.steps import evaluate as evaluate_step

        from quintet_command.settings import load_settings

        options = EvaluationOptions(held_out=held_out, seed=split_seed)
        if listener or my_playlists:
            if html_path or metrics_path or without_features:
                raise typer.BadParameter(
                    "--html, --metrics and --without-features do not go with --listener and "
                    "--my-playlists; use --json"
                )
            data = ListenerData(listener, my_playlists)
            _on_own_data(data, parameters(seed, threads, trials), options, json_path)
            return
        if growth:
            options = replace(options, growth=(0.1, 0.5))
        if not cold:
            options = replace(options, cold_share=0.0)
        chosen = parameters(seed, threads, trials)
        with progress_bar(Console(stderr=True)) as show:
            report = evaluate_step(
                load_settings(), chosen, options, show, without_features=without_features
            )
        write_report(report, json_path, html_path, metrics_path)
    Console().print(tables(report))


def _on_own_data(data: Any, chosen: Any, options: Any, json_path: Path | None) -> None:
    """Measure on the data of one listener, and print a table for that listener."""
    from quintet_files import write_atomically
    from quintet_training.evaluation.listener_report import listener_tables
    from quintet_training.steps import evaluate_listener

    from quintet_command.settings import load_settings

    with progress_bar(Console(stderr=True)) as show:
        report = evaluate_listener(load_settings(), data, chosen, options, show)
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(json_path, report.to_json())
    Console().print(listener_tables(report))
