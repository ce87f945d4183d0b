"""The page for the operator, over the real services."""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import streamlit as st
from quintet_gateway.schemas.operations import OperationsResponse
from quintet_training.drift import DriftReport, Shift, keep
from quintet_ui import operator
from quintet_ui.faults import Fault, GatewayFault
from quintet_ui.operator.operations import dag_runs
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


def test_services_versions_and_the_last_hour_are_shown(open_operator_page):
    app = open_operator_page()
    states = {metric.label: metric.value for metric in app.metric}
    assert states["Gateway"] == states["Ranker"] == "serving"
    served = facts(app, 0)
    assert re.match(r"\w+-[0-9a-f]+ \(", served["Model"])
    assert served["Catalogue"].startswith("cat-")
    assert int(states["Requests"].replace(",", "")) >= 1
    assert states["Median"].endswith("ms")
    assert "`/api/v1/model`" in app.table[len(app.table) - 1].value.iloc[:, 0].tolist()
    assert not app.warning


def test_what_was_recommended_and_how_it_was_received_is_shown(
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
        deadline = time.monotonic() + WAIT_SECONDS
        # Lists are written off the path of their request.
        while not client.get("/api/v1/insights").json()["lists"]:
            assert time.monotonic() < deadline
    app = open_operator_page()
    headers = [header.value for header in app.header]
    assert EN("operator.given") in headers
    assert EN("operator.received") in headers
    tables = [table.value for table in app.table]
    received = next(table for table in tables if EN("operator.interval") in table.columns)
    assert received.iloc[0][EN("operator.model")] == f"`{made['versions']['model']}`"
    assert received.iloc[0][EN("operator.approved")] != "0.0 %"
    artists = next(table for table in tables if EN("operator.share") in table.columns)
    assert 1 <= len(artists) <= 10
    assert {metric.label for metric in app.metric} >= {
        EN("operator.coverage"),
        EN("operator.lists"),
    }


def test_a_service_that_is_away_is_named_and_the_rest_is_shown(open_operator_page, installation):
    installation.kill("profile")
    try:
        app = open_operator_page()
        states = {metric.label: metric.value for metric in app.metric}
        assert states["Profile"] == "unreachable"
        assert states["Search"] == "serving"
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


def test_a_section_whose_route_is_missing_is_not_there_and_a_failing_one_says_so(
    open_operator_page, monkeypatch
):
    def absent(_words):
        raise GatewayFault(Fault.ABSENT)

    def slow(_words):
        raise GatewayFault(Fault.SLOW)

    monkeypatch.setattr(operator, "SECTIONS", (absent, slow))
    app = open_operator_page()
    assert [warning.value for warning in app.warning] == [f"{EN('fault.slow')} {EN('fault.again')}"]


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


@pytest.fixture
def operations():
    """A small server that answers /api/v1/operations as the gateway does."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            found = getattr(self.server, "found")  # noqa: B009 - set by the test
            body = OperationsResponse.model_validate(found).model_dump_json().encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_runs_are_shown_with_links_and_an_airflow_that_is_away_is_named(
    open_operator_page, operations, monkeypatch
):
    monkeypatch.setattr(operator, "SECTIONS", (dag_runs,))
    address = f"http://127.0.0.1:{operations.server_port}"
    run = {
        "run_id": "r1", "state": "failed", "start": "2026-01-31T12:00:00Z", "end": None,
        "link": "http://airflow.test/dags/promote/runs/r1",
    }  # fmt: skip
    dags = [{"dag_id": "promote", "runs": [run]}]
    operations.found = {"drift": None, "airflow": "on", "dags": dags}
    shown = open_operator_page(QUINTET_GATEWAY_URL=address).table[0].value.iloc[0]
    assert shown[EN("operator.run_state")] == "failed"
    assert shown[EN("operator.run_link")] == f"[Open]({run['link']})"
    operations.found = {"drift": None, "airflow": "away", "dags": []}
    app = open_operator_page(QUINTET_GATEWAY_URL=address)
    assert [info.value for info in app.info] == [EN("operator.airflow.away")]
    assert not app.table
