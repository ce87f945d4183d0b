"""`quintet library`: sources of music, brought in step with the catalogue."""

import signal
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from quintet_library import sync as library
from quintet_library.adding import add_source
from quintet_library.records import SourceFailed
from quintet_library.sync import SyncReport
from quintet_library.watching import changed_folders
from quintet_store.sources import Source, SourceSpec
from quintet_text.printable import printable
from rich.table import Table

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.progress import one_line_failures, progress_bar
from quintet_command.cli.publishing import publish
from quintet_command.cli.terminal import Console, json_text
from quintet_command.library_worker import LibraryWorker
from quintet_command.settings import CommandSettings, load_settings

library_app = typer.Typer(help="Your own music: sources of it, and the sync.", no_args_is_help=True)
_console: Final = Console()
_errors: Final = Console(stderr=True)


class Kind(StrEnum):
    """Kinds of sources that can be added."""

    FOLDER = "folder"
    SUBSONIC = "subsonic"
    JELLYFIN = "jellyfin"
    BEETS = "beets"
    RECCOBEATS = "reccobeats"


@library_app.command("add")
def add(
    kind: Annotated[Kind, typer.Argument(help="What it is.")],
    address: Annotated[
        str, typer.Argument(help="Folder, address of the server, or library file of beets.")
    ] = "",
    name: Annotated[str, typer.Option(help="What to call it; made from the kind if empty.")] = "",
    user: Annotated[str, typer.Option(help="User of the server.")] = "",
    password_env: Annotated[
        str, typer.Option(metavar="NAME", help="Variable that holds the password or API key.")
    ] = "",
    password_file: Annotated[
        str, typer.Option(metavar="PATH", help="File that holds the password or API key.")
    ] = "",
    send_password: Annotated[
        bool, typer.Option("--send-password", help="For Subsonic servers that check no tokens.")
    ] = False,
    music: Annotated[
        str, typer.Option(metavar="PATH", help="Music folder of beets (`directory`).")
    ] = "",
    listener: Annotated[
        str, typer.Option(metavar="ID", help="Listener who gets the stars and plays of the server.")
    ] = "",
    allow_play: Annotated[
        bool, typer.Option("--allow-play", help="Let the page play its files.")
    ] = False,
) -> None:
    """Add a folder, a Subsonic or Jellyfin server, or a beets library; nothing is read yet."""
    if password_env and password_file:
        raise CommandFailed("--password-env and --password-file: give one of them")
    credential = f"env:{password_env}" if password_env else ""
    # Absolute, because a sync may run in another folder.
    credential = f"file:{Path(password_file).resolve()}" if password_file else credential
    options: dict[str, object] = {"user": user, "send_password": send_password}
    options |= {"music": str(Path(music).resolve()) if music else "", "listener": listener}
    given = {key: value for key, value in options.items() if value}
    spec = SourceSpec(name, kind.value, address, given, credential, allow_play)
    with one_line_failures():
        added = add_source(load_settings(), spec)
    _say(f"source {added.name} added; next: quintet library sync {added.name}")


@library_app.command("list")
def list_sources(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the sources, how many songs each has, and how its last sync went."""
    with one_line_failures():
        found = library.sources(load_settings())
    if as_json:
        typer.echo(json_text([_facts(each) for each in found], indent=2))
        return
    table = Table("source", "kind", "address", "songs", "absent", "rejected", "last sync")
    for each in found:
        numbers = (f"{n:,}" for n in (each.present, each.absent, each.quarantined))
        when = each.synced_at.partition(".")[0].replace("T", " ") or "never"
        last = f"{when}\n{each.last_error}" if each.last_error else when
        table.add_row(each.spec.name, each.spec.kind, each.spec.address, *numbers, last)
    _console.print(table)


@library_app.command("sync")
def sync(
    names: Annotated[
        list[str] | None, typer.Argument(help="Sources; all if none is given.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on with every change of folders, until Ctrl-C.")
    ] = False,
    all_again: Annotated[
        bool, typer.Option("--all", help="Read every file again, also unchanged ones.")
    ] = False,
    accept_removals: Annotated[
        bool, typer.Option("--accept-removals", help="Remove songs even if most of them are gone.")
    ] = False,
    no_publish: Annotated[
        bool, typer.Option("--no-publish", help="Do not serve the new catalogue yet.")
    ] = False,
) -> None:
    """Bring the catalogue in step with sources, and publish it."""
    with one_line_failures():
        settings = load_settings()
        known = {each.spec.name: each.spec for each in library.sources(settings)}
        wanted = _wanted(known, names or [], watch)
        if watch:
            _watch(settings, {name: Path(known[name].address) for name in wanted}, no_publish)
            return
        failures = _sync(settings, wanted, all_again, accept_removals, no_publish)
    if failures:
        more = f" (and {len(failures) - 1} more sources)" if len(failures) > 1 else ""
        raise CommandFailed(failures[0] + more)


@library_app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="The source.")],
    no_publish: Annotated[
        bool, typer.Option("--no-publish", help="Do not serve the new catalogue yet.")
    ] = False,
) -> None:
    """Remove a source and the songs that nothing else has; no file is touched."""
    with one_line_failures():
        settings = load_settings()
        removal = library.remove(settings, name)
        _say(
            f"source {name} removed: {removal.items:,} songs, {removal.deleted:,} tracks deleted, "
            f"{removal.kept:,} kept because playlists hold them"
        )
        if not no_publish and removal.items and library.has_tracks(settings):
            publish(settings, _console, _errors)


@library_app.command("rejected")
def rejected(
    name: Annotated[str, typer.Argument(help="A source; all if none is given.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Rows shown.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the songs that could not be read or analysed, each with its reason."""
    with one_line_failures():
        found = library.rejected(load_settings(), name, limit)
    if as_json:
        facts = [
            {"source": i.source, "item": i.item_id, "path": printable(i.path), "reason": i.reason}
            for i in found
        ]
        typer.echo(json_text(facts, indent=2))
        return
    table = Table("source", "song", "reason")
    for item in found:
        table.add_row(item.source, item.path or item.item_id, item.reason)
    _console.print(table)


@library_app.command("work")
def work(
    once: Annotated[bool, typer.Option("--once", help="End when no request is left.")] = False,
) -> None:
    """Do what was asked for on the page or over HTTP, until Ctrl-C; `quintet up` starts this."""
    with one_line_failures():
        settings = load_settings()
        worker = LibraryWorker(settings.database_url, home=settings.home)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: worker.stop())
        worker.run(_say, once=once)


