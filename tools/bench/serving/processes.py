"""Processes under measurement: started, watched by /proc, stopped by pid."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.ports import free_ports

ROOT = Path(__file__).parents[3]
SERVICES = ("search", "profile", "ranker", "gateway")
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
        """Returns the CPU seconds that each process and its children have used."""
        return {
            name: sum(_cpu_of(pid) for pid in (first, *_children(first)))
            for name, first in self.pids.items()
        }

    def memory(self) -> dict[str, Memory]:
        """Returns the memory of each process, its children added."""
        return {name: _memory_of((first, *_children(first))) for name, first in self.pids.items()}


def _children(pid: int) -> list[int]:
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(text) for text in path.read_text(encoding="ascii").split()]
    return found + [deeper for child in found for deeper in _children(child)]


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _memory_of(pids: Sequence[int]) -> Memory:
    total = dict.fromkeys(("Rss", "Pss", "Anonymous"), 0.0)
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name in total:
                total[name] += int(rest.split()[0]) / _MIB
    return Memory(total["Rss"], total["Pss"], total["Anonymous"])


@contextmanager
def product(home: Path, log: Path, changes: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Runs gateway, search, profile and ranker as `quintet up` does, on free ports."""
    ports = free_ports(6)
    names = ("GATEWAY", "SEARCH", "PROFILE", "RANKER", "GATEWAY_GRPC", "RANKER_METRICS")
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
    """Starts programs all at once, waits until they are ready, and stops them by pid.

    Raises:
        RuntimeError: One ended, or they did not become ready in time.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    started: dict[str, subprocess.Popen[bytes]] = {}
    with log.open("wb") as lines:
        began = time.monotonic()
        try:
            for name, command in commands.items():
                started[name] = _start(command, lines, environment)
            _await(url + ready_path, started, log, began + seconds)
            pids = {name: process.pid for name, process in started.items()}
            yield Running(url, ready_path, pids, time.monotonic() - began, {})
        finally:
            _stop(list(started.values()))


def _start(
    command: Sequence[str], lines: IO[bytes], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(command),
        stdout=lines,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
        cwd=ROOT,
        start_new_session=True,
    )


def _await(
    url: str, started: Mapping[str, subprocess.Popen[bytes]], log: Path, deadline: float
) -> None:
    while not _answers(url):
        ended = [name for name, process in started.items() if process.poll() is not None]
        if ended or time.monotonic() > deadline:
            raise RuntimeError(f"{', '.join(ended) or 'services'} not ready; see {log}")
        time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def drop_page_cache() -> bool:
    """Empties the page cache where this machine lets us; says whether it did."""
    try:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("1", encoding="ascii")
    except OSError:
        return False
    return True
