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
from pathlib import Path

import httpx
import psutil
import pytest
from quintet_command.ports import free_ports
from quintet_gateway.settings import GatewaySettings

SECONDS = 1.0


@dataclass(frozen=True)
class Gateway:
    port: int
    pid: int
    log: Path

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    (port,) = free_ports(1)
    home = tmp_path_factory.mktemp("connections")
    log = home / "gateway.log"
    with log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "quintet_gateway"],
            env={**os.environ, "QUINTET_HOME": str(home), "QUINTET_GATEWAY_PORT": str(port),
                 "QUINTET_GATEWAY_GRPC_PORT": "0", "QUINTET_GATEWAY_CLIENT_SECONDS": str(SECONDS),
                 "QUINTET_GATEWAY_IDLE_SECONDS": "1", "QUINTET_GATEWAY_MAX_CONNECTIONS": "20",
                 "QUINTET_GATEWAY_MAX_IN_FLIGHT": "4"},
            stderr=lines,
        )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.05)  # between looks at another process
    yield Gateway(port, process.pid, log)
    process.terminate()
    process.wait(timeout=60)


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
    headers = httpx.get(f"{gateway.base}{path}", trust_env=False, timeout=60).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers.get_list("content-security-policy")[0].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
    assert "strict-transport-security" not in headers


def test_the_docs_page_names_each_of_its_scripts_in_its_policy(gateway):
    answer = httpx.get(f"{gateway.base}/docs", trust_env=False, timeout=60)
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


BODY = (
    b"POST /api/v1/recommendations HTTP/1.1\r\nhost: localhost\r\n"
    b"content-type: application/json\r\ncontent-length: 1000\r\n\r\n{"
)


