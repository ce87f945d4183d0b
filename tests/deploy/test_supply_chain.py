"""What is locked has hashes, and the audit never takes silence for health."""

import json
import re
import subprocess
import sys
import threading
import tomllib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.root import ROOT
from tests.slow import slow


@contextmanager
def database(vulnerable: set[str]):
    """A stand-in of OSV's query API that knows these packages; yields its address."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            affected = [{"package": {"name": name, "ecosystem": "PyPI"}}]
            known = {"vulns": [{"id": "PYSEC-2000-1", "summary": "Bad.", "affected": affected}]}
            body = json.dumps(known if name in vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def audit(address: str, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, ROOT / "deploy" / "audit.py", "--database", address, *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("lock", ["uv.lock", "dags/uv.lock", "perception/uv.lock"])
def test_every_locked_file_has_its_hash(lock):
    packages = tomllib.loads((ROOT / lock).read_text(encoding="utf-8"))["package"]
    ours = [each for each in packages if "registry" not in each["source"]]
    assert all({"editable", "virtual"} & each["source"].keys() for each in ours)
    fetched = [each for each in packages if "registry" in each["source"]]
    assert len(fetched) > (50 if lock != "perception/uv.lock" else 5)
    for each in fetched:
        files = [*each.get("wheels", []), *filter(None, [each.get("sdist")])]
        assert files
        assert all(file["hash"].startswith("sha256:") for file in files), each["name"]


def test_a_database_that_is_away_is_not_taken_for_health():
    code, said = audit("http://127.0.0.1:9/v1/query")
    assert code == 3
    assert said.startswith("not audited: the database could not be reached (")
    assert said.count("\n") == 1


@slow("asks a database about everything locked")
def test_a_database_that_knows_nothing_is_not_believed_and_a_workflow_is_warned():
    with database(set()) as address:
        code, said = audit(address, "--warn-unreachable")
    assert code == 0
    assert said.startswith("::warning::not audited")
    assert "jinja2==2.4.1" in said


@pytest.mark.parametrize(
    ("lock", "package"),
    [("dags/uv.lock", "apache-airflow 3."), ("perception/uv.lock", "onnxruntime 1.")],
)
def test_a_known_vulnerability_fails_and_is_named(lock, package):
    with database({"jinja2", package.partition(" ")[0]}) as address:
        code, said = audit(address, "--lock", lock)
    assert code == 1
    assert f"{lock}: {package}" in said
    assert "PYSEC-2000-1" in said


def test_every_lock_has_its_list_of_packages_and_its_check_of_licences():
    recipes = (ROOT / "Makefile").read_text(encoding="utf-8")
    for folder in ("dags", "perception"):
        assert f"export_lock --directory {folder} " in recipes
    for environment in ("AIRFLOW_VENV", "ANALYSIS_VENV"):
        assert re.search(rf"call LICENCES.*\$\({environment}\)", recipes)
