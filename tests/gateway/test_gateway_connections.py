"""The gateway's connections: headers for browsers, clients that dawdle, heads without an end."""

import base64
import contextlib
import hashlib
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

import httpx
import pytest
from quintet_gateway.settings import GatewaySettings

SECONDS = 1.0


@dataclass(frozen=True)
class Gateway:
    port: int

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    home = tmp_path_factory.mktemp("connections")
    process = subprocess.Popen(
        [sys.executable, "-m", "quintet_gateway"],
        env={**os.environ, "QUINTET_HOME": str(home), "QUINTET_GATEWAY_PORT": str(port),
             "QUINTET_GATEWAY_GRPC_PORT": "0", "QUINTET_GATEWAY_CLIENT_SECONDS": str(SECONDS),
             "QUINTET_GATEWAY_IDLE_SECONDS": "1", "QUINTET_GATEWAY_MAX_CONNECTIONS": "20"},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.05)  # between looks at another process
    yield Gateway(port)
    process.terminate()
    process.wait(timeout=20)


def closes(client) -> bool:
    """Whether the other side closes before the socket's own time is over."""
    with contextlib.suppress(ConnectionError):
        while client.recv(65_536):
            pass
    return True


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/nothing", "/api/v1/search", "/v1/me", "/docs", "/openapi.json"],
)
def test_every_answer_has_the_headers(gateway, path):
    headers = httpx.get(f"{gateway.base}{path}", trust_env=False, timeout=20).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers.get_list("content-security-policy")[0].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "strict-transport-security" not in headers


def test_the_docs_page_names_each_of_its_scripts_in_its_policy(gateway):
    answer = httpx.get(f"{gateway.base}/docs", trust_env=False, timeout=20)
    policy = answer.headers["content-security-policy"]
    inline = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    assert inline
    for script in inline:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_what_is_not_http_gets_an_error_of_ours(gateway):
    with gateway.connect() as client:
        client.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        answer = client.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"REQUEST_MALFORMED" in answer
    assert b"x-content-type-options: nosniff" in answer


def test_a_client_that_never_finishes_its_head_is_let_go(gateway):
    with gateway.connect() as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n")
        assert closes(client)


def test_a_client_that_says_nothing_is_let_go(gateway):
    with gateway.connect() as client:
        assert closes(client)


def test_a_client_that_never_finishes_its_body_is_let_go(gateway):
    with gateway.connect() as client:
        client.sendall(
            b"POST /api/v1/recommendations HTTP/1.1\r\nhost: x\r\n"
            b"content-type: application/json\r\n"
            b'content-length: 1000\r\n\r\n{"seeds'
        )
        assert closes(client)


def test_an_idle_connection_is_kept_for_a_next_request_and_then_let_go(gateway):
    asked = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    with gateway.connect() as client:
        for _ in range(2):
            client.sendall(asked)
            answer = b""
            while not answer.endswith(b"}"):
                part = client.recv(65_536)
                assert part
                answer += part
            assert answer.startswith(b"HTTP/1.1 200")
        assert closes(client)


def test_proxies_give_an_idle_connection_up_before_the_gateway_does(monkeypatch):
    monkeypatch.delenv("QUINTET_GATEWAY_IDLE_SECONDS", raising=False)
    # What nginx and the load balancers of clouds keep it.
    assert GatewaySettings().idle_seconds > 60


def test_blank_lines_do_not_keep_a_connection(gateway):
    with gateway.connect() as client:
        until = time.monotonic() + 5 * SECONDS
        closed = False
        while not closed and time.monotonic() < until:
            try:
                client.sendall(b"\r\n")
                client.settimeout(0.1)
                closed = client.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
    assert closed


def test_a_head_without_an_end_is_refused_before_it_fills_memory(gateway):
    sent = 0
    with gateway.connect() as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nx-endless: ")
        with contextlib.suppress(ConnectionError):
            while sent < 64 * 1024 * 1024:
                client.sendall(b"a" * 65_536)
                sent += 65_536
    assert sent < 32 * 1024 * 1024


def test_slow_clients_do_not_keep_others_out(gateway):
    slow = [gateway.connect() for _ in range(19)]
    try:
        for client in slow:
            client.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert all(closes(client) for client in slow)
        assert httpx.get(f"{gateway.base}/healthz", trust_env=False).status_code == 200
    finally:
        for client in slow:
            client.close()


def test_one_too_many_gets_an_error_of_ours(gateway):
    slow = [gateway.connect() for _ in range(20)]
    try:
        answer = httpx.get(f"{gateway.base}/healthz", trust_env=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["details"][0]["reason"] == "OVERLOADED"
        assert answer.headers["x-content-type-options"] == "nosniff"
    finally:
        for client in slow:
            client.close()
