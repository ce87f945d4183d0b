"""deploy/alerts.py as a process: each alert of a webhook becomes one line, bad bodies none."""

import json
import sys

import httpx
import pytest
import yaml
from quintet_command.supervisor import free_ports

from tests.root import ROOT
from tools.processes import Processes

ALERT = {
    "status": "firing",
    "labels": {"alertname": "ServiceDown", "severity": "page", "job": "ranker"},
    "annotations": {"summary": "ranker is down\nsince a minute"},
    "startsAt": "2030-01-01T00:00:00Z",
    "endsAt": "0001-01-01T00:00:00Z",
}
OVER = {**ALERT, "status": "resolved", "endsAt": "2030-01-01T00:05:00Z"}


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("alerts"), free_ports(1)[0]
    file = folder / "logs" / "alerts.jsonl"
    command = [sys.executable, str(ROOT / "deploy" / "alerts.py"), str(port), str(file)]
    with Processes(folder) as processes:
        processes.start("alerts", command)
        processes.await_answer(f"http://127.0.0.1:{port}/healthz", 60)
        yield f"http://127.0.0.1:{port}/", file


def test_each_alert_is_one_line_of_json(receiver):
    address, file = receiver
    told = httpx.post(address, json={"version": "4", "alerts": [ALERT, OVER]}, timeout=20)
    assert told.status_code == 200
    first, second = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    assert (first["state"], first["alert"], first["severity"]) == ("firing", "ServiceDown", "page")
    assert first["labels"]["job"] == "ranker"
    assert first["ends_at"] is None
    assert second["ends_at"] == "2030-01-01T00:05:00Z"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"alerts": [1]}', 400),
        (b"[" * 99_999, 400),
        (b"x" * 1_000_001, 413),
    ],
)
def test_a_body_that_is_no_webhook_writes_nothing(receiver, content, code):
    address, file = receiver
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    assert httpx.post(address, content=content, timeout=20).status_code == code
    assert (file.read_text(encoding="utf-8") if file.exists() else "") == before


def test_prometheus_alertmanager_and_receiver_name_each_other():
    def read(path):
        return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))

    services = read("docker-compose.yml")["services"]
    (target,) = read("deploy/prometheus/prometheus.yml")["alerting"]["alertmanagers"]
    assert target["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    (receiver,) = read("deploy/alertmanager/alertmanager.yml")["receivers"]
    assert receiver["webhook_configs"][0]["url"] == "http://alerts:9094/"
    networks = [set(services[n]["networks"]) for n in ("prometheus", "alertmanager", "alerts")]
    assert set.intersection(*networks) == {"watch"}
