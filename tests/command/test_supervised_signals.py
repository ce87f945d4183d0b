"""The supervisor stops when it is asked to, whatever its programs do meanwhile."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from quintet_command.settings import CommandSettings

from tests.needs import LINUX, needs
from tools.processes import children_of

FLAPPING = """
import sys
from pathlib import Path
from quintet_command.supervisor import Program, supervise
ends = Program("ends", (sys.executable, "-c", "import sys; print('again'); sys.exit(1)"))
runs = Program("runs", (sys.executable, "-c", "import time; time.sleep(1000)"))
sys.exit(supervise([ends, runs], {}, Path(sys.argv[1])))
"""


@pytest.mark.parametrize("restarts", [1, 3, 5])
def test_sigterm_is_heard_while_a_program_is_started_again(tmp_path, restarts):
    process = subprocess.Popen(
        [sys.executable, "-c", FLAPPING, str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(restarts):
        while "again" not in (line := process.stdout.readline()):
            assert line, "the supervisor ended before it was asked to"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


@needs(LINUX, sys.platform.startswith("linux"))
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_program_outlives_the_supervisor(tmp_path, number):
    with subprocess.Popen(
        [sys.executable, "-c", FLAPPING, str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "again" not in process.stdout.readline():
            pass
        programs = children_of(process.pid)
        assert programs
        # Nothing of the network reaches the supervisor itself.
        assert not psutil.Process(process.pid).net_connections("inet")
        process.send_signal(number)
        process.wait(60)
    deadline = time.monotonic() + 90
    while left := [pid for pid in programs if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)  # polling interval


@pytest.mark.parametrize(("host", "url"), [("::1", "http://[::1]:8000"),
                                           ("[::1]", "http://[::1]:8000"),
                                           ("::", "http://[::1]:8000"),
                                           ("0.0.0.0", "http://127.0.0.1:8000")])  # fmt: skip
def test_the_gateway_is_reached_where_it_listens(tmp_path, host, url):
    assert CommandSettings(home=tmp_path, host=host).gateway_url == url
