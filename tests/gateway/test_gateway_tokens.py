"""The gateway's own token: renewed when a service denies it, and reported when it cannot be."""

import contextlib
import time
from types import SimpleNamespace

import grpc
import pytest
from quintet.search.v1 import search_pb2
from quintet_access.keys import KeyFolder
from quintet_gateway.access import AccessRules, Auth, Gatekeeper
from quintet_gateway.adapters import UpstreamClients
from quintet_servicekit.errors import NotReady
from quintet_servicekit.server import Endpoint, Service
from quintet_servicekit.tokens import TokenInterceptor

NAME = "quintet.search.v1.SearchService"


@contextlib.asynccontextmanager
async def search(home):
    """A service that serves one method and checks tokens by the keys of a home."""

    async def genres(_request, _context):
        return search_pb2.ListGenresResponse()

    handler = grpc.unary_unary_rpc_method_handler(
        genres,
        search_pb2.ListGenresRequest.FromString,
        search_pb2.ListGenresResponse.SerializeToString,
    )
    generic = grpc.method_handlers_generic_handler(NAME, {"ListGenres": handler})
    service = Service(
        name=NAME,
        register=lambda server: server.add_generic_rpc_handlers((generic,)),
        endpoint=Endpoint(grace=0.2),
        interceptors=(TokenInterceptor(home),),
    )
    await service.start()
    await service.ready.wait()
    try:
        yield service
    finally:
        await service.stop()


@pytest.fixture
def homes(tmp_path):
    for name in ("gateway", "service"):
        KeyFolder(tmp_path / name / "access").ensure()
    return tmp_path / "gateway", tmp_path / "service"


@contextlib.asynccontextmanager
async def clients(home, service):
    gatekeeper = Gatekeeper(AccessRules(Auth.ON, home / "access"))
    upstream = UpstreamClients(
        {"search": f"127.0.0.1:{service.port}"},
        10.0,
        gatekeeper.service_metadata,
        renew=gatekeeper.renew_service_token,
    )
    try:
        yield upstream
    finally:
        await upstream.close()


async def test_a_denied_token_is_replaced_within_the_call(homes, monkeypatch):
    home, _ = homes
    async with search(home) as service, clients(home, service) as upstream:
        await upstream.genres(search_pb2.ListGenresRequest())
        # The keys are replaced behind the gateway's back: its token is of a key nobody knows.
        for path in (home / "access").rglob("*.json"):
            path.unlink()
        KeyFolder(home / "access").ensure()
        now = time.monotonic
        monkeypatch.setattr("quintet_access.tokens.time.monotonic", lambda: now() + 5)
        await upstream.genres(search_pb2.ListGenresRequest())
        assert await upstream.states() == {"search": "SERVING"}


@pytest.mark.parametrize("jump", [3600, -3600])
async def test_a_clock_that_is_set_breaks_no_call(homes, monkeypatch, jump):
    home, _ = homes
    offset = [0.0]
    # Only for tokens: the clock of gRPC itself is not Python's.
    clock = SimpleNamespace(time=lambda: time.time() + offset[0], monotonic=time.monotonic)
    monkeypatch.setattr("quintet_access.tokens.time", clock)
    async with search(home) as service, clients(home, service) as upstream:
        for offset[0] in (0.0, float(jump), 0.0):
            await upstream.genres(search_pb2.ListGenresRequest())
            assert await upstream.states() == {"search": "SERVING"}


async def test_readiness_finds_out_that_a_service_denies_the_gateway(homes):
    home, other = homes
    async with search(other) as service, clients(home, service) as upstream:
        assert await upstream.states() == {"search": "UNAUTHENTICATED"}
        with pytest.raises(NotReady):
            await upstream.genres(search_pb2.ListGenresRequest())


async def test_readiness_finds_out_that_a_service_is_down(homes):
    home, _ = homes
    async with search(home) as service:
        pass
    async with clients(home, service) as upstream:
        assert await upstream.states() == {"search": "UNREACHABLE"}
