"""One whole installation for all tests here: real processes over the embedded catalogue."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

import grpc
import httpx
import pytest
from quintet_access import certificates
from quintet_access.clients import ClientFolder
from quintet_servicekit.tls import tls_of

from tests.known_secrets import known
from tests.ports import free_ports

READY_SECONDS = 60.0
SERVICES = ("search", "profile", "ranker", "gateway")


@dataclass(frozen=True)
class Stack:
    """A running installation and a client that may call it."""

    base: str
    client_id: str
    client_secret: str
    home: str
    ports: dict

    def credentials(self):
        """What the gateway shows to services: its certificate."""
        tls = tls_of("mutual", f"{self.home}/tls", "gateway")
        assert tls is not None
        return tls.channel_credentials()

    def channel(self, name):
        """A channel to a service with the gateway's certificate, but without its token."""
        return grpc.secure_channel(f"127.0.0.1:{self.ports[name]}", self.credentials())

    @property
    def api(self):
        return f"{self.base}/v1/"

    @property
    def token_url(self):
        return f"{self.base}/api/token"


@contextlib.contextmanager
def running(home, environment, log_folder):
    processes = []
    log_folder.mkdir(parents=True, exist_ok=True)
    try:
        for name in SERVICES:
            with (log_folder / f"{name}.log").open("wb") as log:
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", f"quintet_{name}"],
                        env={**os.environ, "QUINTET_HOME": str(home), **environment},
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_ready(base, processes, log_folder):
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        for name, process in zip(SERVICES, processes, strict=True):
            log = (log_folder / f"{name}.log").read_text(encoding="utf-8")
            assert process.poll() is None, f"{name} ended: {log[-2000:]}"
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{base}/readyz", timeout=2.0, trust_env=False).is_success:
                return
        time.sleep(0.1)  # between looks at another process's state
    raise AssertionError(f"not ready within {READY_SECONDS} s; see {log_folder}")


@pytest.fixture
def launched():
    """Starts all services on a home, without access tokens; gives address and processes."""

    @contextlib.contextmanager
    def launch(home, **changes):
        ports = dict(zip(SERVICES, free_ports(4), strict=True))
        environment = {f"QUINTET_{name.upper()}_PORT": str(port) for name, port in ports.items()}
        environment |= {"QUINTET_AUTH": "off", "QUINTET_HOST": "127.0.0.1"}
        environment |= {"QUINTET_GATEWAY_GRPC_PORT": "0", "QUINTET_GATEWAY_BUDGET_SECONDS": "20"}
        base = f"http://127.0.0.1:{ports['gateway']}"
        logs = home.with_name(f"logs-{ports['gateway']}")
        with running(home, {**environment, **changes}, logs) as processes:
            await_ready(base, processes, logs)
            yield base, processes

    return launch


@pytest.fixture(scope="session")
def stack(tmp_path_factory, embedded_home):
    """All services and the gateway, with tokens and mutual TLS, and one client."""
    home = tmp_path_factory.mktemp("compat") / "home"
    shutil.copytree(embedded_home, home)
    client, secret = ClientFolder(home / "access").create("compat")
    certificates.create(home / "tls", SERVICES, (), 2)
    ports = dict(zip(SERVICES, free_ports(4), strict=True))
    environment = {f"QUINTET_{name.upper()}_PORT": str(port) for name, port in ports.items()}
    environment |= {
        "QUINTET_AUTH": "on",
        "QUINTET_TLS": "mutual",
        "QUINTET_TLS_FOLDER": str(home / "tls"),
        "QUINTET_HOST": "127.0.0.1",
        "QUINTET_GATEWAY_GRPC_PORT": "0",
        "QUINTET_GATEWAY_RATE_LIMIT": "",
        "QUINTET_GATEWAY_TOKEN_RATE_LIMIT": "",
        "QUINTET_GATEWAY_BUDGET_SECONDS": "20",
    }
    base = f"http://127.0.0.1:{ports['gateway']}"
    with running(home, environment, home / "logs") as processes:
        await_ready(base, processes, home / "logs")
        yield Stack(base, client.client_id, known(secret), str(home), ports)


@pytest.fixture(scope="session")
def token(stack):
    answer = httpx.post(
        stack.token_url,
        data={"grant_type": "client_credentials"},
        auth=(stack.client_id, stack.client_secret),
        trust_env=False,
    )
    return known(answer.json()["access_token"])


@pytest.fixture(scope="session")
def http(stack, token):
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=stack.base, headers=headers, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def songs(http):
    """Ids of twenty popular tracks of the catalogue, by different artists."""
    page = http.get("/v1/search", params={"q": "genre:rock", "type": "track", "limit": 50}).json()
    by_artist = {item["artists"][0]["id"]: item["id"] for item in page["tracks"]["items"]}
    chosen = list(by_artist.values())[:20]
    assert len(chosen) >= 5
    return chosen
