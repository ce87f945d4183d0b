"""The gateway as a process: settings that it cannot use, a port in use, and a clean end."""

import contextlib
import signal
import socket

import httpx
import pytest
from quintet_command.ports import free_ports

from tests.fakes.programs import start_service


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUINTET_GATEWAY_PORT", "eighty"),
        ("QUINTET_GATEWAY_BUDGET_SECONDS", "-1"),
        ("QUINTET_AUTH", "maybe"),
        ("QUINTET_GATEWAY_RATE_LIMIT", "abc"),
        ("QUINTET_GATEWAY_TOKEN_RATE_LIMIT", "often"),
        ("QUINTET_GATEWAY_RATE_LIMIT_STORAGE", "nope://"),
    ],
)
def test_a_wrong_setting_of_the_gateway_is_one_line_and_exit_code_2(tmp_path, name, value):
    process = start_service("gateway", tmp_path, {name: value})
    _, text = process.communicate(timeout=60)
    assert process.returncode == 2
    assert text.count("\n") == 1
    assert name in text


def test_a_port_in_use_is_one_line_and_exit_code_2(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start_service("gateway", tmp_path, {"QUINTET_GATEWAY_PORT": port})
        _, text = process.communicate(timeout=60)
    assert process.returncode == 2
    assert text.count("\n") == 1
    assert "QUINTET_GATEWAY_PORT" in text
    assert port in text


def test_sigterm_ends_the_gateway_cleanly_and_a_request_on_its_way_is_answered(tmp_path):
    (port,) = free_ports(1)
    process = start_service("gateway", tmp_path, {"QUINTET_GATEWAY_PORT": str(port)})
    assert process.stderr is not None
    while "startup complete" not in (line := process.stderr.readline()):
        assert line, "the gateway ended before it served"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as open_before:
        # Connections are accepted in their order: once a later one is answered, this one was.
        url = f"http://127.0.0.1:{port}/healthz"
        assert httpx.get(url, timeout=60, trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        # A connection that was not accepted yet is reset when the listener closes.
        with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
            while True:
                socket.create_connection(("127.0.0.1", port), timeout=60).close()
        open_before.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: open_before.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    process.communicate(timeout=60)
    assert process.returncode == 0
