"""`quintet certificates`: certificates for TLS between the services and for HTTPS."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from quintet_access import certificates
from quintet_access.certificates import PROCESSES, CertificatesRefused, Issued
from quintet_access.files import AccessFileInvalid
from rich.table import Table

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.terminal import Console

certificates_app = typer.Typer(
    name="certificates",
    help="Make and renew the certificates of the services; running services take new ones up.",
    no_args_is_help=True,
)
_console = Console()
_UNUSABLE: Final = (AccessFileInvalid, CertificatesRefused)
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the certificates are.")]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", help="A process, which is a host name too; repeatable. Default: all."),
]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="A further host name or address of each; repeatable."),
]
Days = Annotated[int, typer.Option(min=1, max=3650, help="Days that they are valid.")]


@certificates_app.command("create")
def create(folder: Folder, name: Names = None, host: Hosts = None, days: Days = 90) -> None:
    """Make an authority, and a certificate of it for each service."""
    try:
        made = certificates.create(folder, name or PROCESSES, host or (), days)
    except _UNUSABLE as fault:
        raise CommandFailed(str(fault)) from fault
    _show(made)
    _say(f"Keep {folder}/authority/ca.key away from services: its holder can pose as any of them.")
    _say(f"Set QUINTET_TLS=mutual and QUINTET_TLS_FOLDER={folder} for every service.")


@certificates_app.command("renew")
def renew(folder: Folder, name: Names = None, host: Hosts = None, days: Days = 90) -> None:
    """Make new certificates under the same authority; no service needs a restart."""
    try:
        made = certificates.renew(folder, name or (), host or (), days)
    except _UNUSABLE as fault:
        raise CommandFailed(str(fault)) from fault
    _show(made)


@certificates_app.command("list")
def list_all(folder: Folder) -> None:
    """List the certificates in a folder, with the day on which each ends."""
    try:
        found = certificates.issued(folder)
    except _UNUSABLE as fault:
        raise CommandFailed(str(fault)) from fault
    if not found:
        raise CommandFailed(f"{folder} holds no certificates; `quintet certificates create` does")
    _show(found)


def _show(made: Sequence[Issued]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("name", "ends", "days left", "valid for"):
        table.add_column(title, no_wrap=True)
    for each in made:
        left = (each.expires - datetime.now(UTC)).days
        table.add_row(each.name, f"{each.expires:%Y-%m-%d}", str(left), " ".join(each.hosts))
    # Wide enough for every host name, in a pipe too.
    Console(width=max(_console.width, 160)).print(table)


def _say(text: str) -> None:
    _console.print(text, highlight=False, markup=False, soft_wrap=True)
