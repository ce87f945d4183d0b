"""Processes under measurement: started, watched by /proc, stopped by pid."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quintet_command.ports import free_ports

from tools.processes import Processes, children_of

ROOT = Path(__file__).parents[3]
SERVICES = ("search", "profile", "ranker", "memory", "gateway")
_TICK = os.sysconf("SC_CLK_TCK")
_MIB = 1024.0


@dataclass(frozen=True)
class Memory:
    """MiB of one process, from smaps_rollup: resident, its share of shared pages, not of files."""

    rss: float
    pss: float
    anonymous: float


@dataclass
class Running:
    """Processes that serve one address.

    Attributes:
        url: Where requests go.
        ready_path: Answers 200 once all is ready.
        pids: By name.
        start_seconds: From the first process started until ready.
        ports: Of gRPC and metrics, by name.
    """

    url: str
    ready_path: str
    pids: dict[str, int]
    start_seconds: float
    ports: dict[str, int]

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds that each process and its children have used."""
        return {
            name: sum(_cpu_of(pid) for pid in (first, *children_of(first)))
            for name, first in self.pids.items()
        }

    def memory(self) -> dict[str, Memory]:
        """Return the memory of each process, its children added."""
        return {name: memory_of((first, *children_of(first))) for name, first in self.pids.items()}


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory_of(pids: Sequence[int]) -> Memory:
    """Return the memory of some processes together.

    Raises:
        OSError: One has ended.
    """
    total = dict.fromkeys(("Rss", "Pss", "Anonymous"), 0.0)
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name in total:
                total[name] += int(rest.split()[0]) / _MIB
    return Memory(total["Rss"], total["Pss"], total["Anonymous"])


@contextmanager
def product(home: Path, log: Path, changes: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run gateway, search, profile, ranker and memory as `quintet up` does, on free ports."""
    names = ("GATEWAY", "SEARCH", "PROFILE", "RANKER", "MEMORY", "GATEWAY_GRPC", "RANKER_METRICS")
    ports = free_ports(len(names))
    environment = {
        "QUINTET_HOME": str(home.resolve()),
        "QUINTET_HOST": "127.0.0.1",
        "QUINTET_AUTH": "off",
        "QUINTET_DATABASE_URL": "",
        "QUINTET_MLFLOW_URI": "",
        "PYTHONUNBUFFERED": "1",
        **{f"QUINTET_{n}_PORT": str(p) for n, p in zip(names, ports, strict=True)},
        **(changes or {}),
    }
    commands = {name: (sys.executable, "-m", f"quintet_{name}") for name in SERVICES}
    numbers = dict(zip((name.lower() for name in names), ports, strict=True))
    with running(commands, f"http://127.0.0.1:{ports[0]}", "/readyz", log, environment) as found:
        found.ports = numbers
        yield found


@contextmanager
def running(
    commands: Mapping[str, Sequence[str]],
    url: str,
    ready_path: str,
    log: Path,
    environment: Mapping[str, str],
    seconds: float = 90.0,
) -> Iterator[Running]:
    """Start programs all at once, wait until they are ready, and stop them by pid.

    Raises:
        ProcessFailed: One ended, or they did not become ready in time.
    """
    began = time.monotonic()
    with Processes(log.with_suffix("")) as started:
        for name, command in commands.items():
            started.start(name, command, environment, ROOT)
        # Each poll makes the gateway ask all services: more polls would slow the start down.
        started.await_answer(url + ready_path, seconds, poll_seconds=0.05)
        pids = {name: started[name].pid for name in commands}
        yield Running(url, ready_path, pids, time.monotonic() - began, {})


def drop_page_cache() -> bool:
    """Empty the page cache where this machine lets us; say whether it did."""
    try:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("1", encoding="ascii")
    except OSError:
        return False
    return True
