"""What is done to the system: each fault begins, lasts, ends, and says where it cannot be had."""

import asyncio
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quintet_modelkit.publication import current_folder, set_current

from tools.chaos.stack import Stack

Step = Callable[[], Awaitable[None]]
LIBFAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@dataclass(frozen=True)
class Fault:
    """One row of the report.

    Attributes:
        name: What is done.
        begin: Does it.
        end: Undoes it.
        seconds: How long it lasts.
        missing: Why it cannot be done here; empty where it can.
        one_replica: Whether the other replica of the service is untouched.
    """

    name: str
    begin: Step
    end: Step
    seconds: float
    missing: str = ""
    one_replica: bool = False


async def nothing() -> None:
    pass


def all_faults(stack: Stack, *, isolated: bool) -> Iterator[Fault]:
    """Yield every fault, those first that need PostgreSQL; the last ones change the stack."""
    yield Fault("none", nothing, nothing, 4.0)
    for name in ("search-2", "profile-2", "ranker-2", "gateway-2", "postgresql", "mlflow"):
        yield _killed(stack, name)
    for name in ("search-2", "profile-2", "ranker-2", "gateway-2", "postgresql", "mlflow"):
        yield _stopped(stack, name)
    yield Fault("200 ms latency to every service", _delayed(stack, 0.2), _delayed(stack, 0.0), 6.0)
    yield from _network(stack, isolated)
    yield from _corrupted(stack)
    yield from _spool_full(stack, isolated)
    yield from _on_sqlite(stack)
    yield from _clock(stack)


def _here(stack: Stack, *names: str) -> str:
    return next((stack.skipped.get(n, f"{n} was not started") for n in names
                 if n not in stack.programs), "")  # fmt: skip


def _killed(stack: Stack, name: str) -> Fault:
    async def begin() -> None:
        await asyncio.to_thread(stack.programs[name].kill)

    async def end() -> None:
        # MLflow takes half a minute to start; nobody who listens waits for it.
        await asyncio.to_thread(stack.start_one, name, wait=name != "mlflow")

    one = not name.startswith(("postgresql", "mlflow"))
    return Fault(f"kill -9 {name}", begin, end, 2.0, _here(stack, name), one)


def _stopped(stack: Stack, name: str) -> Fault:
    async def begin() -> None:
        stack.programs[name].signal(signal.SIGSTOP)

    async def end() -> None:
        stack.programs[name].signal(signal.SIGCONT)

    one = not name.startswith(("postgresql", "mlflow"))
    return Fault(f"SIGSTOP {name} for 10 s", begin, end, 10.0, _here(stack, name), one)


def _delayed(stack: Stack, seconds: float) -> Step:
    async def write() -> None:
        stack.delay.write_text(str(seconds), encoding="utf-8")

    return write


# In the network namespace that all processes share with this one


def _network(stack: Stack, isolated: bool) -> Iterator[Fault]:
    missing = "" if isolated and shutil.which("iptables") else "no network namespace or iptables"
    ports = [
        port for name, port in stack.ports.items()
        if not name.startswith(("gateway", "mlflow", "proxy"))
    ]  # fmt: skip
    loss = ("-m", "statistic", "--mode", "random", "--probability", "0.05", "-j", "DROP")
    yield _filtered("5 % loss to services and database", ports, loss, 8.0, missing)
    ranker = [stack.ports["ranker-2"]]
    yield _filtered("partition of ranker-2", ranker, ("-j", "DROP"), 8.0, missing, one=True)
    both = [stack.ports[f"profile-{number}"] for number in (1, 2)]
    yield _filtered("partition of both profiles", both, ("-j", "DROP"), 6.0, missing)
    both = [stack.ports[f"search-{number}"] for number in (1, 2)]
    yield _filtered("partition of both searches", both, ("-j", "DROP"), 6.0, missing)
    reset = ("-j", "REJECT", "--reject-with", "tcp-reset")
    yield _filtered("resets from ranker-2", ranker, reset, 6.0, missing, one=True)
    if "postgresql" in stack.ports:
        database = [stack.ports["postgresql"]]
        yield _filtered("partition of postgresql", database, ("-j", "DROP"), 8.0, missing)


def _filtered(
    name: str, ports: list[int], rule: tuple[str, ...], seconds: float, missing: str,
    *, one: bool = False,
) -> Fault:  # fmt: skip
    def change(action: str) -> Step:
        async def run() -> None:
            for port in ports:
                for way in ("--dport", "--sport") if "REJECT" not in rule else ("--dport",):
                    command = ["iptables", "-w", action, "INPUT", "-i", "lo", "-p", "tcp"]
                    await _run(*command, way, str(port), *rule)

        return run

    return Fault(name, change("-A"), change("-D"), seconds, missing, one)


async def _run(*command: str) -> None:
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=10)


# Files


