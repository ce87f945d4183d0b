"""The gateway as a process: killed, and started with settings that it cannot use."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys

import httpx

from tests.fakes.feedback import (
    EVENTS,
    SPOOLED,
    STORED,
    event,
    running,
    sqlite_url,
    start,
)


async def test_what_was_answered_survives_kill_9_at_once(tmp_path, database_url):
    home = tmp_path / "home"
    async with running(home, database_url) as gateway:
        given_id = await gateway.recommend("ann")
    process, address = start(home, database_url)
    stored = True
    try:
        for number in range(10):
            body = event(given_id, number)
            response = httpx.post(address, json=body, timeout=60, trust_env=False)
            stored = stored and response.json() == STORED
            assert response.json() in (STORED, SPOOLED)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    if not stored:
        # A database that was slow for a moment: the next start stores what was spooled.
        async with running(home, database_url) as gateway, asyncio.timeout(60):
            while len(gateway.rows(EVENTS)) < 10:
                await asyncio.sleep(0.05)
    assert {row["event_id"] for row in gateway.rows(EVENTS)} == {f"e{n}" for n in range(10)}


async def test_a_kill_in_the_middle_loses_nothing_that_was_answered(tmp_path):
    home, url = tmp_path / "home", sqlite_url(tmp_path)
    async with running(home, url) as gateway:
        given_id = await gateway.recommend()
    process, address = start(home, url)
    answered: set[str] = set()

    async def send(client: httpx.AsyncClient, number: int) -> None:
        body = event(given_id, number)
        with contextlib.suppress(httpx.HTTPError):
            if (await client.post(address, json=body)).is_success:
                answered.add(body["event_id"])
                if len(answered) == 20:
                    os.kill(process.pid, signal.SIGKILL)

    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        await asyncio.gather(*(send(client, number) for number in range(60)))
    process.communicate(timeout=60)
    assert len(answered) >= 20
    assert answered <= {row["event_id"] for row in gateway.rows(EVENTS)}


def test_a_key_that_is_too_short_is_one_line_and_exit_code_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "quintet_gateway"],
        env={**os.environ, "QUINTET_HOME": str(tmp_path), "QUINTET_LISTENER_KEY": "secretish"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "QUINTET_LISTENER_KEY" in done.stderr
    assert "secretish" not in done.stderr


def test_a_grpc_port_in_use_is_one_line_and_exit_code_2(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "quintet_gateway"],
            env={**os.environ, "QUINTET_HOME": str(tmp_path), "QUINTET_GATEWAY_GRPC_PORT": port,
                 "QUINTET_GATEWAY_PORT": "0"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [
        f"error: 127.0.0.1:{port} cannot be bound; it may be in use. "
        "Choose another port with QUINTET_GATEWAY_GRPC_PORT."
    ]
