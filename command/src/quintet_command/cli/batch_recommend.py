"""`quintet batch-recommend`: many lists at once, with the ranking code and no server."""

from pathlib import Path
from typing import Annotated

import typer
from quintet_contract.limits import DEFAULT_HEARD_DAYS
from quintet_contract.options import Heard, Seasonal, Variants

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.progress import progress_bar
from quintet_command.cli.terminal import Console


def batch_recommend(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN.jsonl", help="Lines with id, seed_tracks, perhaps listener."),
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT.jsonl", help="One list per line, with id and tracks.")
    ],
    limit: Annotated[int, typer.Option(help="Tracks per line, 1 to 500.")] = 500,
    max_per_artist: Annotated[int, typer.Option(help="0 for no cap.")] = 0,
    variants: Annotated[
        Variants, typer.Option(help="Other versions of the seeds' songs.")
    ] = Variants.EXCLUDE,
    seasonal: Annotated[
        Seasonal, typer.Option(help="Songs of a season that no seed is of.")
    ] = Seasonal.EXCLUDE,
    heard: Annotated[
        Heard, typer.Option(help="Tracks that the line's listener heard lately.")
    ] = Heard.EXCLUDE,
    heard_days: Annotated[
        int, typer.Option(help="Days within which a track counts as heard, 1 to 3650.")
    ] = DEFAULT_HEARD_DAYS,
    discovery: Annotated[
        float | None,
        typer.Option(help="From 0 (known artists first) to 1 (none); by score alone if not given."),
    ] = None,
) -> None:
    """Recommend for many lists at once, with the ranking code of the service and no server."""
    # Imported here: the other commands should not wait for the engine.
    from quintet_training.steps import BatchInvalid, BatchOptions
    from quintet_training.steps import batch_recommend as recommend_in_batch

    from quintet_command.settings import load_settings

    try:
        with progress_bar(Console(stderr=True)) as show:
            report = recommend_in_batch(
                load_settings(),
                source,
                target,
                BatchOptions(
                    limit, max_per_artist, variants, seasonal, heard, heard_days, discovery
                ),
                progress=lambda done, total: show(done / max(total, 1), "Recommending"),
            )
    except BatchInvalid as fault:
        raise CommandFailed(str(fault)) from fault
    Console().print(
        f"{report.lines} lines written to {target}; {report.failed} with an error, "
        f"{report.unknown_seeds} unknown seeds",
        highlight=False,
    )
    if report.failed == report.lines:
        raise CommandFailed(
            f"{source}: no line could be answered; each has an error in {target}, for example a "
            "form other than one object per line, or seeds that the catalogue lacks"
        )
