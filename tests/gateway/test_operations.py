"""Drift's report and Airflow's last runs, through the gateway.

Airflow is a small server of real HTTP that answers in the shapes of its REST API v2; the real
one is asked in tests/dags/test_runs_from_airflow.py.
"""

import json
import os
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError
from quintet_gateway.adapters import airflow as asking
from quintet_gateway.adapters.airflow import DAGS, Airflow
from quintet_gateway.adapters.operations import read_report
from quintet_gateway.app import build
from quintet_gateway.schemas.operations import OperationsResponse
from quintet_gateway.settings import GatewaySettings
from quintet_training.drift import DriftReport, Shift, keep

from tests.root import ROOT

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
REPORT = DriftReport(
    "m1", 7500, 2000, True, (Shift("genres", 0.31, None),), (Shift("age", 0.1, 0.2),), ("genres",)
)
LOGIN: dict[str, Any] = {"airflow_user": "quintet", "airflow_password": "open-sesame"}


class FakeAirflow(ThreadingHTTPServer):
    """Gives tokens for one login, and the runs of DAGs to whoever has the newest token."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.runs: dict[str, list[dict[str, Any]]] = {dag_id: [] for dag_id in DAGS}
        self.token = "first"
        self.asked: list[str] = []
        self.size = 0
        self.gate = threading.Event()
        self.gate.set()

    def handle_error(self, *_):
        """Says nothing of callers who leave in the middle: some tests are about them."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: FakeAirflow

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fits = body == {"username": "quintet", "password": "open-sesame"}
        self.server.asked.append(self.path)
        self.reply(201, {"access_token": self.server.token}) if fits else self.reply(401, {})

    def do_GET(self):
        url = urlsplit(self.path)
        self.server.asked.append(url.path)
        self.server.gate.wait(60)
        if url.path == "/auth/token":
            return self.reply(403, {"detail": "all admins is off"})
        if self.headers["Authorization"] != f"Bearer {self.server.token}":
            return self.reply(401, {"detail": "Invalid JWT token"})
        runs = self.server.runs.get(url.path.split("/")[4])
        if runs is None:
            return self.reply(404, {"detail": "The Dag was not found"})
        assert parse_qs(url.query) == {"limit": ["5"], "order_by": ["-run_after"]}
        filler = " " * self.server.size
        return self.reply(200, {"dag_runs": runs, "total_entries": len(runs), "filler": filler})

    def reply(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def airflow(monkeypatch):
    monkeypatch.setattr(asking, "_SECONDS", 60.0)
    server = FakeAirflow()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


def run(name, state="success", end="2026-01-31T12:01:00Z"):
    return {
        "dag_run_id": name, "dag_id": "promote", "state": state, "run_type": "manual",
        "run_after": "2026-01-31T12:00:00Z", "start_date": "2026-01-31T21:00:00+09:00",
        "end_date": end, "conf": {}, "dag_versions": [], "note": None,
    }  # fmt: skip


async def asked(home, headers=None, **settings):
    app = build(GatewaySettings(home=home, grpc_port=0, **{"budget_seconds": 60, **settings}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client,
    ):
        return await client.get("/api/v1/operations", headers=headers)


async def answered(home, **settings):
    answer = await asked(home, **settings)
    assert answer.status_code == 200
    return OperationsResponse.model_validate_json(answer.content)


async def test_nothing_known_is_null_and_off(tmp_path):
    answer = await asked(tmp_path)
    assert answer.json() == {"drift": None, "airflow": "off", "dags": []}


async def test_the_report_that_the_command_keeps_is_answered(tmp_path):
    keep(REPORT, tmp_path, NOON)
    found = (await answered(tmp_path)).drift
    assert found is not None
    assert (found.time, found.model, found.drifted) == (NOON, "m1", ["genres"])
    assert (found.quantities["genres"].psi, found.quantities["genres"].ks) == (0.31, None)
    assert found.features["age"].ks == 0.2


def test_a_later_report_takes_the_place_of_the_one_before_and_leaves_no_other_file(tmp_path):
    keep(REPORT, tmp_path, NOON)
    keep(DriftReport("m2", 0, 3, enough=False), tmp_path, NOON)
    assert [path.name for path in tmp_path.iterdir()] == ["drift.json"]
    report = read_report(tmp_path / "drift.json")
    assert report is not None
    assert report.model == "m2"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace("0.31", "NaN"),
        lambda text: text.replace('"enough": true, ', ""),
        lambda text: text + " " * 300_000,
    ],
    ids=["empty", "half", "list", "nan", "incomplete", "large"],
)
def test_a_damaged_report_is_none(tmp_path, damage):
    keep(REPORT, tmp_path, NOON)
    path = tmp_path / "drift.json"
    path.write_text(damage(path.read_text()))
    assert read_report(path) is None


