"""The gateway asks a real Airflow for its last runs."""

import asyncio
import json
import os
import subprocess
import time

import httpx
import pytest
from pydantic import SecretStr
from quintet_command.ports import free_ports
from quintet_gateway.adapters.airflow import DAGS, Airflow

from tests.known_secrets import known
from tests.needs import AIRFLOW, skip
from tests.root import ROOT
from tests.slow import slow
from tools.rehearsal.scheduler import airflow_environment

COMMAND = ROOT / ".airflow-venv" / "bin" / "airflow"
PASSWORD = known("open-sesame")
READY_SECONDS = 240.0

pytestmark = [pytest.mark.timeout(600), slow("starts Airflow's API")]


@pytest.fixture
def url(tmp_path):
    """A real api-server that knows our DAGs and one run."""
    if not COMMAND.exists():
        skip(AIRFLOW)
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({"admin": PASSWORD}))
    environment = {
        **os.environ,
        **airflow_environment(tmp_path / "airflow", ROOT / "dags"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "QUINTET_HOME": str(tmp_path / "home"),
        "QUINTET_COMMAND": "/bin/true",
    }
    (port,) = free_ports(1)
    for words in (("db", "migrate"), ("dags", "reserialize"), ("dags", "test", "housekeeping")):
        subprocess.run(
            [COMMAND, *words], env=environment, check=True, timeout=240, capture_output=True
        )
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [COMMAND, "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        await_answer(f"{address}/api/v2/version", server)
        yield address
    finally:
        server.terminate()
        server.wait(60)


def await_answer(address, server):
    deadline = time.monotonic() + READY_SECONDS
    while True:
        assert server.poll() is None
        assert time.monotonic() < deadline
        try:
            if httpx.get(address, trust_env=False, timeout=60).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)


async def runs_of(url, password):
    """Asks until Airflow answers: its first answers may be slower than we wait."""
    deadline = time.monotonic() + 60
    while True:
        airflow = Airflow(url, "admin", SecretStr(password))
        state, dags = await airflow.last_runs()
        await airflow.close()
        if state != "away" or time.monotonic() > deadline:
            return state, {each.dag_id: each.runs for each in dags}


def test_runs_and_links_come_from_a_real_airflow(url):
    state, runs = asyncio.run(runs_of(url, PASSWORD))
    assert state == "on"
    assert list(runs) == list(DAGS)
    (run,) = runs["housekeeping"]
    assert run.state == "success"
    assert run.start < run.end
    assert httpx.get(run.link, trust_env=False, timeout=60).status_code == 200
    assert asyncio.run(runs_of(url, "wrong")) == ("refused", {})
