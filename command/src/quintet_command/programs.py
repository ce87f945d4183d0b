"""The processes of an installation on one machine, with their ports and environments."""

import re
import sys
from importlib.util import find_spec

from quintet_settings import sqlite_url

from quintet_command.settings import CommandSettings
from quintet_command.supervisor import Program


def programs_of(settings: CommandSettings) -> list[Program]:
    """List the services, the gateway, and the page if its package is installed."""
    feedback = ((settings.gateway_grpc_port, "QUINTET_GATEWAY_GRPC_PORT"),)
    services = [
        Program(
            name,
            (sys.executable, "-m", f"quintet_{name}"),
            port,
            setting,
            more_ports=feedback if name == "gateway" else (),
        )
        for name, (port, setting) in _ports_of(settings).items()
    ]
    return [*services, *players_of(settings), *page_of(settings)]


def players_of(settings: CommandSettings) -> list[Program]:
    """Describe the service of music players, if it is on."""
    if settings.players == "off":
        return []
    players = (sys.executable, "-m", "quintet_players")
    return [Program("players", players, settings.players_port, "QUINTET_PLAYERS_PORT")]


def page_of(settings: CommandSettings) -> list[Program]:
    """Describe the page, if its package is installed."""
    # Only looked up: importing the page would load Streamlit into the supervisor.
    if find_spec("quintet_ui") is None:
        return []
    streamlit = (sys.executable, "-m", "quintet_ui")
    return [Program("ui", streamlit, settings.ui_port, "QUINTET_UI_PORT")]


def all_services(settings: CommandSettings) -> Program | None:
    """Describe the one process of all services and the library worker; None if not installed."""
    if find_spec("quintet_home") is None:
        return None
    ports = _ports_of(settings)
    first, setting = ports.pop("gateway")
    return Program(
        "services",
        (sys.executable, "-m", "quintet_home"),
        first,
        setting,
        more_ports=(
            (settings.gateway_grpc_port, "QUINTET_GATEWAY_GRPC_PORT"),
            *ports.values(),
        ),
    )


def _ports_of(settings: CommandSettings) -> dict[str, tuple[int, str]]:
    """Port and its setting by the service's name."""
    ports = {
        "search": settings.search_port,
        "profile": settings.profile_port,
        "ranker": settings.ranker_port,
        "memory": settings.memory_port,
        "gateway": settings.gateway_port,
    }
    return {name: (port, f"QUINTET_{name.upper()}_PORT") for name, port in ports.items()}


def library_worker() -> Program:
    """Describe the process that does what was asked for of sources over HTTP."""
    return Program("library", (sys.executable, "-m", "quintet_command", "library", "work"))


def registry_of(settings: CommandSettings) -> Program:
    """Describe the registry's server: MLflow in one process, on this machine only.

    It does not check access tokens, so other machines must not reach it. For several machines, run
    a registry of your own and set QUINTET_MLFLOW_URI.
    """
    folder = settings.home.resolve() / "mlflow"
    database = settings.mlflow_backend_url.get_secret_value()
    # SQLAlchemy's default driver for PostgreSQL is psycopg2, which is not installed.
    database = re.sub("^postgresql:", "postgresql+psycopg:", database)
    server = (sys.executable, "-m", "quintet_command.registry_server")
    return Program(
        "mlflow",
        (*server, "127.0.0.1", str(settings.mlflow_port)),
        settings.mlflow_port,
        "QUINTET_MLFLOW_PORT",
        host="127.0.0.1",
        # Not as arguments: every user of the machine can read a command line.
        environment={
            "MLFLOW_BACKEND_STORE_URI": database or sqlite_url(folder / "mlflow.db"),
            "MLFLOW_ARTIFACTS_DESTINATION": settings.mlflow_artifacts
            or (folder / "artifacts").as_uri(),
        },
    )
