"""`quintet serve` as real processes: one process of all services, which restarts and drains."""

import json
import os
import shutil
import signal
import socket
import sys
import time
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from quintet_command.ports import free_ports

from tools.processes import Processes, children_of, environment_without

READY_SECONDS = 120.0
SERVICES = {
    "SEARCH": "quintet.search.v1.SearchService",
    "PROFILE": "quintet.profile.v1.ProfileService",
    "RANKER": "quintet.ranker.v1.RankerService",
    "MEMORY": "quintet.memory.v1.MemoryService",
    "GATEWAY_GRPC": "quintet.feedback.v1.FeedbackService",
}


class Home:
    """One installation that `quintet serve --no-page` runs, with debug lines of one service."""

    def __init__(self, folder, notices):
        self.ports = dict(zip(("GATEWAY", *SERVICES), free_ports(6), strict=True))
        self.notices = notices
        self.processes = Processes(folder, environment_without("QUINTET_", "SPOTIPY_"))
        settings = {f"QUINTET_{name}_PORT": str(port) for name, port in self.ports.items()}
        settings |= {"QUINTET_HOME": str(folder), "QUINTET_PROFILE_LOG_LEVEL": "ERROR"}
        settings |= {"NOTIFY_SOCKET": notices.getsockname()}
        settings |= {"QUINTET_GATEWAY_BUDGET_SECONDS": "30"}
        command = [sys.executable, "-m", "quintet_command", "serve", "--no-page"]
        self.processes.start("serve", [*command, "--profile", "home"], settings)

    @property
    def base(self):
        return f"http://127.0.0.1:{self.ports['GATEWAY']}"

    def await_ready(self):
        self.processes.await_answer(f"{self.base}/readyz", READY_SECONDS)

    def await_notice(self):
        self.notices.settimeout(READY_SECONDS)
        return self.notices.recv(100)

    def descendants(self):
        return children_of(self.processes["serve"].pid)

    def lines(self):
        texts = (line.partition(" | ")[2] for line in self.processes.text("serve").splitlines())
        return [json.loads(text) for text in texts if text.startswith("{")]

    def recommend(self):
        body = {"seeds": [{"genre": "rock"}], "limit": 5}
        return httpx.post(f"{self.base}/api/v1/recommendations", json=body, timeout=60)


@pytest.fixture(scope="module")
def home(embedded_home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve") / "home"
    shutil.copytree(embedded_home, folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(folder / "notices"))
        running = Home(folder, notices)
        try:
            running.await_ready()
            yield running
        finally:
            running.processes.stop()


def until_ended(pids, seconds=90.0):
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if os.path.exists(f"/proc/{pid}")]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)  # polling interval


def test_services_share_one_process_and_each_answers_on_its_port(home):
    assert home.await_notice() == b"READY=1"
    assert len(home.descendants()) == 1
    for setting, name in SERVICES.items():
        with grpc.insecure_channel(f"127.0.0.1:{home.ports[setting]}") as channel:
            request = health_pb2.HealthCheckRequest(service=name)
            health: Any = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(request, timeout=60)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
    answer = home.recommend().json()
    assert len(answer["tracks"]) == 5
    assert answer["degraded"] == []


def test_lines_name_their_service_and_have_its_level(home):
    home.recommend()
    by_event: dict = {}
    for line in home.lines():
        by_event.setdefault((line["event"], line.get("method", "").split("/")[-1]), line)
    assert by_event["rpc", "RecommendTracks"]["service"] == "ranker"
    assert by_event["rpc", "RecommendTracks"]["model"].startswith("bootstrap-")
    assert by_event["http", "POST"]["service"] == "gateway"
    assert {line["service"] for line in home.lines()} == {"gateway", "search", "memory", "ranker"}


def test_the_library_worker_runs(home):
    deadline = time.monotonic() + 90
    while not httpx.get(f"{home.base}/api/v1/library").json()["worker_running"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)  # polling interval


def test_a_crash_restarts_all_services_and_a_stop_leaves_no_process(home):
    (services,) = home.descendants()
    os.kill(services, signal.SIGKILL)
    until_ended([services])
    home.await_ready()
    assert home.recommend().status_code == 200
    (again,) = home.descendants()
    assert home.processes.stop()["serve"] == 0
    until_ended([again])
    # The gateway ends first: its open requests are answered by the services.
    stopped = [line["service"] for line in home.lines() if line["event"] == "stopped"]
    assert stopped[0] == "gateway"
    assert set(stopped[1:]) == {"search", "memory", "ranker"}
