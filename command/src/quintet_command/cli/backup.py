"""`quintet backup`: everything that matters into one file, checked, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quintet_command.cli.progress import one_line_failures
from quintet_command.settings import load_settings

if TYPE_CHECKING:
    from quintet_command.backup import Backup

backup_app = typer.Typer(
    help="Everything that matters into one file, and back.", no_args_is_help=True
)
Source = Annotated[Path, typer.Argument(metavar="BACKUP", help="A file or folder of `create`.")]


@backup_app.command("create")
def create(
    target: Annotated[
        Path, typer.Argument(metavar="BACKUP", help="A file NAME.tar.zst, or a folder.")
    ],
    with_registry: Annotated[
        bool,
        typer.Option(
            "--with-registry/--without-registry", help="The registry of models in QUINTET_HOME too."
        ),
    ] = True,
) -> None:
    """Back up database, catalogue, models, keys and spool, while the services run."""
    with one_line_failures():
        from quintet_command import backup

        made = backup.create(load_settings(), target, registry=with_registry)
    typer.echo(f"{target}: {_told(made)}")


@backup_app.command("verify")
def verify(source: Source) -> None:
    """Read a whole backup and check every file against its checksum."""
    with one_line_failures():
        from quintet_command import backup

        found = backup.verify(source)
    typer.echo(f"{source} is whole: {_told(found)}")


@backup_app.command("restore")
def restore(
    source: Source,
    force: Annotated[
        bool, typer.Option("--force", help="Replace state that is there; the home's is kept aside.")
    ] = False,
) -> None:
    """Put the state of a backup in place; stop the services first."""
    with one_line_failures():
        from quintet_command import backup

        settings = load_settings()
        found, aside = backup.restore(settings, source, force=force)
    typer.echo(f"restored {source} to {settings.home}: {_told(found)}")
    if aside is not None:
        typer.echo(f"what was there is in {aside}; remove it when all is well")


def _told(found: "Backup") -> str:
    rows = found.database.rows
    counted = ", ".join(
        f"{rows.get(table, 0):,} {what}"
        for table, what in (
            ("tracks", "tracks"),
            ("playlists", "playlists"),
            ("recommendations", "lists shown"),
            ("feedback_events", "events"),
        )
    )
    registry = ", registry" if found.registry else ""
    size = f"{found.files} files, {found.bytes / 1e6:,.1f} MB"
    return f"{counted}{registry}; {size}, made {found.made_at} by {found.quintet}"
