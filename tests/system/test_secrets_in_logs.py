"""A secret in any log of a run of tests fails that run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.known_secrets import known
from tests.root import ROOT

LEAKS = {
    "captured": """
    import sys
    def test_leak():
        print(known("ab-cd-ef-gh-12"), file=sys.stderr)
    """,
    "logged": """
    import logging
    def test_leak():
        logging.getLogger("x").error("token %s", known("ab-cd-ef-gh-12"))
    """,
    "log_file": """
    def test_leak(tmp_path):
        (tmp_path / "server.log").write_text(known("ab-cd-ef-gh-12"))
    """,
    "thrown_away": """
    import subprocess, sys
    PROGRAM = "import sys; print('ab-cd-ef-gh-12', file=sys.stderr)  # quintet"
    def test_leak():
        known("ab-cd-ef-gh-12")
        subprocess.run([sys.executable, "-c", PROGRAM], stderr=subprocess.DEVNULL, check=True)
    """,
    "pipe": """
    import subprocess, sys
    PROGRAM = "import sys; print('ab-cd-ef-gh-12', file=sys.stderr)  # quintet"
    def test_leak():
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
        assert done.stderr == known("ab-cd-ef-gh-12") + chr(10)
    """,
    "pipe_of_both": """
    import subprocess, sys
    PROGRAM = "import sys; print('ab-cd-ef-gh-12', file=sys.stderr)  # quintet"
    def test_leak():
        known("ab-cd-ef-gh-12")
        with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=-1, stderr=-2) as process:
            assert process.stdout.readline() == b"ab-cd-ef-gh-12" + bytes([10])
    """,
    "known_later": """
    def test_a(tmp_path):
        (tmp_path / "log").write_text("ab-cd-ef-gh-12")
    def test_leak():
        known("ab-cd-ef-gh-12")
    """,
    "own_key": """
    from pathlib import Path
    from quintet_access.keys import KeyFolder
    def test_leak(tmp_path):
        KeyFolder(tmp_path / "access").ensure()
        print((tmp_path / "access" / "signing.json").read_text())
    """,
    "token": """
    from quintet_access.tokens import TokenIssuer
    def test_leak():
        print(TokenIssuer.ephemeral().issue("me", 0, ["read"]))
    """,
}
CLEAN = """
    import subprocess, sys
    PROGRAM = "import sys; print('nothing here', file=sys.stderr)  # quintet"
    def test_no_leak(tmp_path):
        known("ab-cd-ef-gh-12")
        (tmp_path / "secret").write_text("ab-cd-ef-gh-12")
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
"""


def write(folder: Path, name: str, body: str) -> None:
    lines = [line.removeprefix("    ") for line in body.splitlines()]
    head = ["from tests.known_secrets import known"]
    (folder / f"test_{name}.py").write_text(chr(10).join([*head, *lines]), encoding="utf-8")


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.secrets_in_logs", *options,
         "--rootdir", folder, "-c", "/dev/null", "--basetemp", folder / "base", folder],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "on_workers"])
def test_every_way_of_leaking_is_found_and_named_though_all_tests_pass(tmp_path, workers):
    for name, body in LEAKS.items():
        write(tmp_path, name, body)
    done = run(tmp_path, *workers)
    assert "failed" not in done.stdout
    assert done.returncode == 1, done.stdout + done.stderr
    told = done.stdout.split("secrets in logs")[1]
    for name in ("captured", "logged", "own_key", "token"):
        assert f"test_{name}.py::test_leak" in told
    for path in ("test_leak0/server.log", "test_a0/log"):
        assert path in told
    assert len(re.findall(r"quintet-watched-.*[.]log: a secret of 14 characters", told)) == 3
    assert "ab-cd-ef-gh-12" not in told


def test_secrets_outside_of_logs_are_no_leak(tmp_path):
    write(tmp_path, "clean", CLEAN)
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secrets in logs" not in done.stdout


@pytest.mark.parametrize("plain", ["short", "aaaaaaaaaaaaaa"])
def test_a_secret_that_logs_hold_by_chance_cannot_be_told_of(plain):
    with pytest.raises(ValueError, match="long one"):
        known(plain)
