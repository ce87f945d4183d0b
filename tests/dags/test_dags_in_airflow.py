"""Runs the tests of the DAGs in the environment of the DAGs, and, if asked to, the real thing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from quintet_command.ports import free_ports

from tests.needs import AIRFLOW as ENVIRONMENT
from tests.needs import skip
from tests.root import ROOT
from tests.slow import slow
from tools.rehearsal.scheduler import airflow_environment

AIRFLOW = ROOT / ".airflow-venv" / "bin"


@pytest.fixture
def airflow() -> Path:
    if not (AIRFLOW / "airflow").exists():
        skip(ENVIRONMENT)
    return AIRFLOW


@pytest.mark.timeout(900)
def test_dags_load_and_run(airflow, tmp_path):
    environment = {
        **os.environ,
        **airflow_environment(tmp_path / "airflow", ROOT / "dags"),
        "QUINTET_HOME": str(tmp_path / "home"),
        "QUINTET_COMMAND": str(Path(sys.executable).with_name("quintet")),
        # Nobody answers there; the registry's client is not to wait for long.
        "QUINTET_MLFLOW_URI": f"http://127.0.0.1:{free_ports(1)[0]}",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    for command in (
        [airflow / "airflow", "db", "migrate"],
        [airflow / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", ROOT / "dags/tests"],
    ):
        done = subprocess.run(
            [str(word) for word in command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.timeout(1800)
@slow("runs the whole loop")
def test_the_whole_loop_runs_by_itself(airflow):
    done = subprocess.run(
        [sys.executable, "-m", "tools.rehearsal", "--airflow", str(airflow / "airflow")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "lists hold more of what listeners like" in done.stdout
