"""A program that is bound to its parent ends with it, however the parent dies."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from quintet_command.parent_death import bound_to_parent

from tests.needs import LINUX, needs

pytestmark = needs(LINUX, sys.platform.startswith("linux"))
PARENT = """
import subprocess, sys, time
from quintet_command.parent_death import bound_to_parent
child = subprocess.Popen(bound_to_parent(["sleep", "1000"]))
print(child.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_program_ends_when_its_parent_is_killed(number):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        parent.send_signal(number)
        parent.wait(60)
    deadline = time.monotonic() + 90
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)  # polling interval


def test_the_program_does_not_begin_when_the_parent_has_died_already():
    done = subprocess.run(bound_to_parent(["echo", "begun"], parent=1), capture_output=True)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stdout == b""


def test_the_program_gets_the_usual_signals_variables_and_exit_code():
    program = "import os, sys; print(open('/proc/self/status').read()); sys.exit(7)"
    done = subprocess.run(
        bound_to_parent([sys.executable, "-c", program]), capture_output=True, text=True
    )
    plain = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    def signals(text):
        # SigQ counts the signals that wait for all processes of the user: no fact of this one.
        kept = ("SigPnd", "SigBlk", "SigIgn", "SigCgt")
        return [line for line in text.splitlines() if line.startswith(kept)]

    assert done.returncode == 7
    assert len(signals(plain.stdout)) == 4
    assert signals(done.stdout) == signals(plain.stdout)
