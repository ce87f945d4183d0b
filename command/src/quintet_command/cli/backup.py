"""`quintet backup`: everything that matters into one file, checked, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from quintet_command.cli.progress import one_line_failures
from quintet_command.settings import load_settings

if TYPE_CHECKING:
    from quintet_command.backup import Backup

backup_app = typer.Typer(
    help="Everything that matters into one file, and back.", no_args_is_help=True
)
Source = Annotated[Path, typer.Argument(metavar="BACKUP", help="A file or folder of `create`.")]
_FOLDER: Final = Path("/backups")
"""Where Compose mounts the volume of backups."""
_SECRETS: Final = Path("/run/quintet-secrets")
WithRegistry = Annotated[
    bool, typer.Option("--with-registry/--without-registry", help="The registry of models too.")
]
WithSecrets = Annotated[
    bool,
    typer.Option(
        "--with-secrets", help="The secrets of the containers too, which Compose mounts here."
    ),
]


@backup_app.command("create")
def create(
    target: Annotated[
        Path, typer.Argument(metavar="BACKUP", help="A file NAME.tar.zst, or a folder.")
    ],
    with_registry: WithRegistry = True,
    with_secrets: WithSecrets = False,
) -> None:
    """Back up database, catalogue, models, keys and spool, while the services run."""
    with one_line_failures():
        from quintet_command import backup

        made = backup.create(
            load_settings(), target, registry=with_registry, secrets=_secrets(with_secrets)
        )
    typer.echo(f"{target}: {_told(made)}")


@backup_app.command("run")
def run(
    folder: Annotated[Path, typer.Argument(help="A folder of backups.")] = _FOLDER,
    keep: Annotated[
        int, typer.Option("--keep", min=1, max=1000, help="How many backups stay.")
    ] = 7,
    with_registry: WithRegistry = True,
    with_secrets: WithSecrets = False,
) -> None:
    """Create a backup named by its time in a folder, verify it, and remove the oldest."""
    with one_line_failures():
        from quintet_command.backup import series

        secrets = _secrets(with_secrets)
        made = series.run(load_settings(), folder, keep, secrets, registry=with_registry)
    typer.echo(f"{made.path}: {_told(made.made)}")
    for path in made.removed:
        typer.echo(f"removed {path}")


@backup_app.command("drill")
def drill(
    source: Annotated[
        Path, typer.Argument(metavar="BACKUP", help="A backup, or a folder with backups of `run`.")
    ] = _FOLDER,
    lists: Annotated[
        int, typer.Option("--lists", min=1, max=10_000, help="How many lists to compare.")
    ] = 200,
) -> None:
    """Restore a backup aside, and compare rows and lists with this installation.

    Changes nothing: the temporary folder and database are removed. Exit code 1 on a difference.
    """
    with one_line_failures():
        from quintet_command.backup import drill as trial
        from quintet_command.backup import series

        path = series.newest(source)
        found = trial.drill(load_settings(), path, lists)
    same = found.lists - found.different
    typer.echo(f"{path}, made {found.made_at}: {found.rows:,} rows restored")
    typer.echo(f"{same} of {found.lists} lists of {found.model} are the same")
    if found.wrong_tables:
        typer.echo(f"another number of rows than the backup says: {', '.join(found.wrong_tables)}")
    if not found.passed:
        raise typer.Exit(1)


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


def _secrets(wanted: bool) -> Path | None:
    return _SECRETS if wanted else None


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
    registry += ", Airflow" if "airflow" in found.others else ""
    registry += ", secrets" if found.secrets else ""
    size = f"{found.files} files, {found.bytes / 1e6:,.1f} MB"
    return f"{counted}{registry}; {size}, made {found.made_at} by {found.quintet}"
