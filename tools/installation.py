"""A whole installation as real processes, with tokens and mutual TLS, for long runs."""

import contextlib
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from quintet_access import certificates
from quintet_access.clients import ClientFolder
from quintet_access.tokens import Scope
from quintet_command.cli.prepare import ensure_prepared
from quintet_command.settings import CommandSettings

from tests.ports import free_ports

SERVICES = ("search", "profile", "ranker", "gateway")
_READY_SECONDS = 240.0


@dataclass(frozen=True)
class Installation:
    """Processes by name, their ports, and how to call the gateway."""

    home: Path
    ports: Mapping[str, int]
    processes: Mapping[str, "subprocess.Popen[bytes]"]
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

    def dead(self) -> dict[str, int]:
        """Returns the exit codes of processes that have ended."""
        ended = {name: process.poll() for name, process in self.processes.items()}
        return {name: code for name, code in ended.items() if code is not None}

    def lines(self, name: str) -> list[str]:
        log = self.home / "logs" / f"{name}.log"
        return log.read_text(encoding="utf-8", errors="replace").splitlines()


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
        ports = dict(zip((*SERVICES, "grpc"), free_ports(5), strict=True))
        processes: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name in SERVICES:
                processes[name] = _start(name, home, ports, settings)
            running = Installation(home, ports, processes, client.client_id, secret)
            _await_ready(running)
            yield running
        finally:
            _stop(processes)


def _start(
    name: str, home: Path, ports: Mapping[str, int], settings: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    environment = {f"QUINTET_{each.upper()}_PORT": str(ports[each]) for each in SERVICES}
    environment |= {
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
    folder = home / "logs"
    folder.mkdir(exist_ok=True)
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"quintet_{name}"],
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _await_ready(running: Installation) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if ended := running.dead():
            raise RuntimeError(f"ended at once: {ended}; {running.lines(next(iter(ended)))[-3:]}")
        with contextlib.suppress(httpx.HTTPError):
            options = {"verify": running.trusted, "trust_env": False, "timeout": 5}
            if httpx.get(f"{running.base}/readyz", **options).is_success:  # type: ignore[arg-type]
                return
        time.sleep(0.2)  # polling interval for another process
    raise RuntimeError(f"not ready within {_READY_SECONDS:.0f} s")


def _stop(processes: Mapping[str, "subprocess.Popen[bytes]"]) -> None:
    for process in processes.values():
        process.terminate()
    for process in processes.values():
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
