"""What every DAG keeps to."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.standard.operators.bash import BashOperator
from quintet_airflow import report_failure

FOLDER = Path(__file__).parents[1]
FILES = sorted(FOLDER.glob("*.py"))
WANTED = {
    "backup",
    "catalogue_refresh",
    "daily_mixes",
    "drift_watch",
    "housekeeping",
    "promote",
    "restore_drill",
    "ranker_retrain",
}


@pytest.fixture(scope="module")
def bag():
    return DagBag(str(FOLDER))


def tasks(bag):
    return [task for dag in bag.dags.values() for task in dag.tasks]


def test_every_file_is_a_dag_of_its_name(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == WANTED == {path.stem for path in FILES}


def test_every_dag_says_what_it_is_and_whose(bag):
    for dag in bag.dags.values():
        assert dag.doc_md.startswith(f"# {dag.dag_id}\n")
        assert dag.tags >= {"quintet"}
        assert len(dag.tags) > 1
        assert {task.owner for task in dag.tasks} == {"quintet"}


def test_every_dag_ends_and_never_overlaps_itself(bag):
    for dag in bag.dags.values():
        assert dag.catchup is False
        assert dag.max_active_runs == 1
        assert dag.dagrun_timeout >= timedelta(minutes=30)
        assert dag.on_failure_callback is report_failure


def test_every_task_runs_a_shell_command(bag):
    assert all(isinstance(task, BashOperator) for task in tasks(bag))


def test_every_task_is_tried_again_later_and_later_and_has_an_end(bag):
    for task in tasks(bag):
        assert task.retries >= 1
        assert task.retry_exponential_backoff > 1
        assert task.max_retry_delay > task.retry_delay
        assert task.execution_timeout <= task.dag.dagrun_timeout
        assert list(task.on_failure_callback) == [report_failure]


def test_no_dag_file_imports_another_or_the_product():
    names = {path.stem for path in FILES}
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            (node.module or "").split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
        } | {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert not imported & names
        assert {name for name in imported if name.startswith("quintet")} == {"quintet_airflow"}


def test_a_retraining_goes_from_feedback_to_the_gate(bag):
    order = [task.task_id for task in bag.dags["ranker_retrain"].topological_sort()]
    assert order == [
        *("export_feedback", "import_feedback", "train", "evaluate", "register", "gate"),
    ]
