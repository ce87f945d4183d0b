"""A service under calls that hold without working: no token, no message, no end, no reading."""

import asyncio
import contextlib
import socket
import time
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import h2.config
import h2.connection
import h2.events
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.tokens import Scope, ServiceToken, TokenIssuer
from quintet_servicekit import call_limits
from quintet_servicekit.server import Endpoint, Service
from quintet_servicekit.tokens import TokenInterceptor

NAME = "quintet.profile.v1.ProfileService"
METHOD = f"/{NAME}/BuildProfile"
MOST = 8  # calls that the service answers at once
MANY = 300


class Servicer(profile_pb2_grpc.ProfileServiceServicer):
    async def BatchGetAudioFeatures(self, request, context):
        return profile_pb2.BatchGetAudioFeaturesResponse()

    async def BuildProfile(self, request, context):
        return profile_pb2.BuildProfileResponse()


@asynccontextmanager
async def serving(home=None, most=MOST):
    service = Service(
        name=NAME,
        register=lambda server: profile_pb2_grpc.add_ProfileServiceServicer_to_server(
            Servicer(), server
        ),
        endpoint=Endpoint(grace=0.5, max_concurrent_rpcs=most),
        interceptors=() if home is None else (TokenInterceptor(home),),
    )
    await service.start()
    await service.ready.wait()
    try:
        yield service
    finally:
        await service.stop()


@pytest.fixture
def home(tmp_path):
    KeyFolder(tmp_path / "access").ensure()
    return tmp_path


def authorization(home):
    folder = home / "access"
    return ServiceToken(TokenIssuer(KeyFolder(folder).signing_key), "test").metadata()


async def build(service, metadata=()):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub = profile_pb2_grpc.ProfileServiceStub(channel)
        return await stub.BuildProfile(
            profile_pb2.BuildProfileRequest(), timeout=60, metadata=metadata
        )


class Peer:
    """One HTTP/2 connection on which frames are sent one by one."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.http.initiate_connection()
        self.flush()
        # The server's settings allow so many streams.
        self.ended: dict[int, list[tuple[str, str]]] = {}
        while not any(isinstance(e, h2.events.RemoteSettingsChanged) for e in self.receive()):
            pass

    def flush(self) -> None:
        self.socket.sendall(self.http.data_to_send())

    def headers(self, method: str, *more: tuple[str, str]) -> int:
        stream = self.http.get_next_available_stream_id()
        usual = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "q"),
                 ("content-type", "application/grpc"), ("te", "trailers")]  # fmt: skip
        self.http.send_headers(stream, [*usual, *more])
        self.flush()
        return stream

    def receive(self) -> list[Any]:
        events = self.http.receive_data(self.socket.recv(65_536))
        for event in events:
            if isinstance(event, h2.events.TrailersReceived | h2.events.ResponseReceived):
                pairs = [(_text(name), _text(value)) for name, value in event.headers]
                if any(name == "grpc-status" for name, _ in pairs):
                    self.ended[event.stream_id] = pairs
        self.flush()
        return events

    def status(self, stream: int) -> str:
        while stream not in self.ended:
            self.receive()
        return dict(self.ended[stream])["grpc-status"]


def _text(part) -> str:
    return part.decode() if isinstance(part, bytes) else part


def opened(port, method, count, *more) -> list[Peer]:
    """Open calls that send headers and nothing else, over as many connections as it takes."""
    peers: list[Peer] = []
    for number in range(count):
        if number % 100 == 0:
            peers.append(Peer(port))
        peers[-1].headers(method, *more)
    return peers


@contextlib.contextmanager
def held(peers):
    try:
        yield peers
    finally:
        for peer in peers:
            peer.socket.close()


@pytest.mark.parametrize("method", [METHOD, "/grpc.health.v1.Health/Watch",
                                    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                    "/grpc.health.v1.Health/Check"])  # fmt: skip
@pytest.mark.parametrize("auth", [True, False])
async def test_headers_without_a_message_take_no_slot_from_requests(home, auth, method):
    async with serving(home if auth else None) as service:
        peers = await asyncio.to_thread(opened, service.port, method, MANY)
        with held(peers):
            metadata = authorization(home) if auth else ()
            for _ in range(3):
                assert await build(service, metadata) == profile_pb2.BuildProfileResponse()


async def test_a_call_without_a_token_ends_before_its_message(home):
    async with serving(home) as service:
        peer = await asyncio.to_thread(Peer, service.port)
        with held([peer]):
            started = time.monotonic()
            stream = peer.headers(METHOD)
            status = await asyncio.to_thread(peer.status, stream)
            assert status == str(grpc.StatusCode.UNAUTHENTICATED.value[0])
            assert time.monotonic() - started < call_limits.MESSAGE_SECONDS


async def test_a_message_that_does_not_arrive_ends_its_call():
    async with serving() as service:
        peer = await asyncio.to_thread(Peer, service.port)
        with held([peer]):
            started = time.monotonic()
            status = await asyncio.to_thread(peer.status, peer.headers(METHOD))
            assert status == str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
            assert time.monotonic() - started < 2 * call_limits.MESSAGE_SECONDS


async def test_watching_has_a_limit_for_a_connection_and_in_all():
    async with serving() as service, contextlib.AsyncExitStack() as stack:
        codes = []
        for _ in range(12):
            options = [("grpc.use_local_subchannel_pool", 1)]
            target = f"127.0.0.1:{service.port}"
            channel = await stack.enter_async_context(
                grpc.aio.insecure_channel(target, options=options)
            )
            stub: Any = health_pb2_grpc.HealthStub(channel)
            for _ in range(6):
                call = stub.Watch(health_pb2.HealthCheckRequest(service=NAME))
                try:
                    answer = await call.read()
                    codes.append(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
                except grpc.aio.AioRpcError as fault:
                    codes.append(fault.code().name)
        # 4 for each connection, and 32 in all.
        assert codes[:6] == ["SERVING"] * 4 + ["RESOURCE_EXHAUSTED"] * 2
        assert codes.count("SERVING") == 32
        assert await build(service) == profile_pb2.BuildProfileResponse()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
            probe: Any = health_pb2_grpc.HealthStub(channel)
            state = await probe.Check(health_pb2.HealthCheckRequest(), timeout=60)
            assert state.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_open_stream_ends_after_its_lifetime(monkeypatch):
    monkeypatch.setattr(call_limits, "STREAM_SECONDS", 0.2)
    async with (
        serving() as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        call = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await call.read()).status == health_pb2.HealthCheckResponse.SERVING
        assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_watcher_that_does_not_read_delays_no_change_of_state():
    async with serving() as service:
        peer = await asyncio.to_thread(Peer, service.port)
        with held([peer]):
            # No room for an answer: the server's write of it does not end.
            peer.http.update_settings({4: 0})
            peer.flush()
            while not any(
                isinstance(e, h2.events.SettingsAcknowledged)
                for e in await asyncio.to_thread(peer.receive)
            ):
                pass
            stream = peer.headers("/grpc.health.v1.Health/Watch")
            peer.http.send_data(stream, b"\x00\x00\x00\x00\x00", end_stream=True)
            peer.flush()
            async with asyncio.timeout(60):
                await service._set_serving(False)
                await service._set_serving(True)


async def test_a_watcher_receives_each_change():
    async with (
        serving() as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        call = stub.Watch(health_pb2.HealthCheckRequest(service=NAME))
        states = [(await call.read()).status]
        for serving_now in (False, True):
            await service._set_serving(serving_now)
            states.append((await call.read()).status)
        names = [health_pb2.HealthCheckResponse.ServingStatus.Name(state) for state in states]
        assert names == ["SERVING", "NOT_SERVING", "SERVING"]


async def reflected(service, metadata=()):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast(Any, channel))
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        call = stub.ServerReflectionInfo(asked, metadata=metadata, timeout=60)
        return [s.name async for a in call for s in a.list_services_response.service]


async def code_of_reflection_without_token(service):
    """Send no message: one that meets the server's answer on its way ends as an inner error."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast(Any, channel))
        return await stub.ServerReflectionInfo(timeout=60).code()


