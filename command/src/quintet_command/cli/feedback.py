"""`quintet feedback`: what listeners did, for training; how much there is, and its end."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from quintet_access.files import AccessFileInvalid
from quintet_training.datasets import feedback as datasets
from rich.table import Table

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.progress import one_line_failures
from quintet_command.cli.terminal import Console
from quintet_command.settings import load_settings

feedback_app = typer.Typer(
    help="Export feedback for training, see how much there is, and delete it.",
    no_args_is_help=True,
)
_console: Final = Console()


@feedback_app.command("export")
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="The file to write.")],
) -> None:
    """Write what was liked, saved and added as playlists for `quintet playlists import`."""
    with one_line_failures():
        report = datasets.export_feedback(load_settings(), out)
    _say(f"{report.playlists:,} playlists with {report.rows:,} tracks written to {out}")


@feedback_app.command("info")
def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how much feedback there is."""
    with one_line_failures():
        counts = datasets.feedback_info(load_settings())
    if as_json:
        typer.echo(json.dumps(asdict(counts), indent=2))
        return
    table = Table("what", "how many")
    for name, number in (
        ("recommendations", counts.recommendations),
        ("tracks shown", counts.impressions),
        ("listeners", counts.listeners),
        *((f"{kind} events", number) for kind, number in counts.events.items()),
    ):
        table.add_row(name, f"{number:,}")
    table.caption = f"since {counts.oldest}" if counts.oldest else "none yet"
    _console.print(table)


@feedback_app.command("prune")
def prune(
    days: Annotated[
        int | None,
        typer.Option(min=0, help="Keep this many days; QUINTET_FEEDBACK_RETENTION_DAYS."),
    ] = None,
) -> None:
    """Delete what is older than the retention; the gateway does so every hour too."""
    with one_line_failures():
        pruned = datasets.prune_feedback(load_settings(), days)
    _say(
        f"{pruned.events:,} events, {pruned.recommendations:,} recommendations and "
        f"{pruned.playlists:,} playlists deleted"
    )


@feedback_app.command("delete-listener")
def delete_listener(
    listener: Annotated[str, typer.Argument(metavar="ID", help="The listener's id.")],
) -> None:
    """Delete a listener's events and every link to them."""
    with one_line_failures():
        try:
            deleted = datasets.delete_listener(load_settings(), listener)
        except AccessFileInvalid as fault:
            raise CommandFailed(str(fault)) from fault
    _say(
        f"{deleted.events:,} events, {deleted.signals:,} signals and "
        f"{deleted.playlists:,} playlists deleted, "
        f"{deleted.recommendations:,} recommendations unlinked"
    )


def _say(text: str) -> None:
    _console.print(text, highlight=False, markup=False, soft_wrap=True)
