"""deploy/alerts.py as a process: each alert becomes one line, bad bodies none; Alertmanager too."""

import json
import shutil
import subprocess
import sys
import time

import httpx
import pytest
import yaml
from quintet_command.ports import free_ports

from tests.needs import ALERTMANAGER, skip
from tests.root import ROOT
from tests.slow import slow
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
    told = httpx.post(address, json={"version": "4", "alerts": [ALERT, OVER]}, timeout=60)
    assert told.status_code == 200
    first, second = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    assert (first["state"], first["alert"], first["severity"]) == ("firing", "ServiceDown", "page")
    assert first["labels"]["job"] == "ranker"
    assert first["ends_at"] is None
    assert second["ends_at"] == "2030-01-01T00:05:00Z"


def program(name):
    return shutil.which(name) or skip(ALERTMANAGER)


CONFIGURATION = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"


def test_amtool_accepts_the_configuration():
    command = [program("amtool"), "check-config", str(CONFIGURATION)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@slow("Alertmanager collects alerts for ten seconds")
def test_alertmanager_sends_a_firing_alert_to_the_receiver(receiver, tmp_path):
    address, file = receiver
    text = CONFIGURATION.read_text(encoding="utf-8").replace("http://alerts:9094/", address)
    (tmp_path / "alertmanager.yml").write_text(text, encoding="utf-8")
    base = f"127.0.0.1:{free_ports(1)[0]}"
    command = [
        program("prometheus-alertmanager"),
        f"--config.file={tmp_path}/alertmanager.yml",
        f"--storage.path={tmp_path}/data",
        "--cluster.listen-address=",
        f"--web.listen-address={base}",
    ]
    labels = {"alertname": "RankerSlow", "severity": "ticket"}
    with Processes(tmp_path / "logs") as processes:
        processes.start("alertmanager", command)
        processes.await_answer(f"http://{base}/-/ready", 60)
        alert = {"labels": labels, "annotations": {"summary": "slow"}}
        told = httpx.post(f"http://{base}/api/v2/alerts", json=[alert], timeout=60)
        assert told.status_code == 200, told.text
        deadline = time.monotonic() + 120
        while "RankerSlow" not in file.read_text(encoding="utf-8"):
            assert time.monotonic() < deadline, "no line was written"
            time.sleep(0.2)  # between looks at another program's file
    line = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
    assert (line["state"], line["labels"]) == ("firing", labels)


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
    assert httpx.post(address, content=content, timeout=60).status_code == code
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
