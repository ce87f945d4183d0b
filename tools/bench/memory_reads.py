"""How long the memory service takes to answer from full memories; one line for each method.

`python -m tools.bench.memory_reads` fills memories of 20,000 signals in a SQLite database of a
temporary folder, starts the real service, and calls it as the gateway does.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quintet.memory.v1 import memory_pb2, memory_pb2_grpc
from quintet_contract.limits import MAX_SIGNALS
from quintet_memory.app import build
from quintet_memory.settings import MemorySettings
from quintet_servicekit.channel import open_channel
from quintet_store import listeners, open_engine, writing
from quintet_store.feedback import stamp
from quintet_store.listeners import Signal

_LISTENERS = 20
_AGAIN = 500
_TRACKS = 5_000
_YEAR = 365 * 86_400


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="quintet-memory-") as folder:
        home = Path(folder)
        _fill(f"sqlite:///{home / 'quintet.db'}")
        asyncio.run(_measure(home))
    return 0


def _fill(url: str) -> None:
    rng, now = random.Random(1), int(time.time())
    engine = open_engine(url)
    for number in range(_LISTENERS):
        signals = [
            Signal(f"{rng.randrange(_TRACKS):022d}", "play", now - rng.randrange(2 * _YEAR))
            for _ in range(MAX_SIGNALS)
        ]
        with writing(engine) as connection:
            listeners.remember(
                connection, _name(number), signals, source="bench", licence="none",
                received_at=stamp(datetime.now(UTC)),
            )  # fmt: skip
    engine.dispose()


async def _measure(home: Path) -> None:
    service = build(MemorySettings(home=home, port=0))
    await service.start()
    await service.ready.wait()
    async with open_channel(f"127.0.0.1:{service.port}", timeout=10) as channel:
        stub = memory_pb2_grpc.MemoryServiceStub(channel)
        # The first call opens the connection.
        await stub.GetExclusions(_request("f" * 64), timeout=10)
        names = [_name(number) for number in range(_LISTENERS)]
        lists = [await _timed(stub.GetExclusions, _request(names[n % 20])) for n in range(_AGAIN)]
        none = [await _timed(stub.GetExclusions, _request("e" * 64)) for _ in range(_AGAIN)]
        liked = [
            await _timed(
                stub.GetPreferences, memory_pb2.GetPreferencesRequest(listener=names[n % 20])
            )
            for n in range(_AGAIN)
        ]
        whole = [memory_pb2.GetMemoryRequest(listener=name) for name in names]
        first = [await _timed(stub.GetMemory, each) for each in whole]
        again = [await _timed(stub.GetMemory, whole[n % 20]) for n in range(_AGAIN)]
    await service.stop()
    for name, times in (
        (f"GetExclusions of {MAX_SIGNALS:,} signals", lists),
        ("GetExclusions without a memory", none),
        (f"GetPreferences of {MAX_SIGNALS:,} signals", liked),
        ("GetMemory, first", first),
        ("GetMemory, again", again),
    ):
        median, tail = statistics.median(times), sorted(times)[int(len(times) * 0.99)]
        sys.stdout.write(f"{name}: median {median:.1f} ms, 99th percentile {tail:.1f} ms\n")


async def _timed(method: Any, request: object) -> float:
    start = time.perf_counter()
    await method(request, timeout=10)
    return (time.perf_counter() - start) * 1000


def _request(listener: str) -> memory_pb2.GetExclusionsRequest:
    return memory_pb2.GetExclusionsRequest(listener=listener, heard_days=14)


def _name(number: int) -> str:
    return f"{number:064x}"


if __name__ == "__main__":
    sys.exit(main())
