"""Measures the whole product under load and judges its goals: `make bench`.

Exits 1 where a goal that was measured is missed. Ends by itself: the length of windows follows the
seconds that are left, and at the limit everything is stopped and what is there is printed.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

from tools.bench.serving import report
from tools.bench.serving.goals import GROWN, JUDGED, NAIVE, goals_of
from tools.bench.serving.load import binary, write_bodies
from tools.bench.serving.measuring import Plan, flame, measure_product, measure_rival, track_ids
from tools.bench.serving.worlds import ROOT, Source, World, build

SIZES = (114_000, 1_200_000, 6_000)
"""The judged ones first, so that a run cut short has judged them."""
LIMIT = 585.0
# Seconds that the windows of a whole run take at scale 1, processes and floors apart.
_FULL, _LEAST, _FIXED = 340.0, 0.45, 240.0


class OutOfTime(Exception):
    """The limit was reached."""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--sizes", default="", help="such as 114000,6000; all three by default")
    parser.add_argument("--models", default="", help="trained,bootstrap; both by default")
    parser.add_argument("--quick", action="store_true", help="few windows, no rivals")
    parser.add_argument("--no-rivals", action="store_true", help="leave the other systems out")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--home", type=Path, default=Path(os.environ.get("BENCH_HOME", ".quintet/bench"))
    )
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--page", type=Path, help="write docs/performance.md here too")
    parser.add_argument("--prepare", action="store_true", help="make the catalogues and stop")
    parser.add_argument("--flame", type=Path, help="record flame charts into here, and no more")
    return parser.parse_args()


def plan_of(size: int, judged: bool, quick: bool, scale: float) -> Plan:
    """Return how much of one size and model is measured."""
    if not judged:
        return Plan(scale, windows=3)
    if quick:
        return Plan(scale, windows=3, overload=1, swaps=1 if size == JUDGED else 0, bare=1, long=8)
    if size == JUDGED:
        return Plan(
            scale, starts=3, windows=6, rates=(0.25, 0.8), overload=2, swaps=3, bare=3, long=20
        )
    return Plan(scale, windows=5, rates=(0.25, 0.8), bare=3)


class Bench:
    """One run."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked, self.began = asked, time.monotonic()
        self.sizes = tuple(int(s) for s in asked.sizes.split(",") if s) or SIZES
        if asked.flame:
            self.sizes = (JUDGED,)
        self.logs = Path(tempfile.mkdtemp(prefix="quintet-bench-"))
        source = Source.read(asked.data)
        kinds = ("trained", "bootstrap") if source.playlists else ("bootstrap",)
        self.judged = kinds[0]
        self.kinds = tuple(k for k in asked.models.split(",") if k) or kinds
        self.found: dict[str, Any] = {
            "machine": report.machine(),
            "source": source.name,
            "caches": "as the product has them by default",
            "judged": self.judged,
            "sizes": {},
            "rivals": {},
        }

    def say(self, text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self.began:5.0f} s {text}\n")

    def run(self) -> None:
        worlds = build(self.asked.home, self.asked.data, self.sizes, self.say)
        if self.asked.prepare:
            return
        if self.asked.flame:
            flame(worlds[JUDGED], self.judged, self.logs, self.asked.flame, self.say)
            return
        left = LIMIT - (time.monotonic() - self.began) - _FIXED
        scale = 0.6 if self.asked.quick else max(_LEAST, min(1.0, left / _FULL))
        self.found["window_scale"] = round(scale, 2)
        # What is judged comes first: it must be there where the time ends.
        for kind in self.kinds:
            for size in self.sizes:
                self.one(worlds[size], size, kind, scale)
            if kind == self.kinds[0] and not (self.asked.quick or self.asked.no_rivals):
                for size in self.sizes:
                    self.rivals(worlds[size], size, scale)

    def one(self, world: World, size: int, kind: str, scale: float) -> None:
        def on_progress(text: str) -> None:
            self.say(f"{size:,} {kind}: {text}")

        plan = plan_of(size, kind == self.judged, self.asked.quick, scale)
        measured = measure_product(world, kind, plan, self.logs, on_progress)
        self.found["sizes"].setdefault(str(size), {})[kind] = measured

    def rivals(self, world: World, size: int, scale: float) -> None:
        """Measure the naive version at every size, and the original system at the judged one."""
        from tools.bench.rivals import rivals_of

        bodies = self.logs / "rival-bodies.json"
        write_bodies(bodies, track_ids(world), seed=6)
        for name, start in rivals_of(world.home / "catalogue", self.logs).items():
            if name != NAIVE and size != JUDGED:
                continue
            self.say(f"{size:,} rival: {name}")
            with start() as target:
                measured = measure_rival(target, bodies, "/recommendations", Plan(scale, windows=3))
            self.found["rivals"].setdefault(str(size), {})[name] = measured


def main() -> int:
    asked = parse()
    try:
        binary()
    except FileNotFoundError as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    bench = Bench(asked)

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    whole = True
    try:
        bench.run()
    except OutOfTime:
        whole = False
        bench.say("stopped: out of time")
    except (RuntimeError, OSError, subprocess.SubprocessError) as fault:
        # What was measured before is worth telling.
        whole = False
        bench.say(f"stopped: {fault}")
    signal.setitimer(signal.ITIMER_REAL, 0)
    if asked.prepare or asked.flame:
        return 0 if whole else 1
    goals = goals_of(bench.found)
    report.write_json(bench.found, goals, asked.json)
    if asked.page:
        report.write_page(bench.found, goals, asked.page)
    sys.stdout.write(report.text_of(bench.found, goals))
    all_measured = {JUDGED, GROWN} <= set(bench.sizes) and not asked.models
    unmeasured = all_measured and any(goal.met is None for goal in goals)
    missed = any(goal.met is False for goal in goals)
    return 1 if missed or unmeasured or not whole else 0


if __name__ == "__main__":
    assert ROOT.is_dir()
    sys.exit(main())
