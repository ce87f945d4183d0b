"""The rehearsal of faults: a few of them always, all of them where QUINTET_SLOW=1."""

import subprocess
import sys
from typing import Any

import pytest

from tests.root import ROOT
from tests.slow import slow
from tools.chaos.report import BEGIN, END, Row, goals, put_into, table


def rehearse(*arguments: str, seconds: float) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tools.chaos.rehearse", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@slow("takes up to ten minutes")
@pytest.mark.timeout(900)
def test_a_ranker_and_a_gateway_killed_under_load_cost_nothing():
    shown = rehearse("--plain", "--only", "kill -9 ranker,kill -9 gateway", seconds=880)
    assert "| kill -9 gateway-2 |" in shown


@slow("takes up to ten minutes")
@pytest.mark.timeout(2400)
def test_no_fault_loses_an_event_doubles_one_or_makes_an_answer_wrong(tmp_path):
    rehearse("--report", str(tmp_path / "chaos.md"), seconds=2380)


def test_each_goal_is_missed_by_what_breaks_it():
    whole: dict[str, Any] = {
        "sent": 100,
        "answered": 100,
        "events": 100,
        "accepted": 100,
        "stored": 100,
    }
    assert all(ok for _, ok, _ in goals([Row("fine", **whole, one_replica=True)]))
    broken: list[dict[str, Any]] = [
        {"stored": 99},
        {"doubled": 1},
        {"wrong": 1},
        {"answered": 99, "failed": 1},
        {"recovery": 5.1},
    ]
    for number, change in enumerate(broken):
        reached = [ok for _, ok, _ in goals([Row("bad", **whole | change, one_replica=True)])]
        assert reached == [place != number for place in range(len(broken))]


def test_what_cannot_be_tried_is_told_with_its_reason():
    rows = [Row("loss", skipped="no iptables")]
    assert "| loss | not tried: no iptables |" in table(rows)


def test_the_table_replaces_the_one_of_the_page_and_nothing_else():
    page = f"before\n{BEGIN}\n| old |\n{END}\nafter\n"
    assert put_into(page, "| new |\n") == f"before\n{BEGIN}\n\n| new |\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="chaos: end"):
        put_into(page.replace(END, ""), "| new |")


def test_the_page_has_a_place_for_the_table():
    page = (ROOT / "docs" / "resilience.md").read_text(encoding="utf-8")
    assert "| 99.9 % answered while one replica dies" in page.split(BEGIN)[1].split(END)[0]
