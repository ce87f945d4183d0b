"""`quintet clients`: programs that may call when QUINTET_AUTH is on."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from quintet_access.clients import (
    DEFAULT_SCOPES,
    Client,
    ClientFolder,
    ClientNameInvalid,
    ClientUnknown,
)
from quintet_access.files import AccessFileInvalid
from quintet_access.keys import KeyFolder
from quintet_access.tokens import Scope
from rich.table import Table

from quintet_command.cli.failure import CommandFailed, failing_on
from quintet_command.cli.terminal import Console
from quintet_command.settings import load_settings

clients_app = typer.Typer(
    name="clients",
    help="Make, list, revoke and rotate the clients that may call when QUINTET_AUTH is on.",
    no_args_is_help=True,
)
_console = Console()
Who = Annotated[str, typer.Argument(metavar="CLIENT", help="A client's id or name.")]
_UNUSABLE = (AccessFileInvalid, ClientNameInvalid, ClientUnknown)


@clients_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="A name for people.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it may do; repeatable. Default: read, feedback."),
    ] = None,
) -> None:
    """Make a client and show its secret, once."""
    with failing_on(*_UNUSABLE):
        client, secret = ClientFolder(_folder()).create(name, scope or DEFAULT_SCOPES)
    _show_secret(client, secret)


@clients_app.command("list")
def list_all() -> None:
    """List all clients, revoked ones included."""
    with failing_on(*_UNUSABLE):
        clients = ClientFolder(_folder()).all()
    table = Table(box=None, pad_edge=False)
    for title in ("client_id", "name", "scopes", "created", "state"):
        table.add_column(title, no_wrap=True)
    for client in clients:
        state = "active" if client.is_active else f"revoked {client.revoke_time}"
        scopes = " ".join(client.scopes)
        table.add_row(client.client_id, client.name, scopes, client.create_time, state)
    if clients:
        # Wide enough for every id, in a pipe too.
        Console(width=max(_console.width, 160)).print(table)
    else:
        _say("No clients; `quintet clients create NAME` makes one.")


@clients_app.command("revoke")
def revoke(who: Who) -> None:
    """Refuse a client and all its tokens from now on."""
    with failing_on(*_UNUSABLE):
        client = ClientFolder(_folder()).revoke(who)
    _say(f"revoked {client.name} ({client.client_id}); its tokens are refused from now on")


@clients_app.command("rotate")
def rotate(who: Who) -> None:
    """Give a client another secret and show it, once; the old one is refused from now on."""
    with failing_on(*_UNUSABLE):
        client, secret = ClientFolder(_folder()).rotate(who)
    _show_secret(client, secret)


@clients_app.command("renew")
def renew(
    name: Annotated[str, typer.Argument(help="The client's name.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it may do; repeatable. Default: read, feedback."),
    ] = None,
) -> None:
    """Give a client another secret and these scopes, or create it; show the secret, once."""
    with failing_on(*_UNUSABLE):
        client, secret = ClientFolder(_folder()).renew(name, scope or DEFAULT_SCOPES)
    _show_secret(client, secret)


@clients_app.command("check")
def check(client_id: Annotated[str, typer.Argument(help="The client's id.")]) -> None:
    """Check that a secret, read from standard input, is the client's; fail if it is not."""
    secret = sys.stdin.readline().strip()
    with failing_on(*_UNUSABLE):
        known = ClientFolder(_folder()).authenticate(client_id, secret)
    if known is None:
        raise CommandFailed(
            "there is no such client, it is revoked, or its secret is another one, for example "
            "after a restore; `quintet clients renew NAME` gives it a new secret"
        )
    _say(f"{known.name} may {', '.join(known.scopes)}")


@clients_app.command("rotate-keys")
def rotate_keys() -> None:
    """Sign tokens with a new key; tokens of the old one stay valid until they run out."""
    with failing_on(*_UNUSABLE):
        kid = KeyFolder(_folder()).rotate()
    _say(f"tokens are signed with key {kid} from now on")


def _folder() -> Path:
    return load_settings().home / "access"


def _show_secret(client: Client, secret: str) -> None:
    # Plain lines: they are copied and piped, so no colour, no box, no folding.
    _say(f"client_id     {client.client_id}")
    _say(f"client_secret {secret}")
    _say("The secret is shown this once and kept as a hash.")


def _say(text: str) -> None:
    _console.print(text, highlight=False, markup=False, soft_wrap=True)
