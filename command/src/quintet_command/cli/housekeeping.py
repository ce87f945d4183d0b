"""`quintet housekeeping`: removes what nothing uses any more."""

from typing import Annotated

import typer

from quintet_command.cli.progress import one_line_failures


def housekeeping(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and stop.")
    ] = False,
) -> None:
    """Remove old models, catalogues, search indices and files, also from the registry."""
    with one_line_failures():
        from quintet_command.housekeeping import sweep
        from quintet_command.settings import load_settings

        swept = sweep(load_settings(), dry_run=dry_run)
    groups = {
        "models": swept.models,
        "catalogues": swept.catalogues,
        "search indices": swept.indices,
        "files": swept.files,
        "registered models": swept.registered,
    }
    for what, names in groups.items():
        if names:
            typer.echo(f"{what}: {', '.join(names)}")
    count = sum(len(names) for names in groups.values())
    done = "would be removed" if dry_run else "removed"
    typer.echo(f"{count} {done}, {swept.bytes / 1e6:,.1f} MB")
