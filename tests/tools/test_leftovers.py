"""No process outlives a run of tests or a target of make, however it is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.needs import LINUX, needs
from tests.root import ROOT
from tools import leftovers
from tools.processes import children_of

pytestmark = needs(LINUX, sys.platform.startswith("linux"))
TEST = """
import subprocess, sys, time
def test_it(tmp_path):
    sleeper = [sys.executable, "-c", "import time; time.sleep(1000)"]
    again = f"import subprocess; subprocess.Popen({sleeper!r}, start_new_session=True)"
    subprocess.run([sys.executable, "-c", again], check=True)  # its parent ends at once
    own = subprocess.Popen(sleeper, start_new_session=True)
    print("started", own.pid, flush=True)
    time.sleep(1000)
"""
CONFTEST = """
from tools import leftovers
def pytest_configure():
    leftovers.watch()
"""


def mark_of(pid):
    """Reads the mark of a process, which the system shows a moment after its start."""

    def variables():
        text = Path(f"/proc/{pid}/environ").read_text(encoding="utf-8")
        return dict(each.split("=", 1) for each in text.split("\0") if each)

    until(lambda: leftovers.MARK in variables())
    return variables()[leftovers.MARK]


def until(holds):
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # polling interval


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_server_outlives_a_killed_run_of_tests(tmp_path, number):
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TEST, encoding="utf-8")
    environment = {name: text for name, text in os.environ.items() if name != leftovers.MARK}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "test_it.py"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        line = next(line for line in run.stdout if "started" in line)
        mark = mark_of(int(line.split()[-1]))
        assert len(leftovers.marked(mark)) >= 2
        run.send_signal(number)
        run.wait(60)
        until(lambda: not leftovers.marked(mark))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_target_of_make_runs_ends_with_make(tmp_path, number):
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    bound = next(line for line in lines if line.startswith("BOUND :="))
    bound = bound.replace(" command/", f" {ROOT}/command/")
    text = f"BIN := {ROOT}/.venv/bin\n{bound}\nrun:\n\t@$(BOUND) sleep 1000\n"
    (tmp_path / "Makefile").write_text(text, encoding="utf-8")

    def programs():
        return [
            pid
            for pid in children_of(make.pid)
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep")
        ]

    with subprocess.Popen(["make", "run"], cwd=tmp_path) as make:
        until(programs)
        (program,) = programs()
        make.send_signal(number)
        make.wait(60)
        until(lambda: not Path(f"/proc/{program}").exists())
