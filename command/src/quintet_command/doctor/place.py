"""Where the doctor runs: in a container of Compose, and whether its client is known; or not."""

import os
from pathlib import Path
from typing import Final

from quintet_access.clients import ClientFolder

from quintet_command.doctor.findings import Finding, well, wrong
from quintet_command.settings import CommandSettings

IMAGE_FILE: Final = Path("/app/health.py")
"""A file of every image of deploy/Dockerfile, and of nothing else."""

SECRETS: Final = Path("/run/quintet-secrets")
"""Folders of secrets that Compose mounts; `setup` writes a `client.env` into some."""
_CLIENT: Final = "command"


def image() -> str:
    """Name the image that this process runs in, such as "command"; empty outside of containers."""
    return os.environ.get("SERVICE", "") if IMAGE_FILE.exists() else ""


def start() -> str:
    """Name the command that starts the services here."""
    if image() == "home":
        return "docker compose -f deploy/home.compose.yml up -d"
    return "docker compose up -d" if image() else "quintet up"


def place(_settings: CommandSettings) -> Finding:
    """Report whether this is a container, and which parts Compose starts."""
    if not image():
        return well("place", "this machine, without a container")
    said = f"in a container of the image {image()}"
    # Compose passes the variable on; `docker run` and `--profile` do not set it.
    parts = os.environ.get("COMPOSE_PROFILES", "")
    return well("place", f"{said}; Compose runs {parts}" if parts else said)


def client(settings: CommandSettings) -> list[Finding]:
    """Check in a container of Compose that the gateway knows the client that `setup` created.

    A restore replaces the clients of the gateway, and `setup` then gives all of them new secrets.
    So the command's client stands for those of page and players, whose secrets are elsewhere.
    """
    if not image() or not os.environ.get("COMPOSE_PROFILES"):
        return []
    values = _exported(SECRETS / _CLIENT / "client.env")
    name = "clients"
    remedy = "docker compose up -d --force-recreate setup ui players"
    if not values:
        said = "the secret of the command's client is lost; page and players may lack theirs too"
        return [wrong(name, said, remedy)]
    folder = ClientFolder(settings.home / "access")
    known = folder.authenticate(values.get("CLIENT_ID", ""), values.get("CLIENT_SECRET", ""))
    if known is None:
        said = "the gateway does not know the clients of this host, for example after a restore"
        return [wrong(name, said, remedy)]
    return [well(name, f"the gateway knows {known.name}")]


def _exported(path: Path) -> dict[str, str]:
    """Read the lines `export NAME=VALUE` of a file; none if it is missing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.removeprefix("export ").partition("=") for line in lines)
    return {name: value for name, _, value in pairs if value}
