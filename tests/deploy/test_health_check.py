"""The health check of images, against servers of its kinds: what it says, and what it imports."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.root import ROOT


def checked(service: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "deploy" / "health.py")],
        env={**os.environ, "SERVICE": service, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def ranker() -> Iterator[tuple[health.HealthServicer, str]]:
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, str(port)
    server.stop(None).wait()


def test_a_service_is_well_while_it_serves_and_the_check_imports_little(
    ranker: tuple[health.HealthServicer, str],
) -> None:
    servicer, port = ranker
    done = checked("ranker", QUINTET_RANKER_PORT=port, QUINTET_TLS="")
    assert done.returncode == 0
    # It runs every five seconds in each container.
    assert "grpc_health.v1" in done.stderr
    assert not {"quintet_servicekit", "pydantic", "urllib.request"} & {
        line.rpartition("|")[2].strip() for line in done.stderr.splitlines()
    }
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert checked("ranker", QUINTET_RANKER_PORT=port).returncode == 1


def test_a_gateway_is_well_while_it_answers_200() -> None:
    class Gateway(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever).start()
        port = str(server.server_port)
        try:
            assert checked("gateway", QUINTET_GATEWAY_PORT=port).returncode == 0
            # Its page has another path.
            assert checked("ui", QUINTET_UI_PORT=port).returncode == 1
        finally:
            server.shutdown()
    assert checked("gateway", QUINTET_GATEWAY_PORT=port).returncode == 1
