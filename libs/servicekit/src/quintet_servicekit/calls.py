"""Outgoing calls to services: request id, deadline, metrics and traces for each of them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import grpc

from quintet_servicekit.logs import REQUEST_ID
from quintet_servicekit.metrics import CLIENT_RPCS, CLIENT_SECONDS
from quintet_servicekit.tracing import span, trace_headers

REQUEST_ID_KEY: Final = "x-request-id"
BACKGROUND_KEY: Final = "x-quintet-background"
"""Metadata of a call that belongs to no request, such as one that asks again and again whether the
catalogue changed; services log its success at debug."""


@dataclass(frozen=True)
class CallOptions:
    """What is added to every call of a channel.

    Attributes:
        timeout: Seconds allowed for a call that sets no timeout.
        metadata: Returns metadata to add, such as an access token; called once per call.
    """

    timeout: float
    metadata: Callable[[], Sequence[tuple[str, str]]]

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Collect the metadata of a call that begins now: token, request id, trace."""
        request_id = REQUEST_ID.get()
        named = (REQUEST_ID_KEY, request_id) if request_id else (BACKGROUND_KEY, "1")
        return (*self.metadata(), named, *trace_headers())


class InstrumentedChannel(grpc.aio.Channel):
    """A channel whose unary calls carry a request id and a deadline, and are measured.

    It does the work of a client interceptor without one: for each call of an intercepted channel,
    gRPC creates a second call object and a second task, which cost more than everything done here.
    """

    def __init__(self, channel: grpc.aio.Channel, options: CallOptions) -> None:
        self._channel = channel
        self._options = options

    def unary_unary(self, method: str, *arguments: Any, **options: Any) -> Any:
        return _InstrumentedMethod(
            method, self._channel.unary_unary(method, *arguments, **options), self._options
        )

    # Only health checks and reflection stream; they need no request id.
    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        return self._channel.unary_stream(*arguments, **options)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        return self._channel.stream_unary(*arguments, **options)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        return self._channel.stream_stream(*arguments, **options)

    async def __aenter__(self) -> "InstrumentedChannel":
        return self

    async def __aexit__(self, *_fault: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._channel.channel_ready()


class _InstrumentedMethod:
    """A unary method of a channel; a generated stub creates one and keeps it."""

    def __init__(self, name: str, method: Callable[..., Any], options: CallOptions) -> None:
        self._method = method
        self._options = options
        self._name = name
        # prometheus_client checks the labels at each look-up.
        self._seconds = CLIENT_SECONDS.labels(name)
        self._calls = cache(partial(CLIENT_RPCS.labels, name))

    async def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str | bytes]] = (),
    ) -> Any:
        """Call the method and wait for its answer.

        Raises:
            AioRpcError: The service is unavailable or answered with an error.
        """
        # Stays if the caller is cancelled: gRPC then cancels the call as well.
        code = grpc.StatusCode.CANCELLED
        started = time.perf_counter()
        with span(self._name[1:], "client") as here:
            try:
                answer = await self._method(
                    request,
                    timeout=self._options.timeout if timeout is None else timeout,
                    metadata=(*metadata, *self._options.pairs()),
                )
                code = grpc.StatusCode.OK
            except grpc.aio.AioRpcError as fault:
                code = fault.code()
                raise
            finally:
                self._calls(code.name).inc()
                self._seconds.observe(time.perf_counter() - started)
                here.note({"rpc.system": "grpc", "rpc.response.status_code": code.name})
                if code not in (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED):
                    here.fail(code.name)
        return answer
