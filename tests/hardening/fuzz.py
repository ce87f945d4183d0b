"""A million bad inputs: `python -m tests.hardening.fuzz --inputs 1000000` writes `build/fuzz.json`.

Three parts: every parser and check in this process, atheris on the protobuf entries in another, and
real servers over real sockets. Nothing may crash, answer 5xx, log a fault or keep memory.
"""

import argparse
import gc
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.hardening.installation import Installation, installed
from tests.hardening.targets import (
    REFUSALS,
    Target,
    file_targets,
    rpc_targets,
    spoiled,
    text_targets,
)
from tests.hardening.wire import Wire

MEBI = 1024 * 1024
# Python and its libraries keep some of what they once needed.
MOST_MIB = 48.0
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
    near = in_process(options.inputs - options.guided - options.wire, chance)
    guided = by_atheris(options.guided, options.seed)
    with installed() as running:
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
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        targets = {**rpc_targets(), **text_targets(folder), **file_targets(folder)}
        for target in targets.values():
            exercise(target, 500, chance, faults, "warm-up")
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


def by_atheris(runs: int, seed: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hardening.guided", f"-runs={runs}", f"-seed={seed}"],
        capture_output=True, text=True, timeout=540, check=False,
    )  # fmt: skip
    text = done.stdout + done.stderr
    ran = re.search(r"stat::number_of_executed_units: +(\d+)", text)
    coverage = re.findall(r"cov: (\d+)", text)
    inputs = int(ran[1]) if ran else 0
    return {
        "inputs": inputs,
        "coverage_first": int(coverage[0]) if coverage else 0,
        "coverage_last": int(coverage[-1]) if coverage else 0,
        "exit_code": done.returncode,
        "tail": [] if done.returncode == 0 else text.splitlines()[-12:],
        "passed": done.returncode == 0 and inputs >= runs,
    }


def over_sockets(running: Installation, count: int, chance: random.Random) -> dict[str, Any]:
    wire = Wire(running, chance)
    processes = {name: psutil.Process(each.pid) for name, each in running.processes.items()}
    send(wire, count // 10)
    before = {name: each.memory_full_info().uss / MEBI for name, each in processes.items()}
    open_before = {name: each.num_fds() for name, each in processes.items()}
    send(wire, count - count // 10)
    left = wire.dawdlers(_DAWDLERS, _DAWDLE_SECONDS)
    dead = running.dead()
    grown = {
        name: round(each.memory_full_info().uss / MEBI - before[name], 1)
        for name, each in processes.items()
        if name not in dead
    }
    kept = {name: each.num_fds() - open_before[name] for name, each in processes.items()}
    errors = Counter(
        {
            name: sum('"level": "error"' in line for line in running.lines(name))
            for name in processes
        }
    )
    failed = {code: n for code, n in wire.codes.items() if code.startswith("5")}
    sound = not dead and not failed and not left and not errors.total()
    return {
        "inputs": wire.codes.total(),
        "codes": dict(wire.codes),
        "answers_5xx": failed,
        "dead": dead,
        "dawdlers_left": left,
        "logged_errors": dict(errors),
        "grown_mib": grown,
        "more_descriptors": kept,
        "passed": sound and max(grown.values()) < MOST_MIB and max(kept.values()) < 16,
    }


def faults_in(lines: Sequence[str]) -> int:
    return sum('"level": "error"' in line for line in lines)


def send(wire: Wire, count: int) -> None:
    wire.bodies(count * 6 // 10)
    wire.heads(count * 2 // 10)
    wire.frames(count * 2 // 10)


if __name__ == "__main__":
    sys.exit(main())
