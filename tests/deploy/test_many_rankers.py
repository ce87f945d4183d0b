"""Several rankers behind one name: calls are spread, and replacing them one by one fails none."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_command.ports import free_ports
from quintet_gateway.adapters import UpstreamClients
from quintet_servicekit.probe import is_serving

from tests.slow import slow

RANKERS = 3
REQUEST = ranker_pb2.RecommendTracksRequest(seeds=[profile_pb2.Seed(genre="rock")], limit=5)


@dataclass
class Rankers:
    """Ranker processes that share a QUINTET_HOME, each with its own port."""

    home: Path
    ports: list[int] = field(default_factory=lambda: free_ports(RANKERS))
    metrics: list[int] = field(default_factory=lambda: free_ports(RANKERS))
    processes: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """What a headless service's name resolves to: all addresses at once."""
        return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def start(self, which: int) -> None:
        self.processes[which] = subprocess.Popen(
            [sys.executable, "-m", "quintet_ranker"],
            env={
                **os.environ,
                "QUINTET_HOME": str(self.home),
                "QUINTET_MLFLOW_URI": "",
                "QUINTET_RANKER_PORT": str(self.ports[which]),
                "QUINTET_RANKER_METRICS_PORT": str(self.metrics[which]),
                "QUINTET_RANKER_THREADS": "1",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def ready(self, which: int) -> None:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(is_serving, f"127.0.0.1:{self.ports[which]}", 0.5):
                assert self.processes[which].poll() is None
                await asyncio.sleep(0.1)  # between looks at another process's state

    def answered(self, which: int) -> int:
        address = f"http://127.0.0.1:{self.metrics[which]}/metrics"
        with urllib.request.urlopen(address, timeout=5) as answer:
            text = answer.read().decode()
        found = re.findall(r'quintet_rpcs_total\{code="OK".*RecommendTracks"\} (\S+)', text)
        return int(float(found[0])) if found else 0

    def stop(self, which: int) -> int:
        self.processes[which].terminate()
        return self.processes[which].wait(timeout=60)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rankers") / "home"
    subprocess.run(
        [sys.executable, "-m", "quintet_command", "prepare"],
        env={**os.environ, "QUINTET_HOME": str(folder)},
        check=True,
        capture_output=True,
        timeout=200,
    )
    return folder


@pytest.fixture
def rankers(home: Path) -> Iterator[Rankers]:
    several = Rankers(home)
    for which in range(RANKERS):
        several.start(which)
    yield several
    for process in several.processes.values():
        process.kill()
        process.wait()


@slow("three rankers and a rollout take two minutes")
async def test_calls_are_spread_and_a_rollout_fails_none(rankers):
    await asyncio.gather(*(rankers.ready(which) for which in range(RANKERS)))
    gateway = UpstreamClients({"ranker": rankers.address}, budget=10.0)
    try:
        # Connections are made at the first call; spreading begins once all stand.
        async with asyncio.timeout(30):
            while not all(map(rankers.answered, range(RANKERS))):
                await gateway.recommend(REQUEST)
        before = [rankers.answered(which) for which in range(RANKERS)]
        for _ in range(30):
            assert (await gateway.recommend(REQUEST)).tracks
        gained = [rankers.answered(which) - before[which] for which in range(RANKERS)]
        # A slow call may be sent to a second ranker as well, so shares are near a third.
        assert sum(gained) >= 30
        assert min(gained) >= 5
        assert await calls_while(gateway, roll_out(rankers)) > 30
    finally:
        await gateway.close()


async def roll_out(rankers: Rankers) -> None:
    """Replaces each ranker, the next only once the one before serves."""
    for which in range(RANKERS):
        assert await asyncio.to_thread(rankers.stop, which) == 0
        rankers.start(which)
        await rankers.ready(which)


async def calls_while(gateway, work) -> int:
    """Calls without a pause until `work` is done; every call must be answered."""
    going = asyncio.create_task(work)
    answered = 0
    try:
        while not going.done():
            assert (await gateway.recommend(REQUEST)).tracks
            answered += 1
    finally:
        going.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going
    return answered
