"""What every call of a service passes: request id, deadline, limits, errors, log line, metrics."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache, partial
from typing import Any, Final

import grpc
import structlog
from google.protobuf.message import Message
from grpc_status import rpc_status

from quintet_servicekit.call_limits import (
    INFRASTRUCTURE,
    MESSAGE_SECONDS,
    STREAM_SECONDS,
    InfrastructureLimits,
    Slots,
    first_message,
)
from quintet_servicekit.calls import BACKGROUND_KEY, REQUEST_ID_KEY
from quintet_servicekit.errors import AppError, DeadlineExceeded, Reason
from quintet_servicekit.logs import REQUEST_ID, accepted_request_id, call_context
from quintet_servicekit.metrics import IN_FLIGHT, RPC_SECONDS, RPCS
from quintet_servicekit.status import error_of, grpc_code_of, status_of
from quintet_servicekit.tracing import Span, span

_log = structlog.get_logger(__name__)
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


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Outermost: add a request id, a deadline, limits, error conversion, a log line and metrics.

    gRPC would wait for the message of a unary method before it calls the method, for as long as the
    caller likes. Therefore each method is served as one that reads its message itself. An inner
    interceptor that denies a call returns a `stream_unary` handler, which is called at once.

    Args:
        default_timeout: Seconds allowed for a call without a deadline.
        most: Calls that may be answered at once, counted once their message is there.
    """

    def __init__(self, default_timeout: float, most: int) -> None:
        self._default_timeout = default_timeout
        self._slots = Slots(most)
        # A quarter: the others stay free for calls that end at once.
        self._streams = Slots(max(1, most // 4))
        self._infrastructure = InfrastructureLimits()

    async def intercept_service(
        self, continuation: Callable[..., Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        denied = handler is not None and handler.stream_unary is not None
        if handler is None or (method.startswith(INFRASTRUCTURE) and not denied):
            return handler and self._infrastructure.bounded(handler, _converted)

        ends = (handler.request_deserializer, handler.response_serializer)
        if handler.unary_stream is not None:
            return grpc.stream_stream_rpc_method_handler(self._streaming(method, handler), *ends)

        async def answer(requests: AsyncIterator[Message], context: Any) -> Any:
            if denied:
                return await self._answer(method, handler.stream_unary, requests, context)
            return await self._answer(method, self._reading(handler.unary_unary), requests, context)

        return grpc.stream_unary_rpc_method_handler(answer, *ends)

    def _streaming(self, method: str, handler: Any) -> Callable[..., Awaitable[None]]:
        """Serve a method that returns several messages, as one call with one deadline.

        A caller that reads slowly holds its slot, so streams have few of them, and end in time.
        """

        async def send(request: Message, context: Any) -> None:
            with self._streams.held(""):
                async with asyncio.timeout(STREAM_SECONDS):
                    async for message in handler.unary_stream(request, context):
                        await context.write(message)

        async def answer(requests: AsyncIterator[Message], context: Any) -> None:
            await self._answer(method, self._reading(send), requests, context)

        return answer

    def _reading(self, behaviour: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def read(requests: AsyncIterator[Message], context: Any) -> Any:
            left = self._seconds_left(context)
            loop = asyncio.get_running_loop()
            deadline = loop.time() + left
            async with asyncio.timeout(min(left, MESSAGE_SECONDS)) as limit:
                request = await first_message(requests)
                limit.reschedule(deadline)
                with self._slots.held(""):
                    return await behaviour(request, context)

        return read

    async def _answer(self, method: str, behaviour: Any, requests: Any, context: Any) -> Any:
        metadata = dict(context.invocation_metadata() or ())
        offered = metadata.get(REQUEST_ID_KEY)
        request_id = accepted_request_id(str(offered) if offered else None)
        with call_context(request_id), span(method[1:], "server", metadata) as here:
            quiet = BACKGROUND_KEY in metadata
            return await self._watched(here, method, behaviour, requests, context, quiet=quiet)

    async def _watched(
        self, here: Span, method: str, behaviour: Any, requests: Any, context: Any, *, quiet: bool
    ) -> Any:
        started = time.perf_counter()
        code = grpc.StatusCode.OK
        series = _series(method)
        series.in_flight.inc()
        try:
            return await behaviour(requests, context)
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
            series.in_flight.dec()
            _account(here, method, code, time.perf_counter() - started, quiet=quiet)

    def _seconds_left(self, context: Any) -> float:
        remaining = context.time_remaining()
        return self._default_timeout if remaining is None else max(0.0, float(remaining))


class _Series:
    """The metrics of one method: prometheus_client checks the labels at each look-up."""

    def __init__(self, method: str) -> None:
        self.in_flight = IN_FLIGHT.labels(method)
        self.seconds = RPC_SECONDS.labels(method)
        self.calls = cache(partial(RPCS.labels, method))


@cache  # only methods that a servicer has get here
def _series(method: str) -> _Series:
    return _Series(method)


async def _converted(context: Any, answer: Callable[[], Awaitable[Any]]) -> Any:
    """Run a method of health or reflection, with its errors converted, but without a log line."""
    try:
        return await answer()
    except grpc.aio.AbortError:
        raise
    except Exception as fault:
        await _abort(context, _as_app_error(fault), fault, "")


def _account(
    here: Span, method: str, code: grpc.StatusCode, seconds: float, *, quiet: bool
) -> None:
    """Record an answer in metrics, trace and log; if `quiet`, success is logged at debug."""
    name = code.name
    series = _series(method)
    series.calls(name).inc()
    series.seconds.observe(seconds)
    here.note(
        {
            "rpc.system": "grpc",
            "rpc.response.status_code": name,
            "quintet.request_id": REQUEST_ID.get(),
        }
    )
    if code in _FAULTS:
        here.fail(name)
    log = _log.debug if quiet and code is grpc.StatusCode.OK else _log.info
    log("rpc", method=method, code=name, ms=round(seconds * 1000, 2))


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
