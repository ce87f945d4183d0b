"""Airflow as processes and as an HTTP API."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tools.processes import Processes
from tools.rehearsal.failure import RehearsalFailed

USER = "rehearsal"


def airflow_environment(folder: Path, dags: Path) -> dict[str, str]:
    """Return the settings that each Airflow of tests and rehearsals has.

    Args:
        folder: Where Airflow keeps its files.
        dags: The folder of the DAGs.
    """
    return {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


class Airflow:
    """A separate Airflow: database, secrets and ports of one rehearsal.

    Args:
        binary: The `airflow` command.
        dags: The folder of DAG files.
        folder: Where its state goes.
        port: Of the API server.
        environment: What tasks need besides.
    """

    def __init__(
        self, binary: Path, dags: Path, folder: Path, port: int, environment: Mapping[str, str]
    ) -> None:
        self._binary, self._port, self._folder = str(binary), port, folder
        self._password = secrets.token_urlsafe(16)
        self.address = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.address, timeout=20, trust_env=False)
        passwords = folder / "passwords.json"
        self._environment = {
            **environment,
            **airflow_environment(folder, dags),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            # Every process proves itself to the others with this one secret.
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__API__BASE_URL": self.address,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.address}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "PYTHONUNBUFFERED": "1",
        }
        folder.mkdir(parents=True)
        passwords.write_text(json.dumps({USER: self._password}), encoding="utf-8")
        passwords.chmod(0o600)

    def start(self, processes: Processes) -> None:
        """Make the database and start all four processes."""
        run = [self._binary]
        processes.run("airflow-migrate", [*run, "db", "migrate"], self._environment, 300)
        api = ["api-server", "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        for name, arguments in {
            "airflow-api-server": api,
            # The API server reads logs from the same disk; nobody else asks for them.
            "airflow-scheduler": ["scheduler", "--skip-serve-logs"],
            "airflow-dag-processor": ["dag-processor"],
            "airflow-triggerer": ["triggerer", "--skip-serve-logs"],
        }.items():
            processes.start(name, [*run, *arguments], self._environment)

    def not_ready(self) -> list[str]:
        """Return what of Airflow does not answer yet."""
        try:
            parts = self._client.get("/api/v2/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return ["api-server"]
        wanted = ("scheduler", "dag_processor", "triggerer")
        return [name for name in wanted if parts.get(name, {}).get("status") != "healthy"]

    def log_in(self) -> None:
        """Take a token for all later calls."""
        body = {"username": USER, "password": self._password}
        token = self._called("POST", "/auth/token", json=body)["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def dags(self) -> set[str]:
        """Return the DAGs that were parsed."""
        return {dag["dag_id"] for dag in self._called("GET", "/api/v2/dags")["dags"]}

    def unpause(self, dag: str) -> None:
        """Lets a DAG's runs start."""
        self._called("PATCH", f"/api/v2/dags/{dag}", json={"is_paused": False})

    def trigger(self, dag: str, parameters: Mapping[str, Any]) -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "conf": dict(parameters)}
        return str(self._called("POST", f"/api/v2/dags/{dag}/dagRuns", json=body)["dag_run_id"])

    def runs(self, dag: str) -> list[str]:
        """Return the ids of a DAG's runs."""
        runs = self._called("GET", f"/api/v2/dags/{dag}/dagRuns")["dag_runs"]
        return [str(run["dag_run_id"]) for run in runs]

    def follow(
        self, dag: str, run: str, seconds: float, report: Callable[[int, int, str], None]
    ) -> list[str]:
        """Wait until a run has succeeded; return its tasks as `name state seconds`.

        Args:
            dag: The DAG.
            run: The run.
            seconds: How long it may take.
            report: Receives the number of finished tasks, of all tasks, and the running ones.

        Raises:
            RehearsalFailed: It failed, or took longer.
        """
        deadline = time.monotonic() + seconds
        path = f"/api/v2/dags/{dag}/dagRuns/{run}"
        while True:
            tasks = self._called("GET", f"{path}/taskInstances")["task_instances"]
            states = {task["task_id"]: task["state"] for task in tasks}
            running = [name for name, state in states.items() if state in ("queued", "running")]
            done = sum(state in ("success", "skipped") for state in states.values())
            report(done, len(states), f"{dag}: {', '.join(running) or 'waiting'}")
            state = self._called("GET", path)["state"]
            if state == "success":
                tasks.sort(key=lambda task: task["start_date"] or "")
                return [f"{t['task_id']} {t['state']} {t['duration'] or 0:.1f} s" for t in tasks]
            if state == "failed" or time.monotonic() > deadline:
                failed = [n for n, s in states.items() if s in ("failed", "upstream_failed")]
                raise RehearsalFailed(
                    f"{dag} is {state}; tasks: {', '.join(failed) or states}; "
                    f"logs in {self._folder / 'logs'}"
                )
            time.sleep(0.5)

    def _called(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **arguments)
            answer.raise_for_status()
        except httpx.HTTPStatusError as fault:
            text = " ".join(fault.response.text.split())[:300]
            raise RehearsalFailed(
                f"Airflow answered {fault.response.status_code}: {text}"
            ) from None
        except httpx.HTTPError as fault:
            raise RehearsalFailed(f"Airflow does not answer: {fault}") from fault
        return dict(answer.json())
