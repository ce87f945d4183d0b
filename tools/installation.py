"""A whole installation as real processes, with tokens and mutual TLS, for long runs."""

import contextlib
import ssl
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from quintet_access import certificates
from quintet_access.clients import ClientFolder
from quintet_access.tokens import Scope
from quintet_command.cli.prepare import ensure_prepared
from quintet_command.ports import free_ports
from quintet_command.settings import CommandSettings

from tools.processes import Processes

SERVICES = ("search", "profile", "ranker", "memory", "gateway")
_READY_SECONDS = 240.0


@dataclass(frozen=True)
class Installation:
    """Processes by name, their ports, and how to call the gateway."""

    home: Path
    ports: Mapping[str, int]
    processes: Processes
    client_id: str
    client_secret: str

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.ports['gateway']}"

    @property
    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.home / "tls" / "authority" / "ca.crt")

    def token(self) -> str:
        answer = httpx.post(
            f"{self.base}/api/token",
            data={"grant_type": "client_credentials"},
            auth=(self.client_id, self.client_secret),
            verify=self.trusted,
            trust_env=False,
            timeout=30,
        )
        return str(answer.raise_for_status().json()["access_token"])

    def lines(self, name: str) -> list[str]:
        return self.processes.text(name).splitlines()


@contextlib.contextmanager
def installed(**settings: str) -> Iterator[Installation]:
    """Start everything on free ports in a separate folder, and stop and remove it.

    Args:
        settings: Variables of all processes.
    """
    with tempfile.TemporaryDirectory(prefix="quintet-hardening-") as folder:
        home = Path(folder)
        ensure_prepared(CommandSettings(home=home))
        client, secret = ClientFolder(home / "access").create("hardening", tuple(Scope))
        certificates.create(home / "tls", SERVICES, (), 2)
        ports = dict(zip((*SERVICES, "grpc"), free_ports(len(SERVICES) + 1), strict=True))
        with Processes(home / "logs") as processes:
            for name in SERVICES:
                command = [sys.executable, "-m", f"quintet_{name}"]
                processes.start(name, command, _environment(home, ports, settings))
            running = Installation(home, ports, processes, client.client_id, secret)
            processes.await_answer(f"{running.base}/readyz", _READY_SECONDS, running.trusted)
            yield running


def _environment(
    home: Path, ports: Mapping[str, int], settings: Mapping[str, str]
) -> dict[str, str]:
    services = {f"QUINTET_{each.upper()}_PORT": str(ports[each]) for each in SERVICES}
    return services | {
        "QUINTET_HOME": str(home),
        "QUINTET_AUTH": "on",
        "QUINTET_TLS": "mutual",
        "QUINTET_TLS_FOLDER": str(home / "tls"),
        "QUINTET_GATEWAY_HTTPS_FOLDER": str(home / "tls"),
        "QUINTET_GATEWAY_GRPC_PORT": str(ports["grpc"]),
        # What is measured is the work, not the refusal to do it; and it is many, not one, who call.
        "QUINTET_GATEWAY_RATE_LIMIT": "",
        "QUINTET_GATEWAY_TOKEN_RATE_LIMIT": "",
        "QUINTET_MLFLOW_URI": "",
        **settings,
    }
