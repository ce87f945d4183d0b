"""The DAGs `backup` and `restore_drill` run in a real Airflow, on a real home."""

import json
import os
import subprocess
import sys

import pytest

from tests.needs import AIRFLOW, skip
from tests.root import ROOT
from tests.slow import slow
from tools.rehearsal.scheduler import airflow_environment

COMMAND = ROOT / ".airflow-venv" / "bin" / "airflow"
pytestmark = [pytest.mark.timeout(3600), slow("runs two DAGs")]


def test_the_drill_restores_a_backup_of_a_prepared_home_and_compares_200_lists(tmp_path):
    if not COMMAND.exists():
        skip(AIRFLOW)
    own = {name: text for name, text in os.environ.items() if not name.startswith("QUINTET_")}
    environment = {
        **own,
        **airflow_environment(tmp_path / "airflow", ROOT / "dags"),
        "QUINTET_HOME": str(tmp_path / "home"),
        "QUINTET_COMMAND": str(ROOT / ".venv" / "bin" / "quintet"),
    }

    def run(*command):
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=1500, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    run(sys.executable, "-m", "quintet_command", "prepare")
    run(COMMAND, "db", "migrate")
    run(COMMAND, "dags", "reserialize")
    folder = tmp_path / "backups"
    parameters = json.dumps({"folder": str(folder)})
    assert "state=success" in run(COMMAND, "dags", "test", "backup", "--conf", parameters)
    (first,) = folder.iterdir()
    said = run(COMMAND, "dags", "test", "restore_drill", "--conf", parameters)
    assert "200 of 200 lists" in said
    # It created one more and kept the first.
    assert len(list(folder.iterdir())) == 2
    assert first.exists()
