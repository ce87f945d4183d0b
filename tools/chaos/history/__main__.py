"""Records a history of events, deletions and promotions under chaos, and checks it.

    python -m tools.chaos.history [--minutes 5] [--seed 1] [--file build/history.jsonl]
    python -m tools.chaos.history --check build/history.jsonl

Eight clients send events, send them again, undo them, and delete and export listeners. Meanwhile
models are promoted, playlists of feedback are imported for training, and one fault follows the
other: a process killed or stopped, the database too, a service cut off. Exit code 1 if a promise is
broken.
"""

import argparse
import asyncio
import contextlib
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from tests.fakes.catalogue import track_id
from tools import leftovers
from tools.chaos.faults import Fault, all_faults
from tools.chaos.history.checker import MODELS, History, violations
from tools.chaos.history.clients import Client, Listeners, now
from tools.chaos.history.operations import HistoryFile, Operation, Outcome, read_history
from tools.chaos.history.places import Places
from tools.chaos.history.registry import Models, models_state
from tools.chaos.isolation import isolate
from tools.chaos.stack import DIGITS, TRACKS, Stack, made
from tools.processes import environment_without

CLIENTS: Final = 8
LISTENERS: Final = 16
MODEL_COUNT: Final = 3
PAUSE_SECONDS: Final = 0.4
CALM_SECONDS: Final = (1.0, 6.0)
PROMOTE_SECONDS: Final = (6.0, 20.0)
TRAIN_SECONDS: Final = 15.0
QUIET_SECONDS: Final = 120.0
# Clocks, files and the kind of database stay as they are: the history has one clock.
_FAULTS: Final = ("kill -9", "SIGSTOP", "loss", "partition", "resets")


async def break_often(faults: Sequence[Fault], dice: random.Random, seconds: float) -> None:
    """Cause one fault after the other, each to its end, for so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        fault = dice.choice(faults)
        sys.stdout.write(f"{now():.3f} {fault.name}\n")
        sys.stdout.flush()
        await fault.begin()
        await asyncio.sleep(fault.seconds)
        await fault.end()
        await asyncio.sleep(dice.uniform(*CALM_SECONDS))


async def train_often(stack: Stack) -> None:
    """Export playlists of feedback and import them some seconds later, until cancelled."""
    path = stack.root / "feedback.jsonl"
    while True:
        await asyncio.sleep(TRAIN_SECONDS)
        await _quintet(stack, "feedback", "export", str(path))
        await asyncio.sleep(TRAIN_SECONDS)
        # A database that is down makes it fail; the next one brings the rows.
        await _quintet(stack, "playlists", "import", str(path), "--source", "feedback")


async def _quintet(stack: Stack, *arguments: str) -> int:
    environment = {
        **environment_without("QUINTET_"),
        "QUINTET_HOME": str(stack.home),
        "QUINTET_DATABASE_URL": stack.database_url,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quintet_command", *arguments),
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        return await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


@contextlib.asynccontextmanager
async def running(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run works beside the body, and cancel them after it; one that fails ends the body."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in works]
        yield
        for task in tasks:
            task.cancel()


async def record(
    stack: Stack, history: HistoryFile, seconds: float, seed: int, isolated: bool
) -> None:
    """Record a history of so many seconds, and what is in every place after it."""
    dice = random.Random(seed)
    models = Models(stack, history)
    await asyncio.to_thread(models.prepare, MODEL_COUNT)
    await models.await_version(models.versions[0])
    faults = [
        each
        for each in all_faults(stack, isolated=isolated)
        if not each.missing
        and any(part in each.name for part in _FAULTS)
        and "corrupt" not in each.name
    ]
    listeners = Listeners(LISTENERS, dice)
    tracks = [track_id(number, DIGITS) for number in range(TRACKS)]
    queries = [dice.sample(tracks, 3) for _ in range(40)]
    async with httpx.AsyncClient(trust_env=False) as http, running(models.watch()):
        clients = [
            Client(stack.gateways, listeners, queries, history, random.Random(dice.random()))
            for _ in range(CLIENTS)
        ]
        async with running(
            *(client.run(http, PAUSE_SECONDS) for client in clients),
            models.promote_often(dice, *PROMOTE_SECONDS),
            train_often(stack),
        ):
            await break_often(faults, dice, seconds)
        await _quiet(stack, models, history)
    places = Places(stack.home, stack.database_url, stack.gateways[0], listeners.every)
    for place, entries in (await asyncio.to_thread(places.read)).items():
        _add_state(history, place, entries)


async def _quiet(stack: Stack, models: Models, history: HistoryFile) -> None:
    """Wait until all programs answer, no event waits, and rankers serve a last promotion."""
    for name in stack.programs:
        await asyncio.to_thread(stack.wait, name)
    deadline = time.monotonic() + QUIET_SECONDS
    while list((stack.home / "spool").glob("*.events")) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    await asyncio.to_thread(models.promote, models.versions[-1])
    served = await models.await_version(models.versions[-1])
    _add_state(history, MODELS, models_state(served))


def _add_state(history: HistoryFile, place: str, entries: Sequence[Any]) -> None:
    facts = {"place": place, "entries": entries}
    history.add(Operation("state", now(), now(), Outcome.OK, facts))


def judge(path: Path) -> int:
    """Check a file, and print what it holds and each broken promise; return the exit code."""
    with path.open(encoding="utf-8") as lines:
        operations = read_history(lines)
    counts = Counter((each.kind, str(each.outcome)) for each in operations)
    for (kind, outcome), count in sorted(counts.items()):
        sys.stdout.write(f"{count:7,} {kind} {outcome}\n")
    history, end = History(operations), float("inf")
    stored = sum(history.must_be_stored(each) for each in history.attempts)
    deleted = sum(history.deleted_by(each, end) is not None for each in history.attempts)
    undone = sum(history.undone_by(each, end) for each in history.attempts)
    sys.stdout.write(
        f"of {len(history.attempts):,} events, {stored:,} must be stored, {deleted:,} must be "
        f"deleted, {undone:,} must be undone; for the others more than one outcome is correct\n"
    )
    broken = violations(operations)
    sys.stdout.writelines(f"{each.rule}: {each.text}\n" for each in broken)
    sys.stdout.write(f"{len(broken)} promises broken, {len(operations):,} operations\n")
    return int(bool(broken))


def main() -> int:
    """Record and check, or check only."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="how long faults are caused")
    parser.add_argument("--seed", type=int, default=1, help="chooses operations and faults")
    parser.add_argument("--file", type=Path, default=Path("build/history.jsonl"))
    parser.add_argument("--check", type=Path, help="a file to check; nothing is recorded")
    options = parser.parse_args()
    if options.check:
        return judge(options.check)
    isolated = isolate("tools.chaos.history")
    # After the change of namespaces, which closes the descriptor that the watcher waits for.
    leftovers.watch()
    history = HistoryFile(options.file)
    with made() as stack:
        stack.start(postgresql=True, mlflow=True)
        asyncio.run(record(stack, history, 60 * options.minutes, options.seed, isolated))
    history.close()
    return judge(options.file)


if __name__ == "__main__":
    sys.exit(main())
