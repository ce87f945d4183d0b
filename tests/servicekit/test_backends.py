"""One service at several addresses: real servers that die, hang, refuse and come back."""

import ast
import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from prometheus_client import REGISTRY
from quintet.memory.v1 import memory_pb2
from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet.ranker.v1 import path_pb2, radio_pb2, ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_command.ports import free_ports
from quintet_gateway.adapters import UpstreamClients
from quintet_servicekit.backends import Backends, CallPolicy, addresses_of
from quintet_servicekit.breaker import BreakerRules
from quintet_servicekit.channel import open_channel
from quintet_servicekit.errors import DeadlineExceeded, NotReady, Reason
from quintet_servicekit.server import Endpoint, Service

from tests.root import ROOT

NAME = "quintet.profile.v1.ProfileService"
BUILD = f"/{NAME}/BuildProfile"


class Replica(profile_pb2_grpc.ProfileServiceServicer):
    """A server that counts its calls and does as it is told."""

    def __init__(self) -> None:
        self.port = free_ports(1)[0]
        self.calls = 0
        self.answer: Callable[[], Awaitable[None]] = self.at_once
        self._service: Service | None = None

    async def at_once(self) -> None:
        pass

    async def never(self) -> None:
        await asyncio.Event().wait()

    async def not_ready(self) -> None:
        raise NotReady(Reason.NOT_READY, "not yet")

    async def BatchGetAudioFeatures(self, request, context):
        return profile_pb2.BatchGetAudioFeaturesResponse()

    async def BuildProfile(self, request, context):
        self.calls += 1
        await self.answer()
        return profile_pb2.BuildProfileResponse(
            profile=profile_pb2.Profile(catalogue_version=str(self.port))
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._service = Service(
            name=NAME,
            register=lambda server: profile_pb2_grpc.add_ProfileServiceServicer_to_server(
                self, server
            ),
            endpoint=Endpoint(port=self.port, grace=0.0),
        )
        await self._service.start()
        await self._service.ready.wait()

    async def stop(self) -> None:
        service, self._service = self._service, None
        if service is not None:
            await service.stop()


@pytest.fixture
async def replicas() -> AsyncIterator[list[Replica]]:
    made = [Replica(), Replica()]
    for replica in made:
        await replica.start()
    yield made
    for replica in made:
        await replica.stop()


@contextlib.asynccontextmanager
async def opened(
    replicas: list[Replica],
    *,
    retryable: Any = (BUILD,),
    name: Any = "profile",
    host: Any = "127.0.0.1",
    **rules: Any,
) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    backends = Backends(
        name,
        [replica.address.replace("127.0.0.1", host) for replica in replicas],
        lambda address: open_channel(address.replace(host, "127.0.0.1"), timeout=60),
        retryable,
        CallPolicy(**{"breaker": BreakerRules(3, 0.2, 0.4), **rules}),
    )
    stub = profile_pb2_grpc.ProfileServiceStub(cast(grpc.aio.Channel, backends))

    async def call(timeout: float = 60.0) -> str:
        answer = await stub.BuildProfile(profile_pb2.BuildProfileRequest(), timeout=timeout)
        return answer.profile.catalogue_version

    try:
        yield call
    finally:
        await backends.close()


def breaker_state(target: str) -> float | None:
    return REGISTRY.get_sample_value("quintet_breaker_state", {"target": target})


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("ranker:1", ["ranker:1"]),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", ["127.0.0.1:1", "127.0.0.1:2"]),
        ("a:1, b:2", ["a:1", "b:2"]),
        ("", []),
    ],
)
def test_an_address_may_be_a_list(text, addresses):
    assert addresses_of(text) == addresses


async def test_calls_go_round_robin(replicas):
    async with opened(replicas) as call:
        answered = [await call() for _ in range(6)]
    assert answered[:3] + answered[3:] == [str(r.port) for r in replicas] * 3


async def test_a_replica_that_dies_costs_no_call_and_is_used_again_once_it_is_back(replicas):
    async with opened(replicas, name="dying") as call:
        await call()
        await replicas[0].stop()
        answered = {await call() for _ in range(30)}
        assert answered == {str(replicas[1].port)}
        assert breaker_state("dying-1") == 2
        await replicas[0].start()
        async with asyncio.timeout(60):
            while await call() != str(replicas[0].port):
                await asyncio.sleep(0.02)  # until it is tried again
        assert breaker_state("dying-1") == 0


