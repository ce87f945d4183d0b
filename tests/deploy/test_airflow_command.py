"""The `airflow` of the image: it passes exit codes on, and stops while Airflow is imported."""

import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".airflow-venv" / "bin" / "python"
COMMAND = ROOT / "deploy" / "airflow" / "command.py"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="Airflow has an environment of its own: make airflow-install"
)


@pytest.fixture
def environment(tmp_path):
    return {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PATH": ""}


@pytest.mark.parametrize(("arguments", "code"), [(["version"], 0), (["no-such-command"], 2)])
def test_it_is_airflow_with_its_exit_code(environment, arguments, code):
    done = subprocess.run(
        [str(PYTHON), str(COMMAND), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert ("3." in done.stdout) == (code == 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_while_airflow_is_imported(environment, number):
    command = [str(PYTHON), "-X", "importtime", str(COMMAND), "scheduler"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        # Half-way: parts of Airflow are imported, but not the one that the command needs.
        assert any("airflow." in line for line in process.stderr)
        process.send_signal(number)
        told = process.stderr.read()
    assert process.returncode == 0, told[-2000:]
    assert "scheduler_job_runner" not in told
