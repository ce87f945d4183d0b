"""The page for the operator, over the real services."""

import re
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import streamlit as st
from quintet_client.models import OperatorOverview
from quintet_gateway.schemas.operator import OVERVIEW_EXAMPLE, OverviewResponse
from quintet_training.drift import DriftReport, Shift, keep
from quintet_ui import operator
from quintet_ui.faults import Fault, GatewayFault
from quintet_ui.operator.models import difference_rows
from quintet_ui.operator.state import quality_rows
from quintet_ui.translations import translations_for
from streamlit.testing.v1 import AppTest

from tests.ui.patience import WAIT_SECONDS

EN, KO = translations_for("en"), translations_for("ko")


def script():
    from quintet_ui import operator, session

    session.begin()
    operator.operator_page()


@pytest.fixture
def open_operator_page(monkeypatch, installation):
    """Runs the page with settings."""

    def run(**settings):
        monkeypatch.setenv("QUINTET_GATEWAY_URL", installation.gateway)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        st.cache_resource.clear()
        app = AppTest.from_function(script, default_timeout=WAIT_SECONDS)
        app.run()
        assert not app.exception
        return app

    yield run
    st.cache_resource.clear()


def facts(app, number):
    rows = app.table[number].value.values.tolist()
    return {name: value.replace("`", "") for name, value in rows}


def shown(app):
    """The HTML of states and events."""
    return " ".join(element.proto.body for element in app.get("html"))


def headers(app):
    return [header.value for header in app.header]


def overview(gateway, until):
    """Reads the report until something is in it: much is written in the background."""
    with httpx.Client(base_url=gateway, trust_env=False, timeout=WAIT_SECONDS) as client:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = client.get("/api/v1/operator/overview").json()
            if until(found):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.5)


def test_states_versions_traffic_feedback_and_events_are_shown(
    open_operator_page, installation, songs
):
    body = {"seeds": songs, "limit": 20}
    with httpx.Client(
        base_url=installation.gateway, trust_env=False, timeout=WAIT_SECONDS
    ) as client:
        made = client.post("/api/v1/recommendations", json=body).json()
        like = {
            "event_id": uuid4().hex,
            "recommendation_id": made["recommendation_id"],
            "track_id": made["tracks"][0]["track"]["id"],
            "kind": "like",
        }
        assert client.post("/api/v1/feedback", json=like).json()["accepted"] == 1
    overview(
        installation.gateway,
        lambda found: (
            found["insights"]["lists"]
            and any(m["approved"] for m in found["insights"]["models"])
            and found["traffic"]["routes"]
        ),
    )
    app = open_operator_page()
    assert "Gateway" in shown(app)
    assert shown(app).count("✓") >= 5
    assert EN("operator.happened.gateway_started") in shown(app)
    served = facts(app, 0)
    assert re.match(r"\w+-[0-9a-f]+ \(", served["Model"])
    assert served["Catalogue"].startswith("cat-")
    metrics = {metric.label: metric.value for metric in app.metric}
    assert int(metrics["Requests"].replace(",", "")) >= 1
    assert metrics["Median"].endswith("ms")
    # No evaluation is registered here, and counts of training are no quality.
    assert [info.value for info in app.info] == [EN("operator.quality_none")]
    assert "training_groups" not in str([table.value for table in app.table])
    tables = [table.value for table in app.table]
    received = next(table for table in tables if EN("operator.approved") in table.columns)
    assert received.iloc[0][EN("operator.model")] == f"`{made['versions']['model']}`"
    assert received.iloc[0][EN("operator.approved")] != "0.0 %"
    artists = next(table for table in tables if EN("operator.share") in table.columns)
    assert 1 <= len(artists) <= 10
    assert not app.warning
    app.segmented_control(key="operator_view").set_value("list").run()
    app.text_input(key="list_id").set_value(made["recommendation_id"]).run()
    assert not app.exception
    assert facts(app, 0)[EN("operator.surface")] == "/api/v1/recommendations"
    songs_shown = app.dataframe[0].value
    assert len(songs_shown) == 20
    assert songs_shown.iloc[0][EN("operator.reactions")] == EN("operator.event.like")
    reasons = made["tracks"][0]["reasons"]["sentence"]
    assert songs_shown.iloc[0][EN("operator.why")] == reasons
    app.text_input(key="list_id").set_value("nothing").run()
    assert [warning.value for warning in app.warning] == [EN("operator.list_unknown")]
    app.segmented_control(key="operator_view").set_value("models").run()
    assert not app.exception
    assert [info.value for info in app.info] == [EN("operator.registry.off")]