async def test_reflection_needs_a_token_where_requests_need_one(home):
    async with serving(home) as service:
        denied = await code_of_reflection_without_token(service)
        assert denied is grpc.StatusCode.UNAUTHENTICATED
        assert NAME in await reflected(service, authorization(home))
    async with serving() as service:
        assert NAME in await reflected(service)


async def test_health_needs_no_token_but_denies_an_invalid_one(home):
    async with (
        serving(home) as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for metadata in ((), authorization(home)):
            answer = await stub.Check(
                health_pb2.HealthCheckRequest(), metadata=metadata, timeout=60
            )
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        # Health needs no scope: a client that may only send feedback is as good as none.
        client, _ = ClientFolder(home / "access").create("only", (Scope.FEEDBACK,))
        issuer = TokenIssuer(KeyFolder(home / "access").signing_key)
        token = issuer.issue(client.client_id, client.generation, client.scopes)
        await stub.Check(
            health_pb2.HealthCheckRequest(),
            metadata=(("authorization", f"Bearer {token}"),),
            timeout=60,
        )
        with pytest.raises(grpc.aio.AioRpcError) as denied:
            await stub.Check(
                health_pb2.HealthCheckRequest(),
                metadata=(("authorization", "Bearer x.y.z"),),
                timeout=60,
            )
        assert denied.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_bytes_that_are_no_message_are_the_callers_mistake():
    async with (
        serving() as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        call: Any = channel.unary_unary(METHOD)
        with pytest.raises(grpc.aio.AioRpcError) as denied:
            await call(b"\xff\xff\xff", timeout=60)
        assert denied.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_connection_that_says_nothing_is_closed(monkeypatch):
    monkeypatch.setattr(call_limits, "_HANDSHAKE_MS", 300)
    async with serving() as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        async with asyncio.timeout(60):
            while await reader.read(65_536):
                pass
        writer.close()


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
async def test_a_service_listens_on_ipv6(host):
    service = Service(
        name=NAME,
        register=lambda server: profile_pb2_grpc.add_ProfileServiceServicer_to_server(
            Servicer(), server
        ),
        endpoint=Endpoint(host=host, grace=0.5),
    )
    await service.start()
    try:
        async with grpc.aio.insecure_channel(f"[::1]:{service.port}") as channel:
            stub = profile_pb2_grpc.ProfileServiceStub(channel)
            await stub.BuildProfile(profile_pb2.BuildProfileRequest(), timeout=60)
    finally:
        await service.stop()
