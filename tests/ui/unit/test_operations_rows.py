"""Drift and the last runs, as the second page tells of them."""

from typing import Any

import pytest
from quintet_client import models
from quintet_gateway.schemas.operations import DagRuns, DriftFacts
from quintet_ui.operator.operations import drift_rows, run_rows
from quintet_ui.operator.text import NOTHING
from quintet_ui.translations import translations_for

EN, KO = translations_for("en"), translations_for("ko")
DRIFT = {
    "time": "2026-01-31T12:00:00Z", "model": "m1", "baseline": 7500, "recent": 2000,
    "enough": True, "drifted": ["genres"],
    "quantities": {"score": {"psi": 0.04, "ks": 0.0712}, "genres": {"psi": 0.3141, "ks": None}},
    "features": {"popularity": {"psi": 0.12, "ks": 0.1}},
}  # fmt: skip
RUNS: list[dict[str, Any]] = [
    {
        "run_id": "manual__1+1", "state": "success", "start": "2026-01-31T12:00:00Z",
        "end": "2026-01-31T12:01:00Z", "link": "http://airflow:8080/dags/promote/runs/manual__1",
    },
    {"run_id": "r2", "state": "queued", "start": None, "end": None, "link": "http://airflow/r2"},
]  # fmt: skip
DAGS = [{"dag_id": "promote", "runs": RUNS}, {"dag_id": "housekeeping", "runs": []}]


def read(dags):
    """Writes DAGs as the gateway does and reads them as the client does."""
    written = [DagRuns.model_validate(each).model_dump(mode="json") for each in dags]
    return [models.DagRuns.model_validate(each) for each in written]


def drift(texts):
    facts = DriftFacts.model_validate(DRIFT).model_dump(mode="json")
    return drift_rows(models.Drift.model_validate(facts), texts)


def runs(texts=EN, airflow=""):
    return run_rows(read(DAGS), texts, airflow)


def test_quantities_come_before_the_features_that_moved_most():
    assert [list(row.values()) for row in drift(EN)] == [
        ["Scores", "0.040", "0.071"],
        ["Mix of genres", "0.314", NOTHING],
        ["`popularity`", "0.120", "0.100"],
    ]


@pytest.mark.parametrize("texts", [EN, KO], ids=["en", "ko"])
def test_rows_are_told_in_each_language(texts):
    assert drift(texts)[1][texts("operator.quantity")] == texts("operator.moved.genres")
    assert runs(texts)[0][texts("operator.run_state")] == texts("operator.run.success")


def test_a_run_is_told_with_its_times_and_its_link():
    assert list(runs()[0].values()) == [
        "`promote`", "done", "2026-01-31 12:00 UTC", "2026-01-31 12:01 UTC",
        "[Open](http://airflow:8080/dags/promote/runs/manual__1)",
    ]  # fmt: skip


def test_a_run_that_waits_has_no_times_and_a_dag_without_runs_no_row():
    first, *others = runs()[1:]
    assert first[EN("operator.begun")] == first[EN("operator.finished")] == NOTHING
    assert others == []


def test_links_go_where_browsers_reach_airflow_if_that_is_configured():
    told = runs(airflow="https://airflow.test/base/")[0][EN("operator.run_link")]
    assert told == "[Open](https://airflow.test/base/dags/promote/runs/manual__1%2B1)"


def test_a_state_without_a_word_is_told_as_it_is():
    dags = [{"dag_id": "promote", "runs": [{**RUNS[0], "state": "skipped"}]}]
    assert run_rows(read(dags), EN)[0][EN("operator.run_state")] == "`skipped`"