async def test_a_replica_that_hangs_is_overtaken_and_then_left_out(replicas):
    async with opened(replicas, name="hanging", hedge_seconds=0.02) as call:
        replicas[0].answer = replicas[0].never
        started = time.monotonic()
        assert {await call() for _ in range(30)} == {str(replicas[1].port)}
        assert time.monotonic() - started < 4.0
        assert replicas[0].calls <= 8
        overtaken = {"target": "hanging", "answered": "second"}
        assert (REGISTRY.get_sample_value("quintet_hedges_total", overtaken) or 0) >= 3
        replicas[0].answer = replicas[0].at_once
        async with asyncio.timeout(60):
            while await call() != str(replicas[0].port):
                await asyncio.sleep(0.02)  # until it is tried again


async def test_a_replica_left_out_for_being_slow_answers_once_the_others_are_gone(replicas):
    rules = {"hedge_seconds": 0.02, "breaker": BreakerRules(3, 60.0, 60.0)}
    async with opened(replicas, name="slow", **rules) as call:
        replicas[0].answer = replicas[0].never
        while breaker_state("slow-1") != 2:
            await call()
        replicas[0].answer = replicas[0].at_once
        await replicas[1].stop()
        assert {await call() for _ in range(4)} == {str(replicas[0].port)}


@pytest.mark.parametrize(("host", "most"), [("127.0.0.1", 3), ("several.machines", 9)])
async def test_slow_answers_of_one_machine_do_not_stop_the_calls_of_a_name(replicas, host, most):
    rules = {"breaker": BreakerRules(3, 60.0, 60.0), "hedge_share": 0.0}
    async with opened(replicas[:1], name=f"late-{most}", host=host, **rules) as call:
        replicas[0].answer = replicas[0].never
        late = 0
        while breaker_state(f"late-{most}") != 2:
            with pytest.raises(grpc.aio.AioRpcError):
                await call(timeout=0.15)
            late += 1
        assert late == most
        replicas[0].answer = replicas[0].at_once
        with pytest.raises(NotReady):
            await call()


async def test_slow_calls_are_sent_twice_no_more_often_than_the_budget_says(replicas):
    sent_twice = asyncio.Event()

    async def slow() -> None:
        """Answers after 40 calls and the two of the first budget have come, and a while more."""
        if sum(replica.calls for replica in replicas) >= 40 + 2:
            sent_twice.set()
        await asyncio.wait_for(sent_twice.wait(), 60)
        await asyncio.sleep(0.1)

    for replica in replicas:
        replica.answer = slow
    rules = {"hedge_seconds": 0.001, "hedge_share": 0.1, "burst": 2.0}
    async with opened(replicas, **rules) as call:
        await asyncio.gather(*(call() for _ in range(40)))
    assert 40 + 2 <= sum(replica.calls for replica in replicas) <= 40 + 2 + 0.1 * 40


async def test_a_method_that_is_not_retryable_is_sent_once(replicas):
    replicas[0].answer = replicas[0].not_ready
    async with opened(replicas, retryable=(), hedge_seconds=0.001) as call:
        with pytest.raises(grpc.aio.AioRpcError):
            await call()
    assert [replica.calls for replica in replicas] == [1, 0]


async def test_retries_end_with_their_budget(replicas):
    replicas[0].answer = replicas[0].not_ready
    rules = {"breaker": BreakerRules(1000), "retry_share": 0.1, "burst": 2.0}
    failed = 0
    async with opened(replicas[:1], **rules) as call:
        for _ in range(30):
            try:
                await call()
            except grpc.aio.AioRpcError:
                failed += 1
    assert failed == 30
    assert replicas[0].calls <= 30 + 2 + 0.1 * 30


async def test_where_nothing_answers_callers_are_told_at_once_and_why(replicas):
    replicas[0].answer = replicas[0].not_ready
    async with opened(replicas[:1], breaker=BreakerRules(3, 30.0, 60.0)) as call:
        with pytest.raises((NotReady, grpc.aio.AioRpcError)):
            await call()
        calls = replicas[0].calls
        with pytest.raises(NotReady, match="not yet"):
            await call()
        assert replicas[0].calls == calls


