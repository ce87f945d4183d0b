"""Airflow's tasks on a worker of their own: CeleryExecutor, Redis, PostgreSQL, all of them real."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator

import psycopg
import pytest
from quintet_command.ports import free_ports

from tests.known_secrets import known
from tests.needs import AIRFLOW, REDIS, skip
from tests.root import ROOT
from tests.slow import slow
from tools.processes import Processes
from tools.rehearsal.scheduler import airflow_environment

COMMAND = ROOT / ".airflow-venv" / "bin" / "airflow"
RUN_SECONDS = 400.0

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.timeout(900),
    slow("starts Airflow with a worker"),
]


@pytest.fixture
def processes(tmp_path) -> Iterator[Processes]:
    if not COMMAND.exists():
        skip(AIRFLOW)
    if shutil.which("redis-server") is None:
        skip(REDIS)
    with Processes(tmp_path) as found:
        yield found


@pytest.fixture
def environment(tmp_path, postgresql, processes) -> dict[str, str]:
    """Settings as deploy/celery.yml makes them, on servers of this test."""
    database = postgresql.new_database()
    redis, api = free_ports(2)
    processes.start(
        "redis",
        ["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", ""],
        dict(os.environ),
    )
    plain = database.removeprefix("postgresql")
    return {
        **os.environ,
        "PATH": f"{COMMAND.parent}:{os.environ['PATH']}",
        **airflow_environment(tmp_path / "airflow", ROOT / "dags"),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{api}",
        "AIRFLOW__API__PORT": str(api),
        "AIRFLOW__API__SECRET_KEY": known(secrets.token_urlsafe(32)),
        "AIRFLOW__API_AUTH__JWT_SECRET": known(secrets.token_urlsafe(48)),
        "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{redis}/0",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2{plain}",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{api}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2{plain}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg{plain}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "2",
        "C_FORCE_ROOT": "true",
        "QUINTET_COMMAND": "/bin/true",
        "QUINTET_HOME": str(tmp_path / "home"),
        "DATABASE": database,
    }


def test_a_run_goes_through_a_worker_of_its_own(environment, processes):
    def airflow(*words: str) -> None:
        subprocess.run(
            [COMMAND, *words], env=environment, check=True, timeout=300, capture_output=True
        )

    airflow("db", "migrate")
    airflow("dags", "reserialize")
    for name, words in {
        "api": ["api-server", "--host", "127.0.0.1", "--workers", "1"],
        "worker": ["celery", "worker", "--concurrency", "2", "--skip-serve-logs"],
        "scheduler": ["scheduler", "--skip-serve-logs"],
    }.items():
        processes.start(name, [str(COMMAND), *words], environment)
    airflow("dags", "trigger", "housekeeping", "--run-id", "by-celery")
    deadline = time.monotonic() + RUN_SECONDS
    asked = "SELECT state FROM dag_run WHERE run_id = 'by-celery'"
    with psycopg.connect(environment["DATABASE"], autocommit=True) as connection:
        state = ""
        while state not in ("success", "failed"):
            processes.check()
            assert time.monotonic() < deadline, f"the run is still {state}"
            time.sleep(1)
            found = connection.execute(asked).fetchone()
            state = "" if found is None else found[0]
        told = "SELECT task_id, state FROM task_instance WHERE run_id = 'by-celery'"
        tasks: dict[str, str] = dict(connection.execute(told).fetchall())
        handed = connection.execute("SELECT status FROM celery_taskmeta").fetchall()
    assert state == "success", tasks
    assert set(tasks.values()) == {"success"}
    assert len(handed) >= len(tasks)  # each is a message that the worker answered
    assert "execute_workload" in processes.text("worker")
