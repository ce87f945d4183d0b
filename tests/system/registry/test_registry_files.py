"""Files of the registry come through its server, the one address that clients can reach."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from quintet_modelkit.registry import download
from quintet_modelkit.registry.errors import RegistryInvalid
from quintet_modelkit.registry.reader import Reader


class Server(http.server.ThreadingHTTPServer):
    """An MLflow server whose files are in an S3 that it could name to clients."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[str] = []


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with a file and with what the server can do."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        can = {"multipart_uploads_enabled": True, "multipart_downloads_enabled": True}
        # Nobody answers at port 1.
        elsewhere = {"url": "http://127.0.0.1:1/report.json", "headers": {}, "file_size": 2}
        if "server-info" in self.path:
            content = json.dumps(can)
        elif "presigned" in self.path:
            content = json.dumps(elsewhere)
        elif "?" in self.path:
            content = json.dumps({"files": [{"path": "report.json", "is_dir": False}]})
        else:
            content = "{}"
        # As MLflow's server answers for a file that its S3 does not have.
        self.send_response(500 if "missing" in self.path else 200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def test_a_file_is_not_asked_for_from_the_servers_store(server, monkeypatch):
    for way in ("DOWNLOAD", "UPLOAD"):
        # What `Reader` sets is removed again after the test.
        monkeypatch.setenv(f"MLFLOW_ENABLE_PROXY_MULTIPART_{way}", "true")
        monkeypatch.delenv(f"MLFLOW_ENABLE_PROXY_MULTIPART_{way}")
    address = f"http://127.0.0.1:{server.server_port}"
    assert Reader(address, retries=0)._client is not None
    assert download.read_text("mlflow-artifacts:/1/run/artifacts", "report.json", address) == "{}"
    assert [path for path in server.asked if "presigned" in path] == []
    assert any(path.endswith("/1/run/artifacts/report.json") for path in server.asked)


def test_a_file_that_the_store_does_not_have_is_missing_and_the_registry_answers(
    server, monkeypatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    address = f"http://127.0.0.1:{server.server_port}"
    assert Reader(address)._client is not None
    with pytest.raises(RegistryInvalid, match=r"does not hold missing\.json"):
        download.read_text("mlflow-artifacts:/1/run/artifacts", "missing.json", address)
