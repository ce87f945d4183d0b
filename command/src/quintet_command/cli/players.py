"""`quintet players`: music players and media servers that may ask for similar songs."""

from typing import Annotated

import typer
from quintet_access.files import AccessFileInvalid
from quintet_access.players import PlayerFolder, PlayerInvalid, PlayerUnknown
from quintet_library import sync as library
from rich.table import Table

from quintet_command.cli.failure import CommandFailed, failing_on
from quintet_command.cli.progress import one_line_failures
from quintet_command.cli.terminal import Console
from quintet_command.settings import CommandSettings, load_settings

players_app = typer.Typer(
    name="players",
    help="Add, show and remove the players that may ask for similar songs.",
    no_args_is_help=True,
)
_console = Console()
Name = Annotated[str, typer.Argument(help="The player's name, which is also its user name.")]
_UNUSABLE = (AccessFileInvalid, PlayerInvalid, PlayerUnknown)


@players_app.command("add")
def add(
    name: Name,
    source: Annotated[
        str, typer.Option(help="Source whose ids it sends; the only media server if empty.")
    ] = "",
    listener: Annotated[
        str, typer.Option(metavar="ID", help="Listener whose memory counts for its lists.")
    ] = "",
) -> None:
    """Add a player and show its key."""
    settings = load_settings()
    _check_source(settings, source)
    with failing_on(*_UNUSABLE):
        player = PlayerFolder(settings.home / "access").add(name, source, listener)
    _say(f"name {player.name}")
    _say(f"key  {player.key}")
    _say("The key is the player's password, API key and API token; `quintet players show` has it.")


@players_app.command("list")
def list_all() -> None:
    """List the players, without their keys."""
    players = _folder().all()
    if not players:
        _say("No players; `quintet players add NAME` adds one.")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("name", "source", "listener", "added"):
        table.add_column(title, no_wrap=True)
    for each in players:
        table.add_row(each.name, each.source or "any", each.listener, each.create_time)
    Console(width=max(_console.width, 120)).print(table)


@players_app.command("show")
def show(name: Name) -> None:
    """Show the key of a player."""
    player = _folder().named(name)
    if player is None:
        raise CommandFailed(f"there is no player {name!r:.80}; quintet players list")
    _say(f"name {player.name}")
    _say(f"key  {player.key}")


@players_app.command("remove")
def remove(name: Name) -> None:
    """Remove a player; its key is rejected from now on."""
    with failing_on(*_UNUSABLE):
        _folder().remove(name)
    _say(f"removed {name}; its key is rejected from now on")


def _folder() -> PlayerFolder:
    folder = PlayerFolder(load_settings().home / "access")
    with failing_on(AccessFileInvalid):
        folder.all()
    return folder


def _check_source(settings: CommandSettings, name: str) -> None:
    """Check that a source exists, so that a wrong name is noticed at once."""
    if not name:
        return
    with one_line_failures():
        known = [each.spec.name for each in library.sources(settings)]
    if name not in known:
        listed = ", ".join(known) or "none"
        raise CommandFailed(f"source: there is no source {name!r:.80}; sources: {listed}")


def _say(text: str) -> None:
    # Plain lines: they are copied and piped, so no colour, no box, no folding.
    _console.print(text, highlight=False, markup=False, soft_wrap=True)
