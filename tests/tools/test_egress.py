"""Calls of other machines and look-ups are found in the record; slow: the product makes none."""

import shutil
import subprocess
import sys

import pytest

from tests.needs import STRACE, needs
from tests.root import ROOT
from tests.slow import slow
from tools.egress import calls_of

RECORD = """
7 connect(3, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No such file)
7 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
7 connect(3, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), \
inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0
7 sendto(4, ""..., 1, 0, NULL, 0) = 1
"""
LEAVING = {
    "192.0.2.1 port 80": 'connect(3, {sa_family=AF_INET, sin_port=htons(80), \
sin_addr=inet_addr("192.0.2.1")}, 16) = -1 ENETUNREACH',
    "a look-up at 127.0.0.53 port 53": 'connect(3, {sa_family=AF_INET, sin_port=htons(53), \
sin_addr=inet_addr("127.0.0.53")}, 16) = 0',
    "2001:db8::1 port 443": 'sendto(3, ""..., 1, 0, {sa_family=AF_INET6, sin6_port=htons(443), \
sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = 1',
    "a look-up by /run/systemd/resolve/io.systemd.Resolve": 'connect(3, {sa_family=AF_UNIX, \
sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42) = 0',
}


def test_calls_of_this_machine_do_not_leave_it():
    calls = list(calls_of(RECORD.splitlines()))
    assert [each.leaves for each in calls] == [False, False]


@pytest.mark.parametrize("said", LEAVING)
def test_a_call_of_another_machine_and_a_look_up_are_found(said):
    (call,) = calls_of([f"7 {LEAVING[said]}"])
    assert call.leaves
    assert str(call) == said


@pytest.mark.timeout(1200)
@slow("runs the whole product under strace")
@needs(STRACE, shutil.which("strace") is not None)
def test_the_product_calls_no_other_machine():
    done = subprocess.run(
        [sys.executable, "-m", "tools.egress"],
        cwd=ROOT, capture_output=True, text=True, timeout=1100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("no call leaves this machine\n")
    for name in ("demo", "up", "command"):
        assert f"\n{name}: " in f"\n{done.stdout}"
