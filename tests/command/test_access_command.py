"""`quintet clients`, as a process."""

import os
import subprocess
import sys

import pytest
from quintet_access.clients import ClientFolder


@pytest.fixture
def quintet(tmp_path):
    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "quintet_command", "clients", *words],
            env={**os.environ, "QUINTET_HOME": str(tmp_path)},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run


def shown(done):
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(None, 1) for line in done.stdout.splitlines()[:2])
    return lines["client_id"], lines["client_secret"]


def test_client_is_made_listed_rotated_and_revoked(quintet, tmp_path):
    clients = ClientFolder(tmp_path / "access")
    client_id, first = shown(quintet("create", "my page"))
    assert clients.authenticate(client_id, first)
    _, second = shown(quintet("rotate", "my page"))
    assert clients.authenticate(client_id, first) is None
    assert clients.authenticate(client_id, second)
    listed = quintet("list").stdout
    assert client_id in listed
    assert "active" in listed
    assert first not in listed
    assert second not in listed
    assert quintet("rotate-keys").returncode == 0
    assert quintet("revoke", client_id).returncode == 0
    assert clients.authenticate(client_id, second) is None
    assert "revoked" in quintet("list").stdout


@pytest.mark.parametrize(
    "words",
    [("revoke", "nobody"), ("rotate", "nobody"), ("create", " "), ("create",),
     ("create", "a", "--scope", "x")],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line_and_exit_code_2(quintet, words):
    done = quintet(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
