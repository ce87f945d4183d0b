"""The service kit over real sockets: a small server that speaks the profile contract."""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest
import structlog
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet_servicekit.channel import open_channel
from quintet_servicekit.errors import DeadlineExceeded, InvalidInput, Reason
from quintet_servicekit.logs import REQUEST_ID
from quintet_servicekit.probe import is_serving
from quintet_servicekit.server import Endpoint, PortUnavailable, Service, settle_once_ready
from quintet_servicekit.status import error_of

NAME = "quintet.profile.v1.ProfileService"


class Servicer(profile_pb2_grpc.ProfileServiceServicer):
    async def BatchGetAudioFeatures(self, request, context):
        return profile_pb2.BatchGetAudioFeaturesResponse()

    def __init__(self, answer: Callable) -> None:
        self.answer = answer

    async def BuildProfile(self, request, context):
        return await self.answer(request, context)


async def echo_request_id(_request, _context):
    profile = profile_pb2.Profile(catalogue_version=REQUEST_ID.get())
    return profile_pb2.BuildProfileResponse(profile=profile)


@asynccontextmanager
async def running(answer=echo_request_id, **options) -> AsyncIterator[Service]:
    endpoint = Endpoint(default_timeout=options.pop("default_timeout", 5.0), grace=1.0)
    service = Service(
        name=NAME,
        register=lambda server: profile_pb2_grpc.add_ProfileServiceServicer_to_server(
            Servicer(answer), server
        ),
        endpoint=endpoint,
        **options,
    )
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def call(service: Service, *, timeout: float = 5.0):
    async with open_channel(f"127.0.0.1:{service.port}", timeout=timeout) as channel:
        stub = profile_pb2_grpc.ProfileServiceStub(channel)
        return await stub.BuildProfile(profile_pb2.BuildProfileRequest())


async def health_of(service: Service, name: str = "") -> int:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status


async def test_health_turns_serving_only_once_prepared():
    prepared = asyncio.Event()
    async with running(prepare=prepared.wait) as service:
        assert await health_of(service, NAME) == health_pb2.HealthCheckResponse.NOT_SERVING
        assert not await asyncio.to_thread(is_serving, f"127.0.0.1:{service.port}")
        prepared.set()
        await service.ready.wait()
        assert await health_of(service, NAME) == health_pb2.HealthCheckResponse.SERVING
        assert await asyncio.to_thread(is_serving, f"127.0.0.1:{service.port}")


async def test_the_collector_leaves_alone_what_was_there_when_a_service_became_ready():
    prepared = asyncio.Event()
    before = gc.get_freeze_count()
    try:
        async with running(prepare=prepared.wait) as service:
            settling = asyncio.create_task(settle_once_ready(service))
            await asyncio.sleep(0)
            assert gc.get_freeze_count() == before
            prepared.set()
            await settling
            assert gc.get_freeze_count() > before + 10_000
    finally:
        gc.unfreeze()


async def test_the_request_id_crosses_the_hop():
    token = REQUEST_ID.set("req-42")
    async with running() as service:
        answer = await call(service)
    REQUEST_ID.reset(token)
    assert answer.profile.catalogue_version == "req-42"


@pytest.mark.parametrize(("request_id", "level"), [("", "debug"), ("req-42", "info")])
async def test_a_call_that_no_request_caused_is_logged_at_debug(request_id, level):
    token = REQUEST_ID.set(request_id)
    with structlog.testing.capture_logs() as lines:
        async with running() as service:
            await call(service)
    REQUEST_ID.reset(token)
    assert [each["log_level"] for each in lines if each["event"] == "rpc"] == [level]


async def test_a_call_that_fails_is_logged_at_info_also_if_no_request_caused_it():
    async def fail(*_):
        raise DeadlineExceeded(Reason.DEADLINE, "Too slow.")

    with structlog.testing.capture_logs() as lines:
        async with running(fail) as service:
            with pytest.raises(grpc.aio.AioRpcError):
                await call(service)
    assert [each["log_level"] for each in lines if each["event"] == "rpc"] == ["info"]


async def test_an_app_error_arrives_as_status_with_error_info():
    async def refuse(_request, _context):
        raise InvalidInput(Reason.SEED_COUNT, "seeds must be 1 to 5; got 0", field="seeds")

    async with running(refuse) as service:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(service)
    status = rpc_status.from_call(cast(Any, caught.value))
    info = error_details_pb2.ErrorInfo()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert status.details[0].Unpack(info)
    assert (info.reason, info.metadata["field"]) == ("SEED_COUNT", "seeds")
    error = error_of(caught.value)
    assert isinstance(error, InvalidInput)
    assert (error.reason, error.field) == (Reason.SEED_COUNT, "seeds")


async def test_an_unexpected_fault_hides_its_text():
    async def fail(_request, _context):
        raise KeyError("secret internals")

    async with running(fail) as service:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(service)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value.details())
    assert "request id" in str(caught.value.details())


async def test_a_call_ended_by_the_behaviour_keeps_its_code():
    async def abort(_request, context):
        await context.abort(grpc.StatusCode.NOT_FOUND, "gone")

    async with running(abort) as service:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(service)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, "gone")


async def never(_request, _context):
    await asyncio.Event().wait()


async def test_a_call_without_a_deadline_gets_the_servers():
    async with (
        running(never, default_timeout=0.05) as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        stub = profile_pb2_grpc.ProfileServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.BuildProfile(profile_pb2.BuildProfileRequest())
    assert isinstance(error_of(caught.value), DeadlineExceeded)


async def test_the_clients_deadline_holds():
    async with running(never) as service:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(service, timeout=0.05)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_port_in_use_is_refused_by_name():
    async with running() as first:
        second = Service(
            NAME, lambda server: None, Endpoint(port=first.port, port_setting="X_PORT")
        )
        with pytest.raises(PortUnavailable, match=f"{first.port}.*X_PORT"):
            await second.start()


PROGRAM = textwrap.dedent(
    """
    import asyncio, sys
    from quintet_servicekit.logs import configure_logs
    from quintet_servicekit.server import Endpoint, Service, run
    configure_logs("probe")
    service = Service("a.B", lambda server: None, Endpoint(port=int(sys.argv[1])))
    sys.exit(asyncio.run(run(service)))
    """
)


def start_program(port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "serving":
            return int(event["port"])
    raise AssertionError("the server ended without serving")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_exits_with_zero(number):
    process = start_program(0)
    port_of(process)
    process.send_signal(number)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in rest


def test_a_second_process_on_the_port_exits_with_two_and_one_line():
    first = start_program(0)
    port = port_of(first)
    second = start_program(port)
    _, text = second.communicate(timeout=60)
    first.terminate()
    first.communicate(timeout=60)
    assert second.returncode == 2
    assert f"127.0.0.1:{port}" in text.splitlines()[-1]
    assert "Traceback" not in text