def _watch(settings: CommandSettings, roots: dict[str, Path], no_publish: bool) -> None:
    """Sync folders whenever they change; a sync that fails does not end the watching."""
    changes = changed_folders(roots)
    for number, changed in enumerate(changes):
        for failure in _sync(settings, sorted(changed), False, False, no_publish):
            _errors.print(failure, highlight=False, soft_wrap=True)
        if not number:
            _say(f"watching {', '.join(roots)}; Ctrl-C ends it")


def _wanted(known: dict[str, SourceSpec], names: Sequence[str], watch: bool) -> list[str]:
    if not known:
        raise CommandFailed(
            "there is no source yet; add one, for example: quintet library add folder ~/Music"
        )
    for name in names:
        if name not in known:
            raise CommandFailed(f"there is no source {name!r}; quintet library list shows them")
        if watch and known[name].kind != "folder":
            raise CommandFailed(
                f"--watch: {name} is a {known[name].kind} source, and only folders can be watched; "
                "run its sync by a timer"
            )
    wanted = list(names) or [n for n in known if not watch or known[n].kind == "folder"]
    if not wanted:
        raise CommandFailed("--watch: there is no folder to watch")
    # Features are asked for the tracks that the other sources brought.
    return sorted(dict.fromkeys(wanted), key=lambda name: known[name].kind == "reccobeats")


def _sync(
    settings: CommandSettings,
    names: Sequence[str],
    all_again: bool,
    accept_removals: bool,
    no_publish: bool,
) -> list[str]:
    """Sync sources one after the other, publish what changed, and give the failures."""
    failures: list[str] = []
    for name in names:
        try:
            with progress_bar(_errors) as on_progress:
                report = library.sync_source(
                    settings,
                    name,
                    on_progress,
                    all_again=all_again,
                    accept_removals=accept_removals,
                )
            _print_report(report)
        except SourceFailed as fault:
            failures.append(str(fault))
    # Also where nothing changed now: an earlier sync may have been ended before it published.
    if not no_publish and library.has_tracks(settings):
        publish(settings, _console, _errors)
    return failures


def _print_report(report: SyncReport) -> None:
    counts = ("new", "changed", "unchanged", "rejected")
    parts = [f"{report.counts[name]:,} {name}" for name in counts if report.counts[name]]
    removal = report.removal
    if removal.items:
        parts.append(f"{removal.items:,} gone")
    if removal.items and removal.kept:
        parts.append(f"{removal.kept:,} tracks kept, because playlists hold them")
    for number, text in (
        (report.playlists, "playlists"),
        (report.signals, "stars and plays"),
        (report.features, "tracks with new features"),
    ):
        if number:
            parts.append(f"{number:,} {text}")
    _say(f"{report.source}: {', '.join(parts) or 'nothing to do'}")
    for note in report.notes:
        _say(f"{report.source}: {note}")
    if report.counts["rejected"]:
        _say(f"reasons: quintet library rejected {report.source}")


def _facts(source: Source) -> dict[str, object]:
    spec = source.spec
    return {
        **{"name": spec.name, "kind": spec.kind, "address": printable(spec.address)},
        **{"play_allowed": spec.play_allowed, "songs": source.present, "absent": source.absent},
        **{"rejected": source.quarantined, "last_error": source.last_error},
        **{"added_at": source.added_at, "synced_at": source.synced_at},
    }


def _say(text: str) -> None:
    _console.print(text, highlight=False, markup=False, soft_wrap=True)
