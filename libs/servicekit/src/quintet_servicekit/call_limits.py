"""Limits on calls that hold a server's resources before or without doing work.

A call occupies a server from its headers on. Callers without a token, streams that stay open, and
callers that never send their message must not use up what requests need, so each kind has a
separate limit: for a connection, for all connections, and in time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2

from quintet_servicekit.errors import InvalidInput, Reason, overloaded
from quintet_servicekit.tokens import CALLER

MESSAGE_SECONDS: Final = 2.0
"""Seconds between the headers of a call and its message; every client sends both at once."""
STREAM_SECONDS: Final = 300.0
"""Seconds after which an open stream ends; clients open another."""
# Calls whose message has not arrived; each costs some 10 KiB.
_MOST_WAITING: Final = 1024
_MOST_STREAMS: Final = 32
_MOST_STREAMS_PER_CONNECTION: Final = 4
_MOST_CHECKS: Final = 256
_MOST_CHECKS_PER_CONNECTION: Final = 16
INFRASTRUCTURE: Final = ("/grpc.health.", "/grpc.reflection.")
"""Methods that probes call: neither measured nor logged, and limited apart from requests."""
# Milliseconds. Without these, a caller that opens connections and sends nothing keeps them.
_HANDSHAKE_MS: Final = 5_000
_IDLE_MS: Final = 10 * 60 * 1000
# gRPC itself adds up to a tenth at random, so that callers do not reconnect all at once.
_AGE_MS: Final = 60 * 60 * 1000
_AGE_GRACE_MS: Final = 30_000
# Half of the calls that a service answers at once: no connection alone uses them up.
_STREAMS_PER_CONNECTION: Final = 128


def connection_options() -> list[tuple[str, int]]:
    """List the options of a server that bound its connections in time and in streams."""
    return [
        ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        ("grpc.max_connection_idle_ms", _IDLE_MS),
        ("grpc.max_connection_age_ms", _AGE_MS),
        ("grpc.max_connection_age_grace_ms", _AGE_GRACE_MS),
    ]


def most_open_calls(max_concurrent_rpcs: int) -> int:
    """Compute how many calls gRPC itself may hold open: requests, and all that wait beside them."""
    return max_concurrent_rpcs + _MOST_WAITING + 2 * (_MOST_STREAMS + _MOST_CHECKS)


class Slots:
    """A number of calls that may run at once, in all and for each connection.

    Args:
        most: Calls in all.
        most_per_peer: Calls of one connection; as many as in all if None.
    """

    def __init__(self, most: int, most_per_peer: int | None = None) -> None:
        self._most = most
        self._most_per_peer = most if most_per_peer is None else most_per_peer
        self._total = 0
        self._by_peer: Counter[str] = Counter()

    @contextmanager
    def held(self, peer: str) -> Iterator[None]:
        """Hold a slot while a call runs.

        Args:
            peer: The connection, as gRPC names it, such as `ipv4:127.0.0.1:50712`.

        Raises:
            ResourceExhausted: None is free.
        """
        if self._total >= self._most or self._by_peer[peer] >= self._most_per_peer:
            raise overloaded("Too many calls of this kind are open; try again in a second.")
        self._total += 1
        self._by_peer[peer] += 1
        try:
            yield
        finally:
            self._total -= 1
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]


async def first_message(requests: AsyncIterator[Message]) -> Message:
    """Read the one message of a call.

    Raises:
        InvalidInput: The call ended without a message, or it is not valid protobuf.
    """
    try:
        return await anext(requests)
    except StopAsyncIteration:
        message = "The call ended without a message; send one request message."
    except DecodeError:
        message = "The message is not valid protobuf; compare it with the .proto files."
    raise InvalidInput(Reason.REQUEST_MALFORMED, message, field="body")


async def message_in_time(requests: AsyncIterator[Message]) -> Message:
    """Read the one message of a call within `MESSAGE_SECONDS`.

    Raises:
        InvalidInput: There is no message, or it is not valid protobuf.
        TimeoutError: None arrived in time.
    """
    async with asyncio.timeout(MESSAGE_SECONDS):
        return await first_message(requests)


class InfrastructureLimits:
    """Limit the calls to health and reflection, with separate slots for authenticated callers.

    Thus callers without a token cannot keep the gateway, which has one, from checking a service.
    """

    def __init__(self) -> None:
        self._streams = [Slots(_MOST_STREAMS, _MOST_STREAMS_PER_CONNECTION) for _ in range(2)]
        self._checks = [Slots(_MOST_CHECKS, _MOST_CHECKS_PER_CONNECTION) for _ in range(2)]

    def bounded(
        self, handler: Any, call: Callable[[Any, Callable[[], Any]], Any]
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        """Wrap a method of health or reflection with its limits.

        Args:
            handler: The method.
            call: Runs the method, given its context, and converts its errors.
        """
        ends = (handler.request_deserializer, handler.response_serializer)
        if handler.unary_unary is not None:

            async def check(requests: AsyncIterator[Message], context: Any) -> Any:
                async def answer() -> Any:
                    with self._checks[_known()].held(context.peer()):
                        return await handler.unary_unary(await message_in_time(requests), context)

                return await call(context, answer)

            return grpc.stream_unary_rpc_method_handler(check, *ends)

        async def stream(requests: AsyncIterator[Message], context: Any) -> None:
            async def answer() -> None:
                with self._streams[_known()].held(context.peer()):
                    async with asyncio.timeout(STREAM_SECONDS):
                        await _run_stream(handler, requests, context)

            await call(context, answer)

        return grpc.stream_stream_rpc_method_handler(stream, *ends)


async def _run_stream(handler: Any, requests: AsyncIterator[Message], context: Any) -> None:
    if handler.unary_stream is not None:
        await handler.unary_stream(await message_in_time(requests), context)
        return
    async for response in handler.stream_stream(requests, context):
        await context.write(response)


def _known() -> bool:
    """Check whether the current call came with a valid token."""
    return CALLER.get() is not None


class Health(health.aio.HealthServicer):
    """The health service; a watcher that does not read delays neither others nor a change.

    The class of the library writes to a watcher while it holds the lock that a change needs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._server_status: dict[str, Any]
        self._changed = asyncio.Event()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Send a service's state now and after each change."""
        unknown = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        last = None
        while True:
            changed = self._changed
            status = self._server_status.get(request.service, unknown)
            if status != last:
                await context.write(health_pb2.HealthCheckResponse(status=status))
            last = status
            await changed.wait()

    async def _set(self, service: str, status: Any) -> None:
        self._server_status[service] = status
        self._changed.set()
        self._changed = asyncio.Event()
