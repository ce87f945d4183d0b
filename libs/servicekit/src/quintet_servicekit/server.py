"""Serve one gRPC service: health, reflection, deadlines, errors, logs and metrics.

A method raises `AppError`; the interceptor here converts it to a gRPC status, so that no
servicer needs error handling.
"""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import structlog
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from quintet_servicekit import garbage_collection
from quintet_servicekit.calls import REQUEST_ID_KEY
from quintet_servicekit.channel import MAX_MESSAGE_BYTES
from quintet_servicekit.errors import AppError, DeadlineExceeded, Reason
from quintet_servicekit.logs import REQUEST_ID, accepted_request_id, call_context
from quintet_servicekit.metrics import IN_FLIGHT, RPC_SECONDS, RPCS, PortUnavailable
from quintet_servicekit.status import error_of, grpc_code_of, status_of
from quintet_servicekit.tls import Tls
from quintet_servicekit.tracing import Span, span

__all__ = ["Endpoint", "PortUnavailable", "Service", "run", "settle_once_ready"]

_log = structlog.get_logger(__name__)
# Health and reflection are streams or probes; they are neither measured nor logged.
_INFRASTRUCTURE: Final = ("/grpc.health.", "/grpc.reflection.")
# Codes that are the server's fault; a trace marks them as errors. Other codes are answers.
_FAULTS: Final = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


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
    """

    name: str
    register: Callable[[grpc.aio.Server], None]
    endpoint: Endpoint
    prepare: Callable[[], Awaitable[None]] | None = None
    background: Sequence[Callable[[], Awaitable[None]]] = ()
    close: Callable[[], Awaitable[None]] | None = None
    interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
    port: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._health = health.aio.HealthServicer()
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
            interceptors=[_CallInterceptor(endpoint.default_timeout), *self.interceptors],
            maximum_concurrent_rpcs=endpoint.max_concurrent_rpcs,
            options=[
                # By default a second process could bind the same port and take half of the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ],
        )
        self.register(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (self.name, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        await self._set_serving(False)
        try:
            self.port = _bind(server, endpoint)
        except RuntimeError:
            self.port = 0
        if not self.port:
            raise PortUnavailable(
                f"{endpoint.host}:{endpoint.port} cannot be bound; it may be in use. "
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
        for name in ("", self.name):
            await self._health.set(name, state)


def _bind(server: grpc.aio.Server, endpoint: Endpoint) -> int:
    address = f"{endpoint.host}:{endpoint.port}"
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


class _CallInterceptor(grpc.aio.ServerInterceptor):
    """Add a request id, a deadline, error conversion, a log line and metrics to each unary call."""

    def __init__(self, default_timeout: float) -> None:
        self._default_timeout = default_timeout

    async def intercept_service(
        self, continuation: Callable[..., Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or handler.unary_unary is None or method.startswith(_INFRASTRUCTURE):
            return handler

        async def answer(request: Message, context: Any) -> Any:
            return await self._answer(method, handler.unary_unary, request, context)

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )

    async def _answer(self, method: str, behaviour: Any, request: Message, context: Any) -> Any:
        metadata = dict(context.invocation_metadata() or ())
        offered = metadata.get(REQUEST_ID_KEY)
        request_id = accepted_request_id(str(offered) if offered else None)
        with call_context(request_id), span(method[1:], "server", metadata) as here:
            return await self._watched(here, method, behaviour, request, context)

    async def _watched(
        self, here: Span, method: str, behaviour: Any, request: Message, context: Any
    ) -> Any:
        started = time.perf_counter()
        code = grpc.StatusCode.OK
        IN_FLIGHT.labels(method).inc()
        try:
            async with asyncio.timeout(self._seconds_left(context)):
                return await behaviour(request, context)
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        except grpc.aio.AbortError:
            # The call has ended already, by another interceptor or by the method itself.
            code = context.code() or grpc.StatusCode.UNKNOWN
            raise
        except Exception as fault:
            error = _as_app_error(fault)
            code = grpc.StatusCode.INTERNAL if error is None else grpc_code_of(error)
            await _abort(context, error, fault, REQUEST_ID.get())
        finally:
            IN_FLIGHT.labels(method).dec()
            _account(here, method, code, time.perf_counter() - started)

    def _seconds_left(self, context: Any) -> float:
        remaining = context.time_remaining()
        return self._default_timeout if remaining is None else max(0.0, float(remaining))


def _account(here: Span, method: str, code: grpc.StatusCode, seconds: float) -> None:
    """Record an answer in metrics, trace and log."""
    RPCS.labels(method, code.name).inc()
    RPC_SECONDS.labels(method).observe(seconds)
    here.note(
        {
            "rpc.system": "grpc",
            "rpc.response.status_code": code.name,
            "quintet.request_id": REQUEST_ID.get(),
        }
    )
    if code in _FAULTS:
        here.fail(code.name)
    _log.info("rpc", method=method, code=code.name, ms=round(seconds * 1000, 2))


def _as_app_error(fault: Exception) -> AppError | None:
    """Choose the error that the caller sees; None for a fault whose text must stay internal."""
    if isinstance(fault, AppError):
        return fault
    if isinstance(fault, TimeoutError):
        return DeadlineExceeded(
            Reason.DEADLINE,
            "The answer took longer than the time allowed; allow more time or try again.",
        )
    if isinstance(fault, grpc.aio.AioRpcError):
        return error_of(fault)
    return None


async def _abort(context: Any, error: AppError | None, fault: Exception, request_id: str) -> None:
    """End the call with google.rpc.Status; the text of an unknown fault is logged, never sent."""
    if error is None:
        _log.error("unexpected fault", exc_info=fault)
        await context.abort(
            grpc.StatusCode.INTERNAL, f"Internal error. Report it with request id {request_id}."
        )
    else:
        await context.abort_with_status(rpc_status.to_status(status_of(error, request_id)))
