"""`quintet playlists import` and `info`: playlists and listening histories, for training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from quintet_text.printable import printable
from quintet_training import datasets
from quintet_training.datasets.entries import MAX_KIND, Reading
from quintet_training.datasets.matching import Match
from quintet_training.datasets.playlist_formats import check_file, detect
from rich.table import Table

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.import_options import fail_on_nothing, overrides
from quintet_command.cli.progress import one_line_failures, progress_bar
from quintet_command.cli.terminal import Console, json_text
from quintet_command.settings import load_settings

_console: Final = Console()
_errors: Final = Console(stderr=True)


def import_files(
    files: Annotated[list[Path], typer.Argument(help="Files of playlists, listens or feedback.")],
    format_: Annotated[
        datasets.Format, typer.Option("--format", help="What the files are; told by content.")
    ] = datasets.Format.AUTO,
    source: Annotated[str, typer.Option(help="Where they come from; the file's name.")] = "",
    licence: Annotated[str, typer.Option("--licence", "--license", help="Their licence.")] = "",
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="Read a column of a table as a field."),
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="Encoding of text; what the file says, else UTF-8.")
    ] = "",
    kind: Annotated[
        str,
        typer.Option(
            help="Kind of playlists whose file has no column kind, such as charts; at most 64 "
            "characters. `quintet evaluate` reports by kind."
        ),
    ] = "",
) -> None:
    """Import playlists, matching tracks by id, ISRC or name: each file whole or not at all."""
    with one_line_failures():
        settings = load_settings()
        how = Reading(overrides(columns or []), encoding, checked_kind(kind))
        # All files are checked before the first is imported, so that a mistake changes nothing.
        formats = [_format_of(path, format_, how) for path in files]
        catalogue = datasets.Catalogue()
        with progress_bar(_errors) as on_progress:
            reports = [
                datasets.import_playlists(
                    settings, path, known, source, licence, on_progress, catalogue, how
                )
                for path, known in zip(files, formats, strict=True)
            ]
            datasets.compact(settings, on_progress)
    _console.print(_summary_table(reports))
    ways = (f"{way.value} {sum(r.matched.get(way, 0) for r in reports):,}" for way in Match)
    added = sum(report.playlists for report in reports)
    _console.print(f"tracks matched by {', '.join(ways)}", highlight=False)
    _console.print(f"{added:,} playlists added", highlight=False)
    for report in reports:
        for note in _notes(report):
            _console.print(f"{report.path.name}: {note}", markup=False, highlight=False)
    fail_on_nothing(report.failure for report in reports)


def _format_of(path: Path, asked: datasets.Format, how: Reading) -> datasets.Format:
    if asked is datasets.Format.AUTO:
        return detect(path, how)
    check_file(path)
    return asked


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what playlists there are, by origin."""
    with one_line_failures():
        facts = datasets.playlists_info(load_settings())
    if as_json:
        typer.echo(json_text(facts.to_dict(), indent=2))
        return
    table = Table("source", "licence", "playlists", "rows")
    for origin in facts.sources:
        numbers = (f"{origin.playlists:,}", f"{origin.rows:,}")
        table.add_row(origin.name, origin.licence, *numbers)
    table.add_row("all", "", f"{facts.playlists:,}", f"{facts.rows:,}")
    kinds = ", ".join(f"{kind or 'none'} {count:,}" for kind, count in facts.kinds.items())
    table.caption = f"{facts.tracks:,} different tracks; playlists by kind: {kinds or 'none'}"
    _console.print(table)


def delete(
    playlists: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Playlists to delete.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="Delete all playlists of a source of quintet playlists info.")
    ] = "",
) -> None:
    """Delete imported playlists with their rows; the same files can be imported again."""
    if not source and not playlists:
        raise CommandFailed("give ids of playlists, or --source NAME")
    with one_line_failures():
        gone = datasets.delete_playlists(load_settings(), source, playlists or ())
    if not gone.playlists:
        raise CommandFailed(
            "no imported playlist has this source or id; quintet playlists info shows the sources. "
            "Playlists of listeners are deleted by quintet feedback delete-listener, those of a "
            "music source by quintet library remove"
        )
    said = f"{gone.playlists:,} playlists with {gone.rows:,} rows deleted"
    _console.print(said, markup=False, highlight=False)
    for name in gone.unknown:
        text = f"no imported playlist has the id {printable(name)!r:.80}"
        _console.print(text, markup=False, highlight=False)


def compact() -> None:
    """Write files of playlists again that waste space or are many; an import does it too."""
    with one_line_failures(), progress_bar(_errors) as on_progress:
        done = datasets.compact(load_settings(), on_progress)
    _console.print(
        f"{done.moved:,} playlists moved from the database to files, {done.rewritten:,} files "
        f"written again, {done.removed:,} unused files removed",
        highlight=False,
    )


def checked_kind(kind: str) -> str:
    """Check `--kind`.

    Raises:
        CommandFailed: It is too long or contains a character that is not text.
    """
    if len(kind) > MAX_KIND or "\0" in kind:
        raise CommandFailed(f"--kind: at most {MAX_KIND} characters of text; leave it out for none")
    return kind.strip()


def _summary_table(reports: Sequence[datasets.PlaylistReport]) -> Table:
    table = Table("file", "format", "read", "stored", "duplicate", "quarantined")
    for report in reports:
        counts = report.counts
        numbers = (
            counts.rows_read,
            counts.rows_stored,
            counts.rows_duplicate,
            counts.rows_quarantined,
        )
        table.add_row(report.path.name, report.format, *(f"{n:,}" for n in numbers))
    return table


def _notes(report: datasets.PlaylistReport) -> list[str]:
    notes = ["imported before, nothing changed"] if report.unchanged else []
    if report.passed_over:
        notes.append(f"{report.passed_over:,} plays, skips, dislikes and episodes passed over")
    if report.quarantine:
        notes.append(f"rejected rows: {report.quarantine}")
    return notes
