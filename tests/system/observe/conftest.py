"""One whole installation as `quintet up` runs it, seen from outside: logs, metrics, spans."""

import json
import queue
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from quintet_command.ports import free_ports

from tools.processes import Processes

SERVICES = ("gateway", "search", "profile", "ranker", "memory", "players")
READY_SECONDS = 180.0


@dataclass(frozen=True)
class Told:
    """A span as the collector was told of it."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    kind: int
    facts: dict[str, Any]
    failed: bool


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans by OTLP over gRPC, as a collector does."""

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._server = grpc.server(ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def Export(self, request, context):
        for resource in request.resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._told.put(told_of(about["service.name"], span))
        return trace_service_pb2.ExportTraceServiceResponse()

    def trace(self, trace: str, count: int, seconds: float = 90.0, caller: str = "") -> list[Told]:
        """Returns the spans of one trace once so many of it have come.

        With the id of the caller's span, also every span that another one stands below.
        """
        found: list[Told] = []
        end = time.monotonic() + seconds
        while len(found) < count or (
            caller and {span.parent for span in found} - {span.id for span in found} != {caller}
        ):
            one = self._told.get(timeout=max(0.001, end - time.monotonic()))
            found += [one] * (one.trace == trace)
        return found

    def stop(self) -> None:
        self._server.stop(0).wait()


def told_of(service: str, span: Any) -> Told:
    facts = {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }
    return Told(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind,
        facts,
        span.status.code == 2,
    )


@dataclass(frozen=True)
class Installation:
    """What runs, and where it is seen."""

    home: Path
    base: str
    metrics: dict[str, str]
    environment: dict[str, str]
    collector: Collector
    log: Path

    def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        return httpx.post(self.base + path, json=body, headers=headers, timeout=60, trust_env=False)

    def get(self, url: str) -> httpx.Response:
        return httpx.get(url, timeout=60, trust_env=False)

    def lines(self) -> list[dict[str, Any]]:
        """Every line that the processes wrote, as the object it is."""
        text = self.log.read_text(encoding="utf-8")
        rows = (line.partition(" | ")[2] for line in text.splitlines())
        return [json.loads(row) for row in rows if row.startswith("{")]


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("observe")
    home, log = folder / "home", folder / "up.log"
    ports = free_ports(13)
    served = dict(zip(SERVICES, ports[:6], strict=True))
    metrics = dict(zip(SERVICES, ports[6:12], strict=True))
    collector = Collector()
    environment = {
        **{f"QUINTET_{name.upper()}_PORT": str(port) for name, port in served.items()},
        **{f"QUINTET_{name.upper()}_METRICS_PORT": str(port) for name, port in metrics.items()},
        "QUINTET_GATEWAY_GRPC_PORT": str(ports[12]),
        "QUINTET_PLAYERS": "on",
        "QUINTET_HOME": str(home),
        "QUINTET_DATABASE_URL": "",
        "QUINTET_HOST": "127.0.0.1",
        "QUINTET_AUTH": "off",
        "QUINTET_MLFLOW_URI": "",
        "QUINTET_GATEWAY_BUDGET_SECONDS": "20",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    base = f"http://127.0.0.1:{served['gateway']}"
    command = [sys.executable, "-m", "quintet_command", "up", "--without-ui", "--without-registry"]
    try:
        with Processes(folder) as processes:
            processes.start("up", command, environment)
            processes.await_answer(f"{base}/readyz", READY_SECONDS)
            places = {name: f"http://127.0.0.1:{port}/metrics" for name, port in metrics.items()}
            yield Installation(home, base, places, environment, collector, log)
    finally:
        collector.stop()


@pytest.fixture(scope="session")
def seed(installation: Installation) -> str:
    """The id of a track of the catalogue."""
    found = installation.get(f"{installation.base}/api/v1/search?q=hotel+california&limit=1")
    return str(found.json()["tracks"][0]["track"]["id"])


@pytest.fixture
def home(installation: Installation, tmp_path: Path) -> Path:
    """A copy of the state, to be broken."""
    copy = tmp_path / "home"
    shutil.copytree(installation.home, copy, ignore=shutil.ignore_patterns("run"))
    return copy
