"""Runs DAGs over Airflow's REST API, inside the API server's container.

`run DAG…` asks for a run of each, one after the other, and waits until it succeeded. `start DAG`
asks for one, waits until a task of it runs and prints the run's name, for which `wait DAG RUN`
waits. A run of catalogue_refresh gets a file of one new track.
"""

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

API = "http://127.0.0.1:8080"
DAGS = "/api/v2/dags"
SOURCES = Path("/opt/airflow/dags")
PASSWORDS = Path("/run/quintet-secrets/airflow/passwords.json")
CATALOGUE = Path("/var/lib/quintet/try-stack.csv")
TRACK = {
    "track_id": "7tryStackTrackOfOneRun",
    "name": "Brought In",
    "artists": "Somebody",
    "album": "Somewhere",
    "genre": "rock",
    "popularity": 50,
    "duration_ms": 200000,
    "explicit": "false",
    "danceability": 0.5,
    "energy": 0.6,
    "key": 5,
    "loudness": -7.0,
    "mode": 1,
    "speechiness": 0.05,
    "acousticness": 0.1,
    "instrumentalness": 0.0,
    "liveness": 0.1,
    "valence": 0.5,
    "tempo": 120.0,
    "time_signature": 4,
}
RUN_SECONDS = 900
DAGS_SECONDS = 200


def ask(method: str, path: str, body: object = None, token: str = "") -> Any:
    """Return what Airflow answers, within 30 seconds."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, method=method, data=data)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    # The address begins with API, a constant by HTTP.
    with urllib.request.urlopen(request, timeout=30) as answer:  # nosec B310
        return json.load(answer)


def signed_in() -> str:
    """Return an access token of the one user."""
    password = json.loads(PASSWORDS.read_text(encoding="utf-8"))["admin"]
    answer = ask("POST", "/auth/token", {"username": "admin", "password": password})
    return str(answer["access_token"])


def wait_for_dags(token: str) -> None:
    """Wait until the DAG processor has read all files: each has the DAG of its name."""
    wanted = {path.stem for path in SOURCES.glob("*.py")}
    until = time.monotonic() + DAGS_SECONDS
    missing = wanted
    while time.monotonic() < until:
        missing = wanted - {dag["dag_id"] for dag in ask("GET", DAGS, token=token)["dags"]}
        if not missing:
            print("DAGs:", ", ".join(sorted(wanted)))
            return
        time.sleep(1)
    raise SystemExit(f"error: no {', '.join(sorted(missing))} after {DAGS_SECONDS} s")


def start(token: str, dag: str) -> str:
    """Asks for a run and returns its name."""
    configuration: dict[str, object] = {}
    if dag == "catalogue_refresh":
        rows = (",".join(map(str, row)) for row in (TRACK.keys(), TRACK.values()))
        CATALOGUE.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        configuration = {"files": [str(CATALOGUE)]}
    ask("PATCH", f"{DAGS}/{dag}", {"is_paused": False}, token)
    # No date: two runs of one moment would be refused.
    asked = {"logical_date": None, "conf": configuration}
    return str(ask("POST", f"{DAGS}/{dag}/dagRuns", asked, token)["dag_run_id"])


def tasks(token: str, dag: str, run: str) -> dict[str, str]:
    """Return the state of each task of a run."""
    found = ask("GET", f"{DAGS}/{dag}/dagRuns/{run}/taskInstances", token=token)["task_instances"]
    return {task["task_id"]: str(task["state"]) for task in found}


def wait_for_task(token: str, dag: str, run: str) -> None:
    """Wait until one of a run's tasks runs, and print the run's name."""
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until:
        running = [name for name, state in tasks(token, dag, run).items() if state == "running"]
        if running:
            print(running[0], "runs", file=sys.stderr)
            print(run)
            return
        time.sleep(0.2)
    raise SystemExit(f"error: no task of {run} runs after {RUN_SECONDS} s")


def wait(token: str, dag: str, run: str) -> None:
    """Wait until a run is over.

    Raises:
        SystemExit: It did not succeed.
    """
    started = time.monotonic()
    state = "queued"
    while state in ("queued", "running") and time.monotonic() - started < RUN_SECONDS:
        time.sleep(1)
        state = ask("GET", f"{DAGS}/{dag}/dagRuns/{run}", token=token)["state"]
    states = ", ".join(f"{name} {state}" for name, state in tasks(token, dag, run).items())
    print(f"{dag}: {state} after {time.monotonic() - started:.0f} s; {states}")
    if state != "success":
        raise SystemExit(1)


def main() -> None:
    """Do what the first argument says."""
    token = signed_in()
    wanted, dag = sys.argv[1:3]
    if wanted == "run":
        wait_for_dags(token)
        for dag in sys.argv[2:]:
            wait(token, dag, start(token, dag))
    elif wanted == "start":
        wait_for_task(token, dag, start(token, dag))
    else:
        wait(token, dag, sys.argv[3])


if __name__ == "__main__":
    main()
