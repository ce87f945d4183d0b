"""Serve one gRPC service: health, reflection, deadlines, errors, logs and metrics.

A method raises `AppError`; `interceptor` converts it to a gRPC status, so that no servicer needs
error handling.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from quintet_contract.addresses import host_port

from quintet_servicekit import garbage_collection
from quintet_servicekit.call_limits import Health, connection_options, most_open_calls
from quintet_servicekit.channel import MAX_MESSAGE_BYTES
from quintet_servicekit.interceptor import CallInterceptor
from quintet_servicekit.metrics import PortUnavailable
from quintet_servicekit.tls import Tls

__all__ = ["Endpoint", "PortUnavailable", "Service", "run", "settle_once_ready"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """The address and the limits of a server.

    Attributes:
        host: The address to bind.
        port: The port; the system chooses one if it is 0.
        port_setting: The name of the setting that holds the port, for error messages.
        default_timeout: Seconds allowed for a call without a deadline.
        grace: Seconds that open calls may take after a stop was requested.
        max_concurrent_rpcs: Further calls are rejected with RESOURCE_EXHAUSTED.
        tls: The server's certificate and the check of callers; plain text if None.
    """

    host: str = "127.0.0.1"
    port: int = 0
    port_setting: str = "port"
    default_timeout: float = 10.0
    grace: float = 5.0
    max_concurrent_rpcs: int = 256
    tls: Tls | None = None


@dataclass
class Service:
    """A gRPC service and its life: start, load, report ready, serve, stop.

    Attributes:
        name: The full proto service name, such as `quintet.search.v1.SearchService`.
        register: Adds the servicer to a server.
        endpoint: Where it listens.
        prepare: Loads data or models; health is NOT_SERVING until it returns.
        background: Coroutines that run until the process stops, such as version followers.
        close: Releases threads and connections.
        interceptors: Further server interceptors; they run inside the standard one.
        also: Full names of further services that `register` adds.
    """

    name: str
    register: Callable[[grpc.aio.Server], None]
    endpoint: Endpoint
    prepare: Callable[[], Awaitable[None]] | None = None
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    close: Callable[[], Awaitable[None]] | None = None
    interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
    also: Sequence[str] = ()
    port: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._health = Health()
        self._tasks: list[asyncio.Task[None]] = []
        self._server: grpc.aio.Server | None = None
        self.ready = asyncio.Event()

    async def start(self) -> None:
        """Bind the port and start to prepare; `ready` is set when it serves.

        Raises:
            PortUnavailable: The address is in use, or does not belong to this machine.
        """
        endpoint = self.endpoint
        server = grpc.aio.server(
            interceptors=[
                CallInterceptor(endpoint.default_timeout, endpoint.max_concurrent_rpcs),
                *self.interceptors,
            ],
            maximum_concurrent_rpcs=most_open_calls(endpoint.max_concurrent_rpcs),
            options=[
                # By default a second process could bind the same port and take half of the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                *connection_options(),
            ],
        )
        self.register(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (self.name, *self.also, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        await self._set_serving(False)
        try:
            self.port = _bind(server, endpoint)
        except RuntimeError:
            self.port = 0
        if not self.port:
            raise PortUnavailable(
                f"{host_port(endpoint.host, endpoint.port)} cannot be bound; it may be in use. "
                f"Choose another port with {endpoint.port_setting}."
            )
        await server.start()
        self._server = server
        _log.info("listening", rpc_service=self.name, host=endpoint.host, port=self.port)
        self._tasks.append(asyncio.create_task(self._prepare_and_serve()))

    async def stop(self) -> None:
        """Report NOT_SERVING, let open calls finish within the grace period, release resources."""
        await self._health.enter_graceful_shutdown()
        if self._server is not None:
            await self._server.stop(self.endpoint.grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.close is not None:
            await self.close()
        _log.info("stopped", rpc_service=self.name)

    async def failed(self) -> BaseException:
        """Wait until preparation or a background task fails; the result is its error."""
        pending: set[asyncio.Task[None]] = set(self._tasks)
        while True:
            done, pending = await asyncio.wait(
                pending or set(self._tasks), return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                if not task.cancelled() and (error := task.exception()) is not None:
                    return error
            pending = {task for task in self._tasks if not task.done()}
            if not pending:
                await asyncio.Event().wait()

    async def _prepare_and_serve(self) -> None:
        if self.prepare is not None:
            await self.prepare()
        await self._set_serving(True)
        self.ready.set()
        _log.info("serving", rpc_service=self.name, port=self.port)
        self._tasks.extend(asyncio.create_task(_as_coroutine(job)) for job in self.background)

    async def _set_serving(self, serving: bool) -> None:
        states = health_pb2.HealthCheckResponse
        state = states.SERVING if serving else states.NOT_SERVING
        for name in ("", self.name, *self.also):
            await self._health.set(name, state)


def _bind(server: grpc.aio.Server, endpoint: Endpoint) -> int:
    address = host_port(endpoint.host, endpoint.port)
    if endpoint.tls is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, endpoint.tls.server_credentials())


async def _as_coroutine(job: Callable[[], Awaitable[None]]) -> None:
    await job()


async def settle_once_ready(service: Service) -> None:
    """Exclude all that a process loaded from garbage collection, once the service is ready."""
    await service.ready.wait()
    garbage_collection.settle()


async def run(service: Service) -> int:
    """Serve until SIGTERM or SIGINT, then drain; the result is the process's exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await service.start()
    except PortUnavailable as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    settling = asyncio.create_task(settle_once_ready(service))
    stopping = asyncio.create_task(stop.wait())
    failing = asyncio.create_task(service.failed())
    await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
    fault = failing.result() if failing.done() else None
    for task in (settling, stopping, failing):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await service.stop()
    if fault is not None:
        _log.error("fault", error=str(fault), exc_info=fault)
        sys.stderr.write(f"error: {fault}\n")
        return 1
    return 0
