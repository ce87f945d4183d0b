"""k6 as the load generator: open loop at a fixed rate, or closed loop to find saturation."""

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.bench.serving.processes import Running

SCRIPT = Path(__file__).with_name("load.js")
PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}


@dataclass(frozen=True)
class Shot:
    """What one window of load gave.

    Attributes:
        sent: Seconds since the epoch at which each answer came, float64 (n,).
        took: Seconds each took, float64 (n,).
        codes: HTTP status of each, 0 where there was no answer, int64 (n,).
        seconds: How long the window was.
        dropped: Requests that were due and had no user left to send them.
        cpu: CPU seconds of each process of ours meanwhile.
        own_cpu: CPU seconds of the load generator.
    """

    sent: NDArray[np.float64]
    took: NDArray[np.float64]
    codes: NDArray[np.int64]
    seconds: float
    dropped: int
    cpu: dict[str, float]
    own_cpu: float

    @property
    def good(self) -> NDArray[np.float64]:
        """Seconds of the requests answered with 200."""
        answered: NDArray[np.float64] = self.took[self.codes == 200]
        return answered

    def within(self, seconds: float) -> float:
        """Count requests per second that were answered with 200 within so many seconds."""
        return float((self.good <= seconds).sum()) / self.seconds

    def percentiles(self) -> dict[str, float]:
        """Milliseconds by name, of the requests answered."""
        return percentiles([self])


def percentiles(shots: Sequence[Shot]) -> dict[str, float]:
    """Return milliseconds at each of `PERCENTILES` over all requests answered, NaN for none."""
    good = np.concatenate([shot.good for shot in shots]) * 1000
    if not len(good):
        return dict.fromkeys(PERCENTILES, float("nan"))
    return {name: float(np.percentile(good, share)) for name, share in PERCENTILES.items()}


def binary() -> str:
    """Return k6: of this environment (`bench` group of pyproject.toml), else of PATH.

    Raises:
        FileNotFoundError: There is none; the message says how to get it.
    """
    own = Path(sys.executable).with_name("k6")
    found = str(own) if own.is_file() else shutil.which("k6")
    if found is None:
        raise FileNotFoundError("k6 is missing: run `make bench`, or put k6 on PATH")
    return found


class Load:
    """Sends bodies to an address.

    Args:
        bodies: JSON file with a list of request bodies.
        path: The path requests go to.
        scale: Multiplies the length of every window.
    """

    def __init__(self, bodies: Path, path: str, scale: float = 1.0) -> None:
        self._bodies, self._path, self._scale = bodies, path, scale
        self._sent = 0

    def closed(self, target: Running, users: int, seconds: float) -> Shot:
        """Send as fast as so many users get answers."""
        return self._shoot(target, 0.0, users, seconds)

    def open(self, target: Running, rate: float, seconds: float, patience: float = 2.0) -> Shot:
        """Send at a fixed rate however slow answers are, up to rate x patience at once."""
        users = int(min(1500, max(16, rate * patience + 8)))
        return self._shoot(target, rate, users, seconds)

    def _shoot(self, target: Running, rate: float, users: int, seconds: float) -> Shot:
        seconds = max(2.0, seconds * self._scale)
        with tempfile.TemporaryDirectory() as folder:
            raw, summary = Path(folder) / "raw.csv", Path(folder) / "summary.json"
            settings = {
                "BODIES": str(self._bodies),
                "FROM": str(self._sent),
                "SECONDS": f"{seconds:.1f}",
                "RATE": str(round(rate * 100)),
                "USERS": str(users),
                "URL": target.url + self._path,
            }
            before, own = target.cpu_seconds(), _children_cpu()
            _run_k6(raw, summary, settings, seconds)
            after = target.cpu_seconds()
            cpu = {name: after[name] - before[name] for name in before}
            sent, took, codes = _read(raw)
            self._sent += len(took)
            dropped = _dropped(summary)
        return Shot(sent, took, codes, seconds, dropped, cpu, _children_cpu() - own)


def _run_k6(raw: Path, summary: Path, settings: dict[str, str], seconds: float) -> None:
    command = [binary(), "run", "--quiet", "--no-color", "--no-usage-report", "--log-output=none"]
    command += ["--out", f"csv={raw}", "--summary-export", str(summary), "--address", ""]
    done = subprocess.run(
        [*command, str(SCRIPT)],
        env={
            **os.environ,
            **settings,
            "K6_CSV_TIME_FORMAT": "unix_milli",
            "GOMAXPROCS": "1",
            # Few garbage collections: the generator takes time from the processes it measures.
            "GOGC": "1000",
            "K6_NO_USAGE_REPORT": "true",
        },
        capture_output=True,
        text=True,
        timeout=seconds + 40,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"k6 failed: {(done.stderr or done.stdout)[-400:]}")


def _read(raw: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    sent, took, codes = [], [], []
    with raw.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["metric_name"] == "latency":
                sent.append(float(row["timestamp"]) / 1000)
                took.append(float(row["metric_value"]) / 1000)
                codes.append(int(row["extra_tags"].partition("code=")[2].partition("&")[0] or 0))
    return np.array(sent), np.array(took), np.array(codes, dtype=np.int64)


def _dropped(summary: Path) -> int:
    metrics = json.loads(summary.read_text(encoding="utf-8"))["metrics"]
    return int(metrics.get("dropped_iterations", {}).get("count", 0))


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_bodies(
    path: Path, track_ids: Sequence[str], seed: int, count: int = 5_000, **options: object
) -> None:
    """Write request bodies: five random seeds each, as a user would send them, and options."""
    random = np.random.default_rng(seed)
    bodies = []
    for _ in range(count):
        seeds = [track_ids[row] for row in random.choice(len(track_ids), 5, replace=False)]
        bodies.append(json.dumps({"seeds": seeds, "limit": 50, **options}))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(bodies), encoding="utf-8")


def wait_idle(target: Running, seconds: float = 3.0) -> None:
    """Wait until the processes use next to no CPU, up to some seconds."""
    deadline = time.monotonic() + seconds
    last = sum(target.cpu_seconds().values())
    while time.monotonic() < deadline:
        time.sleep(0.2)
        now = sum(target.cpu_seconds().values())
        if now - last < 0.02:
            return
        last = now
