"""`quintet history`: import what a listener heard elsewhere, and show what is remembered."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from quintet_access.files import AccessFileInvalid
from quintet_training.datasets.entries import Reading
from quintet_training.datasets.history import (
    LICENCE,
    HistoryOptions,
    HistoryReport,
    import_history,
)
from quintet_training.datasets.matching import Match, Names
from quintet_training.datasets.memories import memory_info
from quintet_training.datasets.uploaded_histories import import_uploads
from rich.table import Table

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.import_options import fail_on_nothing, overrides
from quintet_command.cli.progress import one_line_failures, progress_bar
from quintet_command.cli.terminal import Console
from quintet_command.settings import load_settings

history_app = typer.Typer(
    help="Import a listener's history, and see what is remembered.", no_args_is_help=True
)
_console: Final = Console()
_errors: Final = Console(stderr=True)
Listener = Annotated[
    str, typer.Option("--listener", metavar="NAME", help="The listener's id, as in requests.")
]


@history_app.command("import")
def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(help="Exports of Spotify, Last.fm, ListenBrainz …, as files or zip."),
    ],
    listener: Listener,
    source: Annotated[str, typer.Option(help="Name of the rows' source; as recognised.")] = "",
    licence: Annotated[
        str, typer.Option("--licence", "--license", help="Their licence.")
    ] = LICENCE,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Let the next training learn from sessions.")
    ] = True,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="Read a column of a table as a field."),
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="Encoding of text; what the file says, else UTF-8.")
    ] = "",
) -> None:
    """Import a listener's history, matching tracks by id or name: each file whole or not at all."""
    with one_line_failures():
        settings = load_settings()
        options = HistoryOptions(
            source, licence, train, Reading(overrides(columns or []), encoding)
        )
        names = Names()
        with progress_bar(_errors) as on_progress:
            try:
                reports = [
                    import_history(settings, path, listener, options, on_progress, names)
                    for path in files
                ]
            except AccessFileInvalid as fault:
                raise CommandFailed(str(fault)) from fault
    _console.print(_summary_table(reports))
    ways = (f"{way.value} {sum(r.matched[way] for r in reports):,}" for way in Match)
    _console.print(f"tracks matched by {', '.join(ways)}", highlight=False)
    for report in reports:
        for note in _notes(report):
            _console.print(f"{report.path.name}: {note}", markup=False, highlight=False)
    fail_on_nothing(report.failure for report in reports)


@history_app.command("work")
def work() -> None:
    """Import the histories that listeners uploaded; `quintet library work` runs this."""
    with one_line_failures():
        ended = import_uploads(load_settings(), _say)
    _say(f"uploads: {ended:,} imported or rejected")


def _say(text: str) -> None:
    _console.print(text, highlight=False, markup=False, soft_wrap=True)


@history_app.command("info")
def info(
    listener: Listener,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is remembered of a listener, by source."""
    with one_line_failures():
        try:
            facts = memory_info(load_settings(), listener)
        except AccessFileInvalid as fault:
            raise CommandFailed(str(fault)) from fault
    if as_json:
        typer.echo(json.dumps(asdict(facts), indent=2))
        return
    kinds = ("play", "skip", "like", "save", "dislike")
    table = Table("source", *kinds)
    for source, counts in facts.signals.items():
        table.add_row(source, *(f"{counts.get(kind, 0):,}" for kind in kinds))
    latest = f"latest {facts.latest}" if facts.latest else "none yet"
    table.caption = f"{latest}; {facts.banned:,} banned artists"
    _console.print(table)


def _summary_table(reports: Sequence[HistoryReport]) -> Table:
    table = Table("file", "read", "remembered", "duplicate", "quarantined", "sessions")
    for report in reports:
        counts = report.counts
        numbers = (
            counts.rows_read,
            counts.rows_stored,
            counts.rows_duplicate,
            counts.rows_quarantined,
            report.sessions,
        )
        table.add_row(report.path.name, *(f"{n:,}" for n in numbers))
    return table


def _notes(report: HistoryReport) -> list[str]:
    notes = ["imported before, nothing changed"] if report.unchanged else []
    if report.sources:
        notes.append("read as " + ", ".join(sorted(report.sources)))
    if report.kinds:
        notes.append(", ".join(f"{kind} {n:,}" for kind, n in report.kinds.most_common()))
    if report.banned:
        notes.append(f"{report.banned:,} artists banned")
    if report.passed_over:
        notes.append(f"{report.passed_over:,} podcasts, videos and other events passed over")
    if report.ignored:
        notes.append(f"{report.ignored:,} files of the archive are no history")
    if report.quarantine:
        notes.append(f"rejected rows: {report.quarantine}")
    return notes
