"""The `airflow` of the image: it passes exit codes on, and stops while Airflow is imported."""

import os
import signal
import subprocess
import time

import psutil
import pytest

from tests.needs import AIRFLOW, needs
from tests.root import ROOT
from tests.slow import slow

PYTHON = ROOT / ".airflow-venv" / "bin" / "python"
COMMAND = ROOT / "deploy" / "airflow" / "command.py"

pytestmark = needs(AIRFLOW, PYTHON.exists())


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


@pytest.mark.timeout(200)
@slow("makes a database")
def test_a_triggerer_whose_child_ends_first_does_not_wait_for_it(environment):
    python = {**environment, "PATH": os.environ["PATH"]}
    migrate = [str(PYTHON), str(COMMAND), "db", "migrate"]
    subprocess.run(migrate, env=python, check=True, capture_output=True, timeout=120)
    command = [str(PYTHON), str(COMMAND), "triggerer", "--skip-serve-logs"]
    # What came too late did so in every second or third try.
    for _ in range(5):
        process = subprocess.Popen(
            command, env=python, stdout=subprocess.DEVNULL, start_new_session=True
        )
        seen = psutil.Process(process.pid)
        until = time.monotonic() + 60
        while not seen.children() and time.monotonic() < until:
            time.sleep(0.05)  # between looks at another process's state
        assert seen.children()
        # Parent and child hear it, as by `tini -g`.
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(timeout=8) == 0
