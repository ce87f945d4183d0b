"""`quintet playlists push`: a list becomes a playlist where people play music."""

from pathlib import Path
from typing import Annotated, Final

import typer
from quintet_contract.limits import MAX_LIMIT
from quintet_library.pushing import PushReport, push_list, write_listenbrainz
from quintet_store import open_engine, reading, writing
from quintet_store.saved_lists import (
    ListInvalid,
    SavedList,
    check_list,
    delete_list,
    find_by_name,
    find_list,
    save_list,
    saved_lists,
)
from quintet_text.printable import printable
from rich.table import Table

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.playlists.inputs import tracks_for, tracks_in, tracks_of_recommendation
from quintet_command.cli.progress import one_line_failures
from quintet_command.cli.terminal import Console, json_text
from quintet_command.settings import CommandSettings, load_settings

_console: Final = Console()
_NAMED: Final = 5
# Of a list that is tried and not saved; no list has it.
_UNSAVED: Final = "0" * 32


def push(
    seeds: Annotated[
        list[str] | None, typer.Argument(help="Songs to ask for a list with: ids, links or names.")
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="A source of quintet library list; repeatable."),
    ] = None,
    jspf: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a JSPF file for ListenBrainz.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="Of the playlist; the same name updates the same playlist.")
    ] = "",
    source_file: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="JSON of quintet recommend --json; - for stdin."
        ),
    ] = None,
    saved: Annotated[
        str, typer.Option(metavar="ID", help="A list of quintet playlists saved.")
    ] = "",
    recommendation: Annotated[
        str, typer.Option(metavar="ID", help="A recommendation_id that the gateway recorded.")
    ] = "",
    radio: Annotated[bool, typer.Option("--radio", help="Ask for a radio of the songs.")] = False,
    path: Annotated[
        bool, typer.Option("--path", help="Ask for a path from the first song to the second.")
    ] = False,
    limit: Annotated[
        int, typer.Option(help="Tracks of a list that is asked for; radio 100, path 50 at most.")
    ] = 20,
    listener: Annotated[
        str | None, typer.Option(help="Whose memory counts in a list that is asked for.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Let others see the playlist at ListenBrainz.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a playlist of a list: at a media server, in a folder of music, or for ListenBrainz."""
    if not to and jspf is None:
        raise CommandFailed("--to: name a source of quintet library list, or give --jspf FILE")
    if radio and path:
        raise CommandFailed("--radio and --path: give one of them")
    given = [bool(seeds), source_file is not None, bool(saved), bool(recommendation)]
    if sum(given) != 1:
        raise CommandFailed("give one list: songs, --from FILE, --saved ID or --recommendation ID")
    with one_line_failures():
        settings = load_settings()
        if saved:
            found = _saved(settings, saved, name, dry_run)
        else:
            if source_file is not None:
                ids = tracks_in(source_file)
            elif recommendation:
                ids = tracks_of_recommendation(settings, recommendation)
            else:
                how = "radio" if radio else "path" if path else "recommend"
                ids = tracks_for(seeds or [], how, limit, listener)
            found = _named(settings, name, ids[:MAX_LIMIT], dry_run)
        reports = [push_list(settings, found, target, dry_run=dry_run) for target in to or ()]
        if jspf is not None:
            reports.append(
                write_listenbrainz(settings, found, jspf, public=public, dry_run=dry_run)
            )
    if as_json:
        list_id = "" if found.list_id == _UNSAVED else found.list_id
        facts = [report.facts() for report in reports]
        typer.echo(json_text({"list_id": list_id, "pushes": facts}, indent=2))
        return
    for report in reports:
        print_report(report)


def saved(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Lists shown.")] = 100,
) -> None:
    """Show the saved lists, the one changed last first, and the playlists that they became."""
    with one_line_failures():
        engine = open_engine(load_settings().database_url)
        try:
            with reading(engine) as connection:
                found = saved_lists(connection, limit=limit)
        finally:
            engine.dispose()
    if as_json:
        typer.echo(json_text([_facts(each) for each in found], indent=2))
        return
    table = Table("id", "name", "tracks", "changed", "playlists")
    for each in found:
        when = each.updated_at.partition(".")[0].replace("T", " ")
        there = ", ".join(f"{push.source}: {push.remote_name}" for push in each.pushes)
        table.add_row(each.list_id, each.name, f"{len(each.track_ids):,}", when, there or "none")
    _console.print(table)


def forget(
    list_id: Annotated[str, typer.Argument(metavar="ID", help="Of quintet playlists saved.")],
) -> None:
    """Delete a saved list; the playlists that it became stay where they are."""
    with one_line_failures():
        engine = open_engine(load_settings().database_url)
        try:
            with writing(engine) as connection:
                gone = delete_list(connection, list_id)
        finally:
            engine.dispose()
    if not gone:
        raise CommandFailed(
            f"there is no saved list {list_id!r:.80}; quintet playlists saved shows them"
        )
    _say(f"list {list_id} deleted; its playlists stay where they are")


def print_report(report: PushReport) -> None:
    """Print the notes, the missing tracks with their reasons, and last what was done."""
    for note in report.notes:
        _say(f"  {note}")
    for each in report.missing:
        _say(f"  missing: {_title(each.title, each.artists, each.track_id)} ({each.reason})")
    _say(summary_of(report))


def summary_of(report: PushReport) -> str:
    """Say in one line what a push did, with the first of the missing tracks."""
    would = "would be " if report.dry_run else ""
    text = f"{report.target}: playlist {report.name!r} {would}{report.action.value}"
    text += f", {_tracks(report.songs)}"
    if not report.missing:
        return text
    names = [_title(m.title, m.artists, m.track_id) for m in report.missing[:_NAMED]]
    more = len(report.missing) - len(names)
    names += [f"{more:,} more"] if more else []
    return f"{text}; {len(report.missing):,} missing: {'; '.join(names)}"


def _saved(settings: CommandSettings, list_id: str, name: str, dry_run: bool) -> SavedList:
    """Read a saved list, and give it another name if one is wanted."""
    engine = open_engine(settings.database_url)
    try:
        with writing(engine) as connection:
            found = find_list(connection, list_id)
            if found is None:
                raise ListInvalid(
                    f"there is no saved list {list_id!r:.80}; quintet playlists saved shows them"
                )
            if name and name != found.name and not dry_run:
                found = save_list(connection, name, found.track_ids, list_id=list_id)
            return found
    finally:
        engine.dispose()


def _named(settings: CommandSettings, name: str, ids: list[str], dry_run: bool) -> SavedList:
    """Save a list under a name, in place of the list that had the name before."""
    if not name:
        raise CommandFailed("--name: give the playlist a name; the same name updates it later")
    engine = open_engine(settings.database_url)
    try:
        with writing(engine) as connection:
            before = find_by_name(connection, name)
            list_id = before.list_id if before else ""
            if dry_run:
                check_list(name, ids)
                return SavedList(list_id or _UNSAVED, name, "", "command", tuple(ids), "", "")
            return save_list(connection, name, ids, list_id=list_id)
    finally:
        engine.dispose()


def _tracks(number: int) -> str:
    return f"{number:,} track{'' if number == 1 else 's'}"


def _title(title: str, artists: str, track_id: str) -> str:
    return f"{artists} - {title}" if title else track_id


def _facts(each: SavedList) -> dict[str, object]:
    return {
        **{"id": each.list_id, "name": each.name, "track_ids": list(each.track_ids)},
        **{"created_at": each.created_at, "updated_at": each.updated_at},
        "pushes": [
            {
                **{"source": push.source, "playlist": push.remote_id, "name": push.remote_name},
                **{"tracks": push.songs, "missing": push.missing, "pushed_at": push.pushed_at},
            }
            for push in each.pushes
        ],
    }


def _say(text: str) -> None:
    _console.print(printable(text), highlight=False, markup=False, soft_wrap=True)