def test_one_too_many_gets_an_error_of_ours_and_health_is_answered(gateway):
    slow = [gateway.connect() for _ in range(20)]
    try:
        for client in slow:
            client.sendall(BODY)
        answer = httpx.get(f"{gateway.base}/api/v1/model", trust_env=False)
        health = httpx.get(f"{gateway.base}/healthz", trust_env=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["details"][0]["reason"] == "OVERLOADED"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert health.status_code == 200
    finally:
        for client in slow:
            client.close()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nx-unfinished: "])
def test_idle_connections_are_closed_oldest_first_and_keep_no_one_out(gateway, sent):
    idle = [gateway.connect() for _ in range(60)]
    try:
        for client in idle:
            with contextlib.suppress(ConnectionError):
                client.sendall(sent)
        for path in ("/healthz", "/openapi.json"):
            assert httpx.get(f"{gateway.base}{path}", trust_env=False).status_code == 200
        # The oldest is closed long before its time is over.
        idle[0].settimeout(SECONDS / 2)
        assert closes(idle[0])
    finally:
        for client in idle:
            client.close()


CHUNKED = (
    b"POST /api/v1/recommendations HTTP/1.1\r\nhost: localhost\r\n"
    b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize(
    "before",
    [
        CHUNKED + b"2\r\n{}\r\n0\r\nx-trailer: ",
        CHUNKED + b"2;extension=",
        CHUNKED + b"2\r\n{}\r\n0;extension=",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-long: ",
        b"GET /",
        b"GET /healthz HTTP/1.1\r\n" + b"x-1: y\r\n" * 5000,
    ],
    ids=["trailer", "extension", "last extension", "header", "path", "headers"],
)
def test_what_is_not_body_is_bounded(gateway, before):
    sent = 0
    with gateway.connect() as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(before)
            while sent < 16 * 1024 * 1024:
                client.sendall(b"a" * 65_536)
                sent += 65_536
        assert closes(client)
    assert sent < 8 * 1024 * 1024  # the buffers of both sockets


def test_many_trailers_do_not_fill_memory(gateway):
    process = psutil.Process(gateway.pid)
    before = process.memory_info().rss
    for _ in range(8):
        with gateway.connect() as client, contextlib.suppress(ConnectionError):
            client.sendall(CHUNKED + b"2\r\n{}\r\n0\r\n")
            for number in range(500_000):
                client.sendall(b"x-%d: %s\r\n" % (number, b"a" * 1000))
    assert process.memory_info().rss - before < 32 * 1024 * 1024


def test_a_body_of_many_small_chunks_is_read(gateway):
    with gateway.connect() as client:
        client.sendall(CHUNKED + b"".join(b"1\r\n \r\n" for _ in range(30_000)))
        client.sendall(b"2\r\n{}\r\n0\r\n\r\n")
        answer = client.recv(65_536)
        while b"details" not in answer and (part := client.recv(65_536)):
            answer += part
    # It is read to its end, and then has no seeds.
    assert b"SEED_COUNT" in answer


def test_a_trailer_is_no_header(gateway):
    with gateway.connect() as client:
        client.sendall(CHUNKED + b"2\r\n{}\r\n0\r\nx-request-id: from-a-trailer\r\n\r\n")
        answer = client.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"from-a-trailer" not in answer


def test_slow_bodies_hold_no_place_of_requests(gateway):
    """The gateway of this test answers 4 requests at once."""
    slow = []
    try:
        for number in range(19):
            client = gateway.connect()
            path = b"/api/token" if number % 2 else b"/api/v1/recommendations"
            client.sendall(b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n"
                           b"\r\n" % path)  # fmt: skip
            slow.append(client)
        for _ in range(3):
            for client in slow:
                with contextlib.suppress(ConnectionError):
                    client.sendall(b"g")
            answer = httpx.get(f"{gateway.base}/openapi.json", trust_env=False, timeout=60)
            assert answer.status_code == 200
            form = {"grant_type": "client_credentials"}
            token = httpx.post(f"{gateway.base}/api/token", data=form, trust_env=False, timeout=60)
            assert token.status_code == 200
    finally:
        for client in slow:
            client.close()


def test_hanging_up_in_a_body_is_no_fault(gateway):
    for ending in (b"", b"{"):
        with gateway.connect() as client:
            client.sendall(BODY + ending)
    assert httpx.get(f"{gateway.base}/healthz", trust_env=False).status_code == 200
    log = gateway.log.read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert "unexpected fault" not in log


def test_a_long_path_makes_a_short_line(gateway):
    before = gateway.log.stat().st_size
    path = "/nothing/" + "a" * 60_000 + "%1b[31m"
    answer = httpx.get(f"{gateway.base}{path}", trust_env=False, timeout=60)
    assert answer.status_code == 404
    assert len(answer.content) < 1000
    assert httpx.get(f"{gateway.base}/healthz", trust_env=False).status_code == 200
    with gateway.log.open("rb") as log:
        log.seek(before)
        written = log.read()
    assert b"/nothing/" in written
    assert len(written) < 4000
    assert b"\x1b[31m" not in written


# Names of the gateway, and pages that call it, while authentication is off


def asked(gateway, method="GET", path="/api/v1/model", **headers):
    url = f"{gateway.base}{path}"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, url, headers=sent, trust_env=False, timeout=60)


FOREIGN = ["https://evil.example", "http://localhost.evil.example", "null", "http://0.0.0.0:8000",
           "file://", "http://10.0.0.1", "http://evil.example#localhost",
           "http://localhost@evil.example"]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/model"), ("POST", "/api/v1/recommendations"), ("POST", "/api/v1/feedback"),
     ("DELETE", "/api/v1/listeners/alice"), ("GET", "/api/v1/listeners/alice/export"),
     ("GET", "/v1/recommendations"), ("GET", "/metrics"), ("POST", "/api/token")],
)  # fmt: skip
def test_a_foreign_page_is_denied(gateway, origin, method, path):
    answer = asked(gateway, method, path, origin=origin)
    assert answer.status_code == 403, answer.text
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_page_gets_no_preflight(gateway, origin):
    answer = asked(gateway, "OPTIONS", "/api/v1/listeners/alice", origin=origin,
                   access_control_request_method="DELETE")  # fmt: skip
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example",
                                  "localhost.evil.example", "10.0.0.1", "[fe80::1]:8000",
                                  "0.0.0.0"])  # fmt: skip
def test_a_name_that_was_made_to_lead_here_is_denied(gateway, host):
    for method, path in (("GET", "/api/v1/model"), ("DELETE", "/api/v1/listeners/alice")):
        answer = asked(gateway, method, path, host=host, origin=f"http://{host}")
        assert answer.status_code == 403
        assert answer.json()["error"]["details"][0]["reason"] == "ORIGIN_DENIED"
    assert asked(gateway, host=host).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "127.9.9.9", "[::1]",
                                  "[::1]:8000", "app.localhost"])  # fmt: skip
def test_names_of_this_machine_are_answered(gateway, host):
    for origin in ("", f"http://{host}", "http://localhost:5173"):
        headers = {"origin": origin} if origin else {}
        answer = asked(gateway, path="/openapi.json", host=host, **headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers.get("access-control-allow-origin", "") == origin


def test_health_is_answered_by_any_name(gateway):
    assert asked(gateway, path="/healthz", host="10.1.2.3:8000").status_code == 200
