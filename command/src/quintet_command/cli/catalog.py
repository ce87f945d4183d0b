"""`quintet catalog`: import tables of tracks, and say what the catalogue holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from quintet_training import datasets
from quintet_training.datasets.catalogue import Plan
from rich.table import Table

from quintet_command.cli.import_options import fail_on_nothing, overrides
from quintet_command.cli.progress import one_line_failures, progress_bar
from quintet_command.cli.publishing import publish
from quintet_command.cli.terminal import Console, json_text
from quintet_command.settings import load_settings

catalog_app = typer.Typer(help="The catalogue: import tracks, see what it holds.")
_console: Final = Console()
_errors: Final = Console(stderr=True)
_SHOWN_GENRES: Final = 20


@catalog_app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="CSV, JSON or Parquet, one row per track.")],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="Read a column as a field."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the mapping of columns and stop.")
    ] = False,
    source: Annotated[
        str, typer.Option(help="Where the tracks come from; the file's own or its name otherwise.")
    ] = "",
    licence: Annotated[str, typer.Option("--licence", "--license", help="Their licence.")] = "",
    encoding: Annotated[
        str, typer.Option(help="Encoding of CSV and JSON; what the file says, else UTF-8.")
    ] = "",
) -> None:
    """Import tracks and publish the catalogue: bad rows go to a file, the rest in or nothing."""
    with one_line_failures():
        settings = load_settings()
        options = datasets.Options(overrides(columns or []), source, licence, encoding)
        # All files are opened before the first is imported, so that a slip changes nothing.
        plans = [datasets.preview(path, options) for path in files]
        for plan in plans:
            _console.print(_mapping_table(plan))
        if dry_run:
            return
        with progress_bar(_errors) as on_progress:
            reports = [datasets.import_catalogue(settings, plan, on_progress) for plan in plans]
        # Printed before publishing: the rows are in, whatever comes next.
        _console.print(_summary_table(reports))
        # A catalogue of nothing cannot be published, and the reason is the file's.
        if any(not report.failure for report in reports):
            publish(settings, _console, _errors)
    fail_on_nothing(report.failure for report in reports)


@catalog_app.command("info")
def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what the catalogue holds: tracks, artists, genres, origins, versions."""
    with one_line_failures():
        facts = datasets.catalogue_info(load_settings())
    if as_json:
        typer.echo(json_text(facts.to_dict(), indent=2))
        return
    table = Table(show_header=False)
    genres = [f"{name} {count:,}" for name, count in facts.genres.items()]
    more = [f"and {len(genres) - _SHOWN_GENRES} more"] if len(genres) > _SHOWN_GENRES else []
    used = f"{facts.catalogue_version} ({facts.snapshot_bytes / 1e6:,.1f} MB)"
    rows = (
        ("tracks", f"{facts.tracks:,}"),
        ("artists", f"{facts.artists:,}"),
        ("genres", ", ".join(genres[:_SHOWN_GENRES] + more) or "none"),
        ("known of tracks", _counts(facts.known, facts.tracks)),
        ("measured by", _counts(facts.provenances, facts.tracks)),
        ("ids by others", _counts(facts.ids, facts.tracks)),
        ("sources", "\n".join(f"{s.name} ({s.licence}): {s.tracks:,}" for s in facts.sources)),
        ("database", facts.database),
        (
            "snapshot in use",
            used if facts.catalogue_version else "none",
        ),
        ("snapshots kept", ", ".join(facts.snapshots) or "none"),
    )
    for name, value in rows:
        table.add_row(name, value)
    _console.print(table)


def _counts(counts: Mapping[str, int], tracks: int) -> str:
    """Write how many tracks have what; "all" where all have it."""
    shown = (f"{name} {'all' if n == tracks else f'{n:,}'}" for name, n in counts.items())
    return ", ".join(shown) or "none"


def _mapping_table(plan: Plan) -> Table:
    table = Table("field", "column", "first row", title=str(plan.table.path))
    for name, example in plan.examples().items():
        table.add_row(name, plan.mapping.get(name, "-"), example[:48])
    unused = [name for name in plan.table.columns if name not in plan.mapping.values()]
    if unused:
        table.caption = f"not read: {', '.join(name or '(unnamed)' for name in unused)}"
    return table


def _summary_table(reports: Sequence[datasets.ImportReport]) -> Table:
    table = Table("file", "read", "stored", "duplicate", "quarantined", "note")
    for report in reports:
        counts = report.counts
        notes = ["imported before, nothing changed"] if report.unchanged else []
        notes += [f"rejected rows: {report.quarantine}"] if report.quarantine else []
        numbers = (
            counts.rows_read,
            counts.rows_stored,
            counts.rows_duplicate,
            counts.rows_quarantined,
        )
        table.add_row(report.path.name, *(f"{n:,}" for n in numbers), "\n".join(notes))
    return table
