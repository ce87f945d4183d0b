"""DAGs run for real, by `dag.test()`, with the product's commands in a separate home."""

import csv
import json
import os
import subprocess
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

FOLDER = Path(__file__).parents[1]
HOME = Path(os.environ["QUINTET_HOME"])
ATTRIBUTES = (
    *("danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness"),
    *("instrumentalness", "liveness", "valence", "tempo", "duration_ms", "popularity"),
)


@pytest.fixture(scope="module")
def bag():
    return DagBag(str(FOLDER))


def run(bag, name, **parameters):
    """Run a DAG in this process and returns its state and those of its tasks."""
    dag = bag.dags[name]
    for task in dag.tasks:
        task.retries = 0  # a fault that stays would be waited for
    outcome = dag.test(run_conf=parameters)
    states = {one.task_id: str(one.state) for one in outcome.get_task_instances()}
    return str(outcome.state), states


def write_tracks(path, count=160):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("track_id", "title", "artist", "genre", *ATTRIBUTES))
        for row in range(count):
            share = row / count
            audio = (share, 1 - share, row % 12, -20 * share, row % 2, 0.1, share, 0, 0.1, share)
            values = (*audio, 80 + row % 90, 180_000 + row, row % 100)
            genre = "rock" if row % 2 else "jazz"
            writer.writerow((f"t{row:021d}", f"Song {row}", f"Artist {row // 4}", genre, *values))


def quintet(*arguments):
    done = subprocess.run(
        [os.environ["QUINTET_COMMAND"], *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_catalogue_is_refreshed_from_the_incoming_folder(bag):
    assert run(bag, "catalogue_refresh")[1]["import_tracks"] == "skipped"
    write_tracks(HOME / "incoming" / "tracks.csv")
    state, tasks = run(bag, "catalogue_refresh")
    assert (state, set(tasks.values())) == ("success", {"success"})
    first = quintet("catalog", "info", "--json")
    # Once more changes nothing.
    assert run(bag, "catalogue_refresh")[0] == "success"
    assert quintet("catalog", "info", "--json") == first


def test_without_drift_nothing_is_started(bag):
    state, tasks = run(bag, "drift_watch")
    assert (state, tasks) == ("success", {"look_for_drift": "skipped"})


def test_housekeeping_runs_and_may_be_repeated(bag):
    for _ in range(2):
        state, tasks = run(bag, "housekeeping")
        assert (state, set(tasks.values())) == ("success", {"success"})


def test_a_retraining_without_playlists_fails_and_leaves_a_structured_line(bag):
    state, tasks = run(bag, "ranker_retrain", trials=0, threads=1)
    assert state == "failed"
    assert tasks["export_feedback"] == "success"
    assert tasks["import_feedback"] == "skipped"
    assert tasks["train"] == "failed"
    assert tasks["gate"] == "upstream_failed"
    lines = (HOME / "logs" / "airflow-failures.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert {"dag": "ranker_retrain", "task": "train"}.items() <= found[0].items()
    assert found[0]["event"] == "task failed"


def test_what_is_not_registered_is_not_promoted(bag):
    state, tasks = run(bag, "promote", model="nobody")
    assert (state, tasks) == (
        "failed",
        {"gate": "failed", "make_champion": "upstream_failed"},
    )


def test_a_backup_is_created_and_a_drill_finds_the_same_lists(bag, tmp_path):
    quintet("prepare")
    for name in ("backup", "restore_drill"):
        state, tasks = run(bag, name, folder=str(tmp_path), keep=1, lists=20)
        assert (state, set(tasks.values())) == ("success", {"success"})
        assert len(list(tmp_path.glob("quintet-*.tar.zst"))) == 1
    assert not list(HOME.glob(".restore-*"))


def test_daily_mixes_of_nobody_are_no_failure(bag):
    state, tasks = run(bag, "daily_mixes")
    assert (state, tasks) == ("success", {"make_and_push_mixes": "success"})