async def test_a_caller_that_leaves_takes_its_calls_along(replicas):
    for replica in replicas:
        replica.answer = replica.never
    async with opened(replicas, hedge_seconds=0.01) as call:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await call()
        for replica in replicas:
            replica.answer = replica.at_once
        assert len({await call() for _ in range(4)}) == 2


# Deadlines


@pytest.fixture
def black_hole() -> Iterator[str]:
    """Takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}"


OUTGOING: dict[str, tuple[Any, ...]] = {
    "search_tracks": (search_pb2.SearchTracksRequest(),),
    "search_artists": (search_pb2.SearchArtistsRequest(),),
    "tracks": (search_pb2.BatchGetTracksRequest(),),
    "shown_tracks": (["t"],),
    "artists": (search_pb2.BatchGetArtistsRequest(),),
    "names": (search_pb2.ResolveNamesRequest(),),
    "genres": (search_pb2.ListGenresRequest(),),
    "audio_features": (profile_pb2.BatchGetAudioFeaturesRequest(),),
    "build_profile": (profile_pb2.BuildProfileRequest(),),
    "recommend": (ranker_pb2.RecommendTracksRequest(),),
    "continue_radio": (radio_pb2.ContinueRadioRequest(),),
    "find_path": (path_pb2.FindPathRequest(),),
    "exclusions": (memory_pb2.GetExclusionsRequest(),),
    "preferences": (memory_pb2.GetPreferencesRequest(),),
    "model": (),
    "models": (),
    "hold_challenger": ("challenger",),
    "map": (),
}


def test_every_call_of_the_gateway_is_tried_below():
    calls = {
        name for name, value in vars(UpstreamClients).items()
        if asyncio.iscoroutinefunction(value) and not name.startswith("_")
    }  # fmt: skip
    assert calls == {*OUTGOING, "states", "start", "close"}


async def test_no_call_outlives_its_budget(black_hole):
    services = UpstreamClients(
        dict.fromkeys(("search", "profile", "memory", "ranker"), black_hole), 0.3
    )

    async def ends(name: str) -> None:
        if name == "shown_tracks":
            # Lists are answered without the names of tracks.
            assert not (await services.shown_tracks(*OUTGOING[name])).complete
            return
        with pytest.raises((DeadlineExceeded, NotReady)):
            await getattr(services, name)(*OUTGOING[name])

    started = time.monotonic()
    await asyncio.gather(*map(ends, OUTGOING))
    assert time.monotonic() - started < 5.0
    await services.close()


LIMITED = {
    "httpx.Client": "timeout",
    "httpx.AsyncClient": "timeout",
    "httpx.get": "timeout",
    "httpx.post": "timeout",
    "spotipy.Spotify": "requests_timeout",
    "urllib.request.urlopen": "timeout",
    "urlopen": "timeout",
    "subprocess.run": "timeout",
    "psycopg.connect": "connect_timeout",
    "open_channel": "timeout",
}
"""What reaches out of a process, and the argument that limits how long."""
CHANNELS = {"grpc.aio.insecure_channel", "grpc.aio.secure_channel", "grpc.insecure_channel"}


def _calls(path: Path) -> list[tuple[str, ast.Call]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [(ast.unparse(n.func), n) for n in ast.walk(tree) if isinstance(n, ast.Call)]


def test_whatever_reaches_out_of_a_process_says_how_long_it_may_take():
    rooms = ("libs", "services", "gateway", "ui", "training")
    sources = [path for room in rooms for path in (ROOT / room).glob("**/src/**/*.py")]
    assert len(sources) > 100
    unlimited = []
    for path in sources:
        for name, call in _calls(path):
            given = {keyword.arg for keyword in call.keywords}
            if name in LIMITED and not given & {LIMITED[name], None}:
                unlimited.append(f"{path.relative_to(ROOT)}:{call.lineno} {name}")
            if name in CHANNELS and path.name not in ("channel.py", "tls.py", "probe.py"):
                unlimited.append(f"{path.relative_to(ROOT)}:{call.lineno} {name}")
    assert unlimited == []
