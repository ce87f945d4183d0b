"""`quintet serve`: a small installation, all services in one process."""

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from quintet_command.cli.failure import CommandFailed

if TYPE_CHECKING:
    from quintet_command.settings import CommandSettings
    from quintet_command.supervisor import Program


class Profile(StrEnum):
    """How services are packed into processes."""

    HOME = "home"
    SEPARATE = "separate"


# glibc keeps freed memory: a pool for each thread that ever allocated, and more of it the larger
# the freed blocks are. A small installation answers few requests at once, so it needs neither.
_MEMORY: Final = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}


def serve(
    profile: Annotated[
        Profile,
        typer.Option(help="home: all services in one process. separate: a process for each."),
    ] = Profile.HOME,
    no_page: Annotated[bool, typer.Option("--no-page", help="Leave the page out.")] = False,
) -> None:
    """Run a small installation in the foreground, without a registry of models; Ctrl-C drains it.

    Services, library worker and page are started again when they crash.
    """
    from quintet_command.cli.prepare import ensure_prepared
    from quintet_command.cli.up import environment_of
    from quintet_command.settings import load_settings
    from quintet_command.supervisor import PortInUse, become_supervisor, check_ports

    settings = load_settings()
    programs = _programs(settings, profile, no_page)
    try:
        check_ports(programs, settings.host)
    except PortInUse as fault:
        raise CommandFailed(str(fault)) from fault
    ensure_prepared(settings)
    memory = {name: text for name, text in _MEMORY.items() if name not in os.environ}
    variables = environment_of(settings) | memory
    if any(program.name == "ui" for program in programs):
        variables |= _client_of_page(settings)
    become_supervisor(programs, variables, settings.home / "run")


def _client_of_page(settings: "CommandSettings") -> dict[str, str]:
    """Give the page a client with its scopes, if callers need a token and none is set.

    Its secret is new at each start and is written nowhere.
    """
    set_already = ("QUINTET_UI_CLIENT_ID", "QUINTET_TOKEN")
    if os.environ.get("QUINTET_AUTH") != "on" or any(map(os.environ.get, set_already)):
        return {}
    from quintet_access.clients import ClientFolder
    from quintet_access.tokens import Scope

    # Everybody who reaches the page acts with them: no admin.
    scopes = (Scope.READ, Scope.FEEDBACK, Scope.LIBRARY, Scope.PLAYLISTS)
    client, secret = ClientFolder(settings.home / "access").renew("page", scopes)
    return {"QUINTET_UI_CLIENT_ID": client.client_id, "QUINTET_UI_CLIENT_SECRET": secret}


def _programs(settings: "CommandSettings", profile: Profile, no_page: bool) -> "list[Program]":
    from quintet_command.programs import (
        all_services,
        library_worker,
        page_of,
        players_of,
        programs_of,
    )

    if profile is Profile.SEPARATE:
        separate = [each for each in programs_of(settings) if not (no_page and each.name == "ui")]
        return [*separate, library_worker()]
    services = all_services(settings)
    if services is None:
        raise CommandFailed(
            "quintet serve needs the package quintet-home, which is not installed; in the "
            "repository, run: make install. Or use --profile separate"
        )
    return [services, *players_of(settings), *([] if no_page else page_of(settings))]
