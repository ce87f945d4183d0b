"""`quintet up`: the services, the page and the registry of models in the foreground."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from quintet_contract.addresses import host_port

from quintet_command.cli.failure import CommandFailed
from quintet_command.cli.terminal import Console, styled

if TYPE_CHECKING:
    from quintet_command.settings import CommandSettings

_console = Console()


def up(
    without_ui: Annotated[bool, typer.Option("--without-ui", help="Leave the page out.")] = False,
    without_registry: Annotated[
        bool, typer.Option("--without-registry", help="Leave the registry of models out.")
    ] = False,
) -> None:
    """Run services, page and registry of models in the foreground; Ctrl-C drains all."""
    # Imported here, as in all these modules: `--help` should not wait for libraries it never uses.
    from quintet_command.cli.gateway import not_ready, open_gateway
    from quintet_command.cli.prepare import ensure_prepared
    from quintet_command.programs import library_worker, programs_of, registry_of
    from quintet_command.settings import load_settings
    from quintet_command.supervisor import NOT_STARTED, PortInUse, check_ports, supervise

    settings = load_settings()
    programs = [p for p in programs_of(settings) if not (without_ui and p.name == "ui")]
    programs.append(library_worker())
    # If QUINTET_MLFLOW_URI is set, a registry runs elsewhere.
    own_registry = not (without_registry or settings.mlflow_uri)
    if own_registry:
        programs.append(registry_of(settings))
    try:
        check_ports(programs, settings.host)
    except PortInUse as fault:
        raise CommandFailed(str(fault)) from fault
    ensure_prepared(settings)
    gateway = open_gateway(settings.gateway_url, timeout=2.0, ca_file=settings.gateway_ca)
    has_page = any(program.name == "ui" for program in programs)
    environment = environment_of(settings)
    if own_registry:
        environment["QUINTET_MLFLOW_URI"] = settings.registry_uri
        (settings.home / "mlflow").mkdir(parents=True, exist_ok=True)

    def announce() -> bool:
        if not_ready(gateway):
            return False
        _print_addresses(settings, has_page=has_page, has_registry=own_registry)
        return True

    code = supervise(programs, environment, settings.home / "run", announce)
    if code:
        raise CommandFailed(NOT_STARTED)


def _print_addresses(settings: "CommandSettings", *, has_page: bool, has_registry: bool) -> None:
    _console.print(styled("ready", "bold green"), f"{settings.gateway_url}/docs", highlight=False)
    if has_page:
        page = host_port(settings.host, settings.ui_port)
        _console.print(styled("page ", "bold green"), f"http://{page}")
    if settings.players == "on":
        players = host_port(settings.host, settings.players_port)
        _console.print(styled("players", "bold green"), f"http://{players}", highlight=False)
    if has_registry:
        _console.print(styled("models", "bold green"), settings.registry_uri, highlight=False)


def environment_of(settings: "CommandSettings") -> dict[str, str]:
    """Collect the variables that all processes of an installation get."""
    environment = {"QUINTET_HOME": str(settings.home.resolve()), "PYTHONUNBUFFERED": "1"}
    if sys.stdout.isatty():
        # The services write to pipes, so they cannot see that a person reads their lines.
        forms = [
            f"QUINTET_{name}_LOG_FORM"
            for name in ("GATEWAY", "SEARCH", "PROFILE", "RANKER", "PLAYERS")
        ]
        environment |= {form: "console" for form in forms if form not in os.environ}
    return environment
