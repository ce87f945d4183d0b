"""Free ports are chosen where no other process chooses, and where no connection takes them."""

import socket
import subprocess
import sys
from pathlib import Path

from quintet_command.ports import free_ports

CHOOSE = """
import sys
from quintet_command.ports import free_ports
print(*free_ports(100), flush=True)
sys.stdin.read()
"""


def system_range() -> range:
    path = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not path.exists():
        return range(32_768, 65_536)
    lowest, highest = map(int, path.read_text(encoding="ascii").split())
    return range(lowest, highest + 1)


def test_ports_are_distinct_free_and_none_that_a_connection_could_take():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert not set(ports) & set(system_range())
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_a_port_is_chosen_again_only_after_all_others():
    chosen = [free_ports(1)[0] for _ in range(60)]
    assert len(set(chosen)) == 60


def test_processes_that_live_at_the_same_time_choose_different_ports():
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CHOOSE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        outputs = [each.stdout for each in started if each.stdout is not None]
        chosen = [{int(port) for port in output.readline().split()} for output in outputs]
    finally:
        for each in started:
            each.communicate(timeout=60)
    assert [len(ports) for ports in chosen] == [100, 100, 100]
    assert len(set.union(*chosen, free_ports(20))) == 320


def test_a_port_in_use_is_passed_over():
    used = free_ports(3)
    servers = [socket.create_server(("127.0.0.1", port)) for port in used]
    try:
        # As many as come before the choice is at the first of those in use again.
        assert not set(free_ports(120)) & set(used)
        assert not set(free_ports(10)) & set(used)
    finally:
        for each in servers:
            each.close()