def test_a_report_of_a_later_version_with_more_in_it_is_read(tmp_path):
    keep(REPORT, tmp_path, NOON)
    path = tmp_path / "drift.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "more": 1}))
    report = read_report(path)
    assert report is not None
    assert report.model == "m1"


def test_nobody_waits_for_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert read_report(tmp_path / "pipe") is None
    assert read_report(tmp_path) is None


async def test_runs_are_answered_with_times_in_utc_and_links(tmp_path, airflow):
    airflow.runs["promote"] = [run("manual__1+1"), run("r2", "running", None)]
    found = await answered(tmp_path, airflow_url=f"{airflow.url}/", **LOGIN)
    assert found.airflow == "on"
    assert [each.dag_id for each in found.dags] == list(DAGS)
    first, second = next(each.runs for each in found.dags if each.dag_id == "promote")
    assert (first.state, first.start, second.end) == ("success", NOON, None)
    assert first.link == f"{airflow.url}/dags/promote/runs/manual__1%2B1"


async def test_a_dag_that_airflow_does_not_have_is_left_out(tmp_path, airflow):
    del airflow.runs["promote"]
    found = await answered(tmp_path, airflow_url=airflow.url, **LOGIN)
    assert found.airflow == "on"
    assert {each.dag_id for each in found.dags} == set(DAGS) - {"promote"}


async def test_a_login_that_is_not_taken_is_said_so(tmp_path, airflow):
    wrong = {**LOGIN, "airflow_password": "closed"}
    found = await answered(tmp_path, airflow_url=airflow.url, **wrong)
    assert (found.airflow, found.dags) == ("refused", [])
    assert (await answered(tmp_path, airflow_url=airflow.url)).airflow == "refused"


async def test_an_airflow_that_is_away_is_said_so(tmp_path):
    keep(REPORT, tmp_path, NOON)
    found = await answered(tmp_path, airflow_url="http://127.0.0.1:1", **LOGIN)
    assert (found.airflow, found.dags) == ("away", [])
    assert found.drift is not None


async def test_an_airflow_that_hangs_is_away_and_costs_no_more_than_a_part_of_the_budget(
    tmp_path, airflow
):
    airflow.gate.clear()
    found = await answered(tmp_path, airflow_url=airflow.url, budget_seconds=0.2, **LOGIN)
    assert found.airflow == "away"


async def test_an_answer_that_is_too_large_is_not_read(tmp_path, airflow):
    airflow.size = 2 * 1024 * 1024
    assert (await answered(tmp_path, airflow_url=airflow.url, **LOGIN)).airflow == "away"


@pytest.fixture
async def asker(airflow):
    one = Airflow(airflow.url, "quintet", GatewaySettings(**LOGIN).airflow_password, budget=60)
    yield one
    await one.close()


async def test_one_look_serves_all_who_ask_within_a_while(airflow, asker):
    assert (await asker.last_runs())[0] == "on"
    airflow.runs["promote"] = [run("r1")]
    assert await asker.last_runs() == await asker.last_runs()
    assert len(airflow.asked) == 1 + len(DAGS)


async def test_a_token_that_has_ended_is_renewed(airflow, asker, monkeypatch):
    monkeypatch.setattr(asking, "_KEPT_SECONDS", 0.0)
    assert (await asker.last_runs())[0] == "on"
    airflow.token = "second"
    assert (await asker.last_runs())[0] == "on"
    assert airflow.asked.count("/auth/token") == 2


async def test_what_was_found_is_told_while_a_slow_look_goes_on(airflow, monkeypatch):
    monkeypatch.setattr(asking, "_KEPT_SECONDS", 0.0)
    asker = Airflow(airflow.url, "quintet", GatewaySettings(**LOGIN).airflow_password)
    assert (await asker.last_runs())[0] == "on"
    asker._patience = 0.05
    airflow.gate.clear()
    assert (await asker.last_runs())[0] == "on"
    await asker.close()


async def test_a_caller_without_a_token_learns_nothing(tmp_path):
    assert (await asked(tmp_path, auth="on")).status_code == 401


def test_the_dags_that_are_asked_for_are_those_there_are():
    there = {path.stem for path in (ROOT / "dags").glob("*.py")}
    assert set(DAGS) == there


@pytest.mark.parametrize("url", ["airflow:8080", "file:///etc/passwd", "http://a b"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValidationError, match="QUINTET_AIRFLOW_URL"):
        GatewaySettings.model_validate({"QUINTET_AIRFLOW_URL": url})


def test_the_password_is_not_shown():
    assert "open-sesame" not in repr(GatewaySettings(**LOGIN))
