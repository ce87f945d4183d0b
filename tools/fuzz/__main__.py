"""A million bad inputs: `python -m tools.fuzz --inputs 1000000` writes `build/fuzz.json`.

Three parts: every parser and check in this process, atheris on the protobuf entries in another, and
real servers over real sockets. Nothing may crash, answer 5xx, log a fault or keep memory.
"""

import argparse
import contextlib
import gc
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tools.fuzz.files import file_targets
from tools.fuzz.targets import (
    REFUSALS,
    Target,
    rpc_targets,
    spoiled,
    text_targets,
)
from tools.fuzz.wire import Wire
from tools.installation import SERVICES, Installation, installed

MEBI = 1024 * 1024
# Python and its libraries keep some of what they once needed.
MOST_MIB = 48.0
BUDGET_SECONDS = 8.0
WARM_SECONDS = 20.0
# Arrow and its threads take what they need over the first thousands of damaged files.
WARM_INPUTS = 3_000
GUIDED_SECONDS = 400.0
_DAWDLERS = 50
_DAWDLE_SECONDS = 15.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--guided", type=int, default=200_000, help="of these by atheris")
    parser.add_argument("--wire", type=int, default=6_000, help="of these over sockets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/fuzz.json"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    chance = random.Random(options.seed)
    started = time.monotonic()
    with guiding(options.guided, options.seed) as guided_process:
        near = in_process(options.inputs - options.guided - options.wire, chance)
        guided = by_atheris(guided_process, options.guided)
    # A busy machine is slow to answer, which is no fault of an input; what hangs is found by this.
    with installed(QUINTET_GATEWAY_BUDGET_SECONDS=str(BUDGET_SECONDS)) as running:
        wire = over_sockets(running, options.wire, chance)
    inputs = near["inputs"] + guided["inputs"] + wire["inputs"]
    report = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started),
        "seed": options.seed,
        "inputs": inputs,
        "passed": near["passed"] and guided["passed"] and wire["passed"],
        "in_process": near,
        "atheris": guided,
        "sockets": wire,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 0 if report["passed"] else 1


def in_process(count: int, chance: random.Random) -> dict[str, Any]:
    memory = psutil.Process().memory_info
    faults: list[str] = []
    told: dict[str, dict[str, int]] = {}
    # The folder gets a random name and is closed to others.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:  # nosec B108
        folder = Path(name)
        targets = {**rpc_targets(), **text_targets(folder), **file_targets(folder)}
        for target in targets.values():
            exercise(target, WARM_INPUTS, chance, faults, "warm-up")
        gc.collect()
        before = memory().rss / MEBI
        weights = sum(target.weight for target in targets.values())
        for label, target in targets.items():
            share = int(count * target.weight / weights) + 1
            told[label] = exercise(target, share, chance, faults, label)
        gc.collect()
        grown = memory().rss / MEBI - before
    return {
        "inputs": sum(each["inputs"] for each in told.values()),
        "targets": told,
        "faults": faults[:20],
        "fault_count": len(faults),
        "grown_mib": round(grown, 1),
        "passed": not faults and grown < MOST_MIB,
    }


def exercise(
    target: Target, count: int, chance: random.Random, faults: list[str], label: str
) -> dict[str, int]:
    refused = 0
    for _ in range(count):
        data = spoiled(chance.choice(target.seeds), chance)
        try:
            target.run(data)
        except REFUSALS:
            refused += 1
        except Exception as fault:
            faults.append(f"{label}: {type(fault).__name__}: {fault!s:.120}: {data[:80]!r}")
    return {"inputs": count, "refused": refused}


@contextlib.contextmanager
def guiding(runs: int, seed: int) -> Iterator["subprocess.Popen[str]"]:
    """Run atheris beside what else is done, with its lines in a file that nobody waits for."""
    command = [sys.executable, "-m", "tools.fuzz.guided", f"-runs={runs}", f"-seed={seed}"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as lines:
        process = subprocess.Popen(command, stdout=lines, stderr=subprocess.STDOUT, text=True)
        process.stdout = lines
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def by_atheris(process: "subprocess.Popen[str]", runs: int) -> dict[str, Any]:
    assert process.stdout is not None
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=GUIDED_SECONDS)
    process.stdout.seek(0)
    text = process.stdout.read()
    ran = re.search(r"stat::number_of_executed_units: +(\d+)", text)
    coverage = re.findall(r"cov: (\d+)", text)
    inputs = int(ran[1]) if ran else 0
    return {
        "inputs": inputs,
        "coverage_first": int(coverage[0]) if coverage else 0,
        "coverage_last": int(coverage[-1]) if coverage else 0,
        "exit_code": process.returncode,
        "tail": [] if process.returncode == 0 else text.splitlines()[-12:],
        "passed": process.returncode == 0 and inputs >= runs,
    }


def over_sockets(running: Installation, count: int, chance: random.Random) -> dict[str, Any]:
    wire = Wire(running, chance)
    processes = {name: psutil.Process(running.processes[name].pid) for name in SERVICES}
    # Compiled code takes the ranker over some seconds after it began to serve.
    settled = time.monotonic() + WARM_SECONDS
    while time.monotonic() < settled:
        send(wire, 100)
    before = {name: each.memory_full_info().uss / MEBI for name, each in processes.items()}
    open_before = {name: each.num_fds() for name, each in processes.items()}
    send(wire, count)
    left = wire.dawdlers(_DAWDLERS, _DAWDLE_SECONDS)
    dead = running.processes.ended()
    grown = {
        name: round(each.memory_full_info().uss / MEBI - before[name], 1)
        for name, each in processes.items()
        if name not in dead
    }
    kept = {name: each.num_fds() - open_before[name] for name, each in processes.items()}
    errors = {name: faults_in(running.lines(name)) for name in processes}
    failed = {code: n for code, n in wire.codes.items() if code.startswith("5")}
    sound = not (dead or failed or left or wire.unanswered or any(errors.values()))
    return {
        "inputs": wire.codes.total(),
        "codes": dict(wire.codes),
        "answers_5xx": failed,
        "unanswered": wire.unanswered,
        "slowest_seconds": round(wire.slowest, 2),
        "dead": dead,
        "dawdlers_left": left,
        "logged_errors": {name: len(lines) for name, lines in errors.items()},
        "first_errors": [line for lines in errors.values() for line in lines[:3]],
        "grown_mib": grown,
        "more_descriptors": kept,
        "passed": sound and max(grown.values()) < MOST_MIB and max(kept.values()) < 16,
    }


def faults_in(lines: Sequence[str]) -> list[str]:
    return [line[-1500:] for line in lines if '"level": "error"' in line]


def send(wire: Wire, count: int) -> None:
    wire.bodies(count * 6 // 10)
    wire.heads(count * 2 // 10)
    wire.frames(count * 2 // 10)


if __name__ == "__main__":
    sys.exit(main())
