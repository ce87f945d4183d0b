"""A gateway with authentication: who a caller is behind proxies, and what failures cost."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quintet_access.clients import ClientFolder
from quintet_access.tokens import Scope
from quintet_command.ports import free_ports
from quintet_gateway.app.bodies import Bodies
from quintet_gateway.proxies import TrustedProxies, address_key, networks_of
from quintet_gateway.settings import GatewaySettings
from starlette.responses import JSONResponse

from tests.slow import slow

LIMIT = 5


@dataclass(frozen=True)
class Gateway:
    base: str
    log: Path
    client_id: str
    secret: str

    def token(self, **headers):
        form = {"grant_type": "client_credentials", "client_id": self.client_id,
                "client_secret": self.secret}  # fmt: skip
        return self.post(form, headers)

    def guess(self, forwarded):
        form = {"grant_type": "client_credentials", "client_id": "0" * 32, "client_secret": "x"}
        return self.post(form, {"x-forwarded-for": forwarded}).status_code

    def post(self, form, headers):
        return httpx.post(f"{self.base}/api/token", data=form, headers=headers, trust_env=False,
                          timeout=60)  # fmt: skip

    def get(self, path, **headers):
        return httpx.get(f"{self.base}{path}", headers=headers, trust_env=False, timeout=60)


@contextlib.contextmanager
def running(home, host="127.0.0.1", **settings):
    (port,) = free_ports(1)
    client, secret = ClientFolder(home / "access").create("page", (Scope.READ,))
    log = home / "gateway.log"
    environment = {"QUINTET_HOME": str(home), "QUINTET_HOST": host, "QUINTET_AUTH": "on",
                   "QUINTET_GATEWAY_PORT": str(port), "QUINTET_GATEWAY_GRPC_PORT": "0",
                   "QUINTET_GATEWAY_TOKEN_RATE_LIMIT": f"{LIMIT}/hour"}  # fmt: skip
    more = {f"QUINTET_GATEWAY_{name.upper()}": value for name, value in settings.items()}
    with log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "quintet_gateway"],
            env={**os.environ, **environment, **more},
            stderr=lines,
        )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((host, port)):
                break
            time.sleep(0.05)  # between looks at another process
        shown = f"[{host}]" if ":" in host else host
        yield Gateway(f"http://{shown}:{port}", log, client.client_id, secret)
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_forwarded_addresses_pass_no_limit(tmp_path):
    with running(tmp_path) as gateway:
        codes = [gateway.guess(f"203.0.113.{n}") for n in range(40)]
    assert codes == [400] * LIMIT + [429] * (40 - LIMIT)


def test_behind_a_trusted_proxy_each_client_has_its_own_limit(tmp_path):
    with running(tmp_path, trust_proxy="true") as gateway:
        # The proxy appends what it sees; what stands before it is the client's own text.
        spoofed = [gateway.guess(f"198.51.100.{n}, 203.0.113.7") for n in range(40)]
        other = gateway.guess("203.0.113.8")
        # One subscriber's addresses count together.
        subscriber = [gateway.guess(f"2001:db8::{n + 1:x}") for n in range(10)]
    assert spoofed == [400] * LIMIT + [429] * (40 - LIMIT)
    assert other == 400
    assert subscriber == [400] * LIMIT + [429] * (10 - LIMIT)


@slow("starts gateways")
def test_a_proxy_that_is_not_listed_is_a_client(tmp_path):
    with running(tmp_path, trust_proxy="true", trusted_proxies="10.0.0.0/8") as gateway:
        codes = [gateway.guess(f"203.0.113.{n}") for n in range(40)]
    assert codes == [400] * LIMIT + [429] * (40 - LIMIT)


def test_slow_bodies_are_counted_before_they_are_read(tmp_path):
    with running(tmp_path) as gateway:
        port = int(gateway.base.rpartition(":")[2])
        slow = []
        for _ in range(66):
            client = socket.create_connection(("127.0.0.1", port), timeout=60)
            client.sendall(b"POST /api/token HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\ng")
            slow.append(client)
        try:
            # The limit of the address is used up without one body; other requests are answered.
            assert gateway.token().status_code == 429
            assert gateway.get("/openapi.json").status_code == 200
            assert gateway.get("/api/v1/model").status_code == 401
            slow[-1].settimeout(5)
            assert slow[-1].recv(65_536).startswith(b"HTTP/1.1 429")
        finally:
            for client in slow:
                client.close()


def test_failures_are_limited_and_valid_tokens_are_not(tmp_path):
    with running(tmp_path, failure_rate_limit="20/hour") as gateway:
        token = {"authorization": f"Bearer {gateway.token().json()['access_token']}"}
        codes = [gateway.get("/api/v1/tracks/x").status_code for _ in range(15)]
        codes += [gateway.get("/nothing").status_code for _ in range(5)]
        assert codes == [401] * 15 + [404] * 5
        for path in ("/api/v1/tracks/x", "/nothing", "/v1/me"):
            for _ in range(30):
                assert gateway.get(path).status_code == 429
        assert b'"status": 429' not in gateway.log.read_bytes()
        assert gateway.get("/healthz").status_code == 200
        # No service runs here: the caller was admitted.
        assert gateway.get("/api/v1/tracks/x", **token).status_code == 503


@slow("starts gateways")
def test_any_page_may_call_with_a_token_unless_the_setting_names_some(tmp_path):
    page = {"origin": "https://app.example", "host": "music.example"}
    with running(tmp_path) as gateway:
        answer = gateway.get("/api/v1/model", **page)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, "*")
    (tmp_path / "other").mkdir()
    with running(tmp_path / "other", allowed_origins="https://app.example") as gateway:
        allowed = gateway.get("/api/v1/model", **page).headers
        assert allowed["access-control-allow-origin"] == "https://app.example"
        other = gateway.get("/api/v1/model", origin="https://evil.example")
        assert "access-control-allow-origin" not in other.headers


@slow("starts gateways")
@pytest.mark.parametrize("host", ["::1", "::"])
def test_the_gateway_listens_on_ipv6(tmp_path, host):
    with running(tmp_path, host, metrics_port="0") as gateway:
        assert gateway.get("/healthz").status_code == 200
        assert gateway.token().status_code == 200


def test_services_are_reached_where_they_listen(tmp_path):
    for host, near in (("::1", "[::1]"), ("[::1]", "[::1]"), ("::", "[::1]"),
                       ("0.0.0.0", "127.0.0.1"),
                       ("", "127.0.0.1"), ("gateway", "gateway")):  # fmt: skip
        settings = GatewaySettings(home=tmp_path, host=host, search_address="")
        assert settings.addresses()["search"] == f"{near}:50051"


# The rules themselves


def test_the_caller_is_the_last_address_that_no_trusted_proxy_has():
    proxies = TrustedProxies(networks_of("10.0.0.0/8, 192.0.2.1, 2001:db8::/32"))
    cases = [
        ("203.0.113.9", ["1.1.1.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.7, 10.9.9.9"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7:4711, 192.0.2.1"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db9::1]:80"], "2001:db9::1"),
        ("10.0.0.1", ["203.0.113.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, "], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("2001:db8::5", ["203.0.113.7"], "203.0.113.7"),
    ]
    for peer, forwarded, caller in cases:
        assert proxies.caller(peer, forwarded) == caller, (peer, forwarded)


@given(st.lists(st.text(max_size=60), max_size=5), st.ip_addresses())
def test_no_header_changes_the_caller_of_an_untrusted_connection(headers, peer):
    assert TrustedProxies(()).caller(str(peer), headers) == str(peer)


@given(st.lists(st.text(max_size=60), max_size=5), st.ip_addresses(v=4))
def test_what_a_client_sends_never_outlives_the_proxys_own_entry(lies, client):
    proxies = TrustedProxies(networks_of("127.0.0.1"))
    if not proxies.trusts(str(client)):
        assert proxies.caller("127.0.0.1", [*lies, str(client)]) == str(client)


@given(st.text(max_size=60))
def test_any_text_has_a_key(text):
    assert isinstance(address_key(text), str)


async def test_the_oldest_slow_body_is_given_up_for_a_new_one():
    async def app(scope, receive, send):
        message = await receive()
        await JSONResponse({"bytes": len(message["body"])})(scope, receive, send)

    def render(_path, error):
        return JSONResponse({"reason": error.reason}, 400)

    bodies = Bodies(app, 1000, render, most=4, most_per_address=2)
    never = asyncio.Event()
    outcomes: list[tuple[str, int]] = []

    async def ask(address, whole=False):
        async def receive():
            if not whole:
                await never.wait()
            return {"type": "http.request", "body": b"12", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.start":
                outcomes.append((address, message["status"]))

        scope = {"type": "http", "path": "/", "headers": [(b"content-length", b"2")],
                 "quintet.address": address}  # fmt: skip
        await bodies(scope, receive, send)

    slow = []
    for address in ("a", "a", "b", "c"):
        slow.append(asyncio.create_task(ask(address)))
        await asyncio.sleep(0)
    await asyncio.wait_for(ask("a", whole=True), 5)
    await asyncio.wait_for(slow[0], 60)
    assert outcomes == [("a", 200), ("a", 400)]
    await asyncio.wait_for(ask("d", whole=True), 5)
    assert outcomes[2:] == [("d", 200)]
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