def test_a_service_that_is_down_is_named_by_word_and_mark(open_operator_page, installation):
    installation.kill("profile")
    try:
        app = open_operator_page()
        down = re.search(r'class="op-bad"><b>(.+?)</b>.*?</span> (.+?)</span>', shown(app))
        assert down
        assert down.groups() == ("Profile", "unreachable")
        assert "✕" in shown(app)
        assert facts(app, 0)["Tracks"]
    finally:
        installation.start("profile")
        installation.await_answer(f"{installation.gateway}/readyz")


def test_links_to_tools_are_there_only_where_they_are_configured(open_operator_page):
    assert EN("operator.links") not in [header.value for header in open_operator_page().header]
    app = open_operator_page(QUINTET_UI_MLFLOW_URL="http://mlflow.test:5000")
    assert EN("operator.links") in [header.value for header in app.header]
    assert app.get("link_button")[0].proto.url == "http://mlflow.test:5000"
    assert len(app.get("link_button")) == 1


def test_what_drifted_is_shown_where_the_command_left_a_report(open_operator_page, installation):
    home = Path(installation.environment["QUINTET_HOME"])
    assert EN("operator.drift") not in [header.value for header in open_operator_page().header]
    shifts = (Shift("score", 0.02, 0.1), Shift("genres", 0.31, None))
    keep(DriftReport("m1", 7500, 2000, True, shifts, (), ("genres",)), home)
    try:
        app = open_operator_page()
    finally:
        (home / "drift.json").unlink()
    assert EN("operator.drift") in [header.value for header in app.header]
    moved = next(t.value for t in app.table if EN("operator.psi") in t.value.columns)
    assert moved[EN("operator.psi")].tolist() == ["0.020", "0.310"]
    assert [warning.value for warning in app.warning] == ["Drifted: Mix of genres"]
    # Airflow is not configured here, and nothing is said of it.
    assert EN("operator.dags") not in [header.value for header in app.header]


def answer(**changes):
    found = {**OVERVIEW_EXAMPLE, **changes}
    return OperatorOverview.model_validate(OverviewResponse.model_validate(found).model_dump())


@pytest.fixture
def show(monkeypatch, open_operator_page):
    """Shows the page with a report, or a failure, in place of the gateway's."""

    def run(found):
        def asked(_call):
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(operator, "ask", asked)
        return open_operator_page()

    return run


def test_runs_are_shown_with_links_and_an_airflow_that_is_down_is_named(show):
    run = {
        "run_id": "r1", "state": "failed", "start": "2026-01-31T12:00:00Z", "end": None,
        "link": "http://airflow.test/dags/promote/runs/r1",
    }  # fmt: skip
    dags = [{"dag_id": "promote", "runs": [run]}]
    app = show(answer(operations={"drift": None, "airflow": "on", "dags": dags}))
    runs = next(t.value for t in app.table if EN("operator.dag") in t.value.columns).iloc[0]
    assert runs[EN("operator.run_state")] == "failed"
    assert runs[EN("operator.run_link")] == f"[Open]({run['link']})"
    assert [warning.value for warning in app.warning] == [EN("operator.unavailable.ranker")]
    app = show(answer(operations={"drift": None, "airflow": "away", "dags": []}))
    assert EN("operator.airflow.away") in [info.value for info in app.info]


def test_a_page_without_the_scope_asks_for_a_token_and_shows_what_needs_none(show):
    app = show(GatewayFault(Fault.DENIED, "SCOPE_MISSING"))
    assert [info.value for info in app.info] == [EN("operator.no_admin")]
    assert app.text_input(key="operator_token_text").proto.type == 1  # a password
    assert headers(app) == [EN("operator.health"), EN("operator.versions")]
    app = show(GatewayFault(Fault.SLOW))
    assert [warning.value for warning in app.warning] == [f"{EN('fault.slow')} {EN('fault.again')}"]


def test_an_evaluation_is_shown_with_its_intervals_and_two_are_compared():
    name = "ndcg_500.five_seeds"
    metrics = {name: 0.3139, f"{name}.lower": 0.28, f"{name}.upper": 0.34, "training_groups": 9.0}
    (row,) = quality_rows(metrics, EN)
    assert list(row.values()) == ["NDCG@500", "0.3139", "0.28 - 0.34"]
    (change, count) = difference_rows(metrics, {**metrics, name: 0.3}, KO)
    assert list(change.values()) == [KO("operator.metric_of.ndcg_500"), "0.3139", "0.3", "-0.0139"]
    assert next(iter(count.values())) == "`training_groups`"
