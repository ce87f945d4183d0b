"""Targets of make that run the whole product: killed in the middle, they leave no process."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from quintet_command.ports import free_ports

from tests.needs import AIRFLOW, LINUX, needs, skip
from tests.root import ROOT
from tests.slow import slow
from tools import leftovers

pytestmark = [
    pytest.mark.timeout(1800),
    needs(LINUX, sys.platform.startswith("linux")),
    slow("starts the whole product six times"),
]
VARIABLE = "TEST_OF_KILLED_TARGETS"
SERVICES = ("GATEWAY", "SEARCH", "PROFILE", "RANKER", "MEMORY", "MLFLOW", "GATEWAY_GRPC", "UI")
# Target, the rest of the command, and a word of the command of the last program that it starts.
TARGETS = {
    "up": ([], "quintet_ui"),
    "demo-retrain": ([], "triggerer"),
    "test": (["TEST_WORKERS=2 tests/system/compat/test_stack_rules.py"], "quintet_ranker"),
}
START_SECONDS = 900
END_SECONDS = 120


def commands(mark: str) -> dict[int, str]:
    found = {}
    for pid in leftovers.marked(mark, VARIABLE):
        with contextlib.suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


@pytest.fixture
def mark():
    """The value of a variable that all programs of a test inherit; they are killed at the end."""
    value = uuid.uuid4().hex
    yield value
    for pid in leftovers.marked(value, VARIABLE):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("target", TARGETS)
def test_no_process_is_left_of_a_target_that_is_killed(target, number, mark, tmp_path):
    if target == "demo-retrain" and not (ROOT / ".airflow-venv" / "bin" / "airflow").exists():
        skip(AIRFLOW)
    more, last = TARGETS[target]
    ports = zip(SERVICES, free_ports(len(SERVICES)), strict=True)
    own = {name: text for name, text in os.environ.items() if name != leftovers.MARK}
    environment = {
        **own,
        **({f"QUINTET_{name}_PORT": str(port) for name, port in ports} if target == "up" else {}),
        VARIABLE: mark,
        "QUINTET_HOME": str(tmp_path / "home"),
    }
    # A shell may have started this run with SIGINT ignored, which programs inherit.
    command = ["env", "--default-signal=INT", "make", target, *more]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as make,
    ):
        deadline = time.monotonic() + START_SECONDS
        while not any(last in each for each in commands(mark).values()):
            assert make.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.2)  # polling interval
        assert len(commands(mark)) > 3
        if number == signal.SIGINT:
            os.killpg(make.pid, number)  # as a terminal does for Ctrl-C
        else:
            make.send_signal(number)  # as `kill` does
        make.wait(END_SECONDS)
    deadline = time.monotonic() + END_SECONDS
    while left := commands(mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)  # polling interval
