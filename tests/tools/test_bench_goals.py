"""What `make bench` makes of its figures: goals, rows and the comparison with the naive version."""

from typing import Any

import pytest

from tools.bench.serving.goals import against_naive, goals_of, rows_of
from tools.bench.serving.report import text_of

TIMES = {"p50": 10.0, "p95": 12.0, "p99": 20.0, "p99.9": 30.0}


def row(**changed: Any) -> dict[str, Any]:
    return {
        "half": TIMES, "half_rate": 40.0, "saturation_rps": 80.0, "codes": {"200": 9},
        "cpu_ms": {"gateway": 2.0, "ranker": 8.0}, **changed,
    }  # fmt: skip


def measured(**changed: Any) -> dict[str, Any]:
    floor = dict.fromkeys(
        ("A", "B", "engine", "search", "predict", "own_search", "own_predict", "shares"), 5.0
    )
    return row(
        floor=floor | {"candidates": 2000},
        start_s=3.0, cold={"first": 120.0, "median": 60.0}, cold_disk=True,
        memory_mib={"ranker": {"rss": 1024.0, "pss": 9.0, "anonymous": 9.0}},
        stages_ms={"retrieve": 2.0}, half_cpu_ms={"ranker": 10.0}, generator_cpu_share=0.1,
        rates={}, swap={"p99_during": 22.0, "p99_before": 20.0}, overload={"share": 0.95},
        without_reasons=row(), long={"p50_50": 10.0, "p50_500": 25.0, "ratio": 2.5}, **changed,
    )  # fmt: skip


@pytest.fixture
def found() -> dict[str, Any]:
    naive = row(half=TIMES | {"p50": 11.0}, start_s=4.0, memory_mib={"naive": {"rss": 400.0}})
    return {
        "machine": {"cpu": "x", "cores": 2, "load_before": [0.1], "python": "3.11", "commit": "c"},
        "source": "s", "caches": "c", "judged": "trained",
        "sizes": {"114000": {"trained": measured()}, "1200000": {"trained": measured()}},
        "rivals": {"114000": {"naive": naive}, "1200000": {"naive": naive}},
    }  # fmt: skip


def verdicts(found: dict[str, Any]) -> dict[str, bool | None]:
    return {goal.name: goal.met for goal in goals_of(found)}


def test_every_goal_is_judged_where_all_is_measured(found):
    assert set(verdicts(found).values()) == {True}
    lines = [goal.line() for goal in goals_of(found)]
    assert lines[0] == (
        "ratio p50 at half of saturation / floor: 2.00, goal ≤ 2.5  met; beyond it ≤ 2  reached"
    )
    assert any("goal ≥ 0.45  met; beyond it ≥ 0.6  not reached" in line for line in lines)


def test_a_goal_is_missed_by_its_worst_row(found):
    found["sizes"]["1200000"]["trained"]["without_reasons"]["half"] = TIMES | {"p50": 12.0}
    met = verdicts(found)
    assert met.pop("p50 / p50 of the naive version, worst row") is False
    assert set(met.values()) == {True}


def test_nothing_is_judged_that_was_not_measured(found):
    del found["rivals"]["1200000"], found["sizes"]["114000"]["trained"]["swap"]
    met = verdicts(found)
    assert {name for name, verdict in met.items() if verdict is None} == {
        "p50 / p50 of the naive version, worst row",
        "lists a second / those of the naive version, worst row",
        "p99 while a model is swapped / p99 before",
    }


def test_each_row_stands_beside_the_naive_version_of_its_size(found):
    rows = list(rows_of(found))
    assert [(size, what) for size, what, _ in rows] == [
        (114_000, "trained"), (1_200_000, "trained"),
        (114_000, "trained, no reasons"), (1_200_000, "trained, no reasons"),
    ]  # fmt: skip
    slower, more = against_naive(found, *rows[0][::2])
    assert (slower, more) == (10 / 11, 1.0)
    text = text_of(found, goals_of(found))
    assert "retrieve 2.00 (20%)" in text
    assert sum("trained, no reasons" in line for line in text.splitlines()) == 4