def _corrupted(stack: Stack) -> Iterator[Fault]:
    models = stack.home / "models"

    async def publish_damaged() -> None:
        whole = current_folder(models)
        damaged = models / "damaged-1"
        shutil.copytree(whole, damaged)
        _damage(damaged / "booster.txt")
        set_current(models, "damaged-1")

    async def publish_whole() -> None:
        whole = next(p.name for p in models.glob("*/") if p.name.startswith("bootstrap"))
        set_current(models, whole)
        shutil.rmtree(models / "damaged-1")

    yield Fault("a damaged booster is published", publish_damaged, publish_whole, 4.0)
    for name in ("booster.txt", "index.faiss"):
        kept: dict[str, bytes] = {}
        yield Fault(
            f"{name} corrupt, rankers killed in turn",
            _corrupt_and_restart(stack, name, kept),
            _mend(stack, name, kept),
            3.0,
        )


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = b"\xff" * 64
    path.write_bytes(content)


def _corrupt_and_restart(stack: Stack, name: str, kept: dict[str, bytes]) -> Step:
    async def begin() -> None:
        path = current_folder(stack.home / "models") / name
        kept[name] = path.read_bytes()
        # As a disk would do it: in place, under the processes that have it open.
        _damage(path)
        for ranker in ("ranker-1", "ranker-2"):
            await asyncio.to_thread(stack.programs[ranker].kill)
            await asyncio.to_thread(stack.start_one, ranker)
            # As a rolling update does: the next one only once this one has its calls again.
            await asyncio.sleep(1.5)

    return begin


def _mend(stack: Stack, name: str, kept: dict[str, bytes]) -> Step:
    async def end() -> None:
        (current_folder(stack.home / "models") / name).write_bytes(kept[name])

    return end


def _spool_full(stack: Stack, isolated: bool) -> Iterator[Fault]:
    """Put a small separate disk under the spool, and stop the database."""
    spool = stack.home / "spool"
    ballast = spool / "ballast"

    async def begin() -> None:
        spool.mkdir(exist_ok=True)
        await _run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(spool))
        # Room for a few dozen events is left.
        ballast.write_bytes(b"\0" * (256 - 24) * 1024)
        await asyncio.to_thread(stack.programs["postgresql"].kill)

    async def end() -> None:
        await asyncio.to_thread(stack.start_one, "postgresql")
        ballast.unlink()

    missing = _here(stack, "postgresql") or ("" if isolated else "tmpfs needs root")
    yield Fault("full disk under the spool, database away", begin, end, 5.0, missing)


# On SQLite


def _on_sqlite(stack: Stack) -> Iterator[Fault]:
    path = stack.home / "quintet.db"

    async def move() -> None:
        stack.database_url = f"sqlite:///{path}"
        await asyncio.to_thread(stack.fill)
        for gateway in ("gateway-1", "gateway-2"):
            await asyncio.to_thread(stack.programs[gateway].end)
            await asyncio.to_thread(stack.start_one, gateway)

    yield Fault("gateways restarted in turn, on SQLite", move, nothing, 1.0)
    held: list[sqlite3.Connection] = []

    async def lock() -> None:
        held.append(sqlite3.connect(path, isolation_level=None, timeout=10))
        held[0].execute("BEGIN IMMEDIATE")

    async def unlock() -> None:
        held[0].execute("ROLLBACK")
        held[0].close()

    yield Fault("SQLite locked, as by a long import", lock, unlock, 5.0)
    page: dict[str, Any] = {}

    async def corrupt() -> None:
        connection = sqlite3.connect(path, timeout=10)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'feedback_events'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.close()
        page.update(at=(root - 1) * size, size=size)
        with path.open("r+b") as file:
            file.seek(page["at"])
            page["content"] = file.read(size)
            file.seek(page["at"])
            file.write(b"\xff" * size)

    async def restore() -> None:
        with path.open("r+b") as file:
            file.seek(page["at"])
            file.write(page["content"])

    yield Fault("a page of the database corrupt, then restored", corrupt, restore, 5.0)


# The clock


def _clock(stack: Stack) -> Iterator[Fault]:
    missing = "" if LIBFAKETIME else "no libfaketime (Debian: apt-get install libfaketime)"
    state = stack.root / "clock"

    def jump(offset: str) -> Step:
        async def write() -> None:
            state.write_text(f"{offset}\n", encoding="utf-8")

        return write

    async def preload() -> None:
        """Both gateways and a ranker take the wall clock from a file from now on."""
        await jump("+0")()
        for name in ("gateway-1", "gateway-2", "ranker-1"):
            stack.extra[name] = {
                "LD_PRELOAD": str(LIBFAKETIME[0]),
                "FAKETIME_TIMESTAMP_FILE": str(state),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                # Its correction of waits makes a call by gRPC take up to half a second.
                "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            }
            await asyncio.to_thread(stack.programs[name].kill)
            await asyncio.to_thread(stack.start_one, name)

    yield Fault("three restarted, with a clock that can jump", preload, nothing, 1.0, missing)
    yield Fault("clock jumps an hour ahead and back", jump("+3600"), jump("+0"), 4.0, missing)
    yield Fault("clock jumps an hour back and ahead", jump("-3600"), jump("+0"), 4.0, missing)
