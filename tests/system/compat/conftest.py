"""One whole installation for all tests here: real processes over the embedded catalogue."""

import contextlib
import shutil
import sys
from dataclasses import dataclass

import grpc
import httpx
import pytest
from quintet_access import certificates
from quintet_access.clients import ClientFolder
from quintet_command.ports import free_ports
from quintet_servicekit.tls import tls_of

from tests.known_secrets import known
from tools.processes import Processes

READY_SECONDS = 300.0
SERVICES = ("search", "profile", "ranker", "memory", "gateway")


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
def running(home, environment, logs, base):
    """Runs all services on a home until they are ready; gives their processes."""
    with Processes(logs) as processes:
        for name in SERVICES:
            command = [sys.executable, "-m", f"quintet_{name}"]
            processes.start(name, command, {"QUINTET_HOME": str(home), **environment})
        processes.await_answer(f"{base}/readyz", READY_SECONDS)
        yield processes


@pytest.fixture
def launched():
    """Starts all services on a home, without access tokens; gives address and processes."""

    @contextlib.contextmanager
    def launch(home, **changes):
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        environment = {f"QUINTET_{name.upper()}_PORT": str(port) for name, port in ports.items()}
        environment |= {"QUINTET_AUTH": "off", "QUINTET_HOST": "127.0.0.1"}
        environment |= {"QUINTET_GATEWAY_GRPC_PORT": "0", "QUINTET_GATEWAY_BUDGET_SECONDS": "20"}
        base = f"http://127.0.0.1:{ports['gateway']}"
        logs = home.with_name(f"logs-{ports['gateway']}")
        with running(home, {**environment, **changes}, logs, base) as processes:
            yield base, processes

    return launch


@pytest.fixture(scope="session")
def stack(tmp_path_factory, embedded_home):
    """All services and the gateway, with tokens and mutual TLS, and one client."""
    home = tmp_path_factory.mktemp("compat") / "home"
    shutil.copytree(embedded_home, home)
    client, secret = ClientFolder(home / "access").create("compat")
    certificates.create(home / "tls", SERVICES, (), 2)
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
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
    with running(home, environment, home / "logs", base):
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
    with httpx.Client(base_url=stack.base, headers=headers, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def songs(http):
    """Ids of twenty popular tracks of the catalogue, by different artists."""
    page = http.get("/v1/search", params={"q": "genre:rock", "type": "track", "limit": 50}).json()
    by_artist = {item["artists"][0]["id"]: item["id"] for item in page["tracks"]["items"]}
    chosen = list(by_artist.values())[:20]
    assert len(chosen) >= 5
    return chosen
