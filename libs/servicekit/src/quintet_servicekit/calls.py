"""Calls that go out to services: counted, timed and traced."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc

from quintet_servicekit.metrics import CLIENT_RPCS, CLIENT_SECONDS
from quintet_servicekit.tracing import span, trace_headers


async def watched(
    continuation: Callable[..., Any], details: grpc.aio.ClientCallDetails, request: Any
) -> Any:
    """Makes a unary call from inside an interceptor and returns it, ended.

    Args:
        continuation: The interceptor's.
        details: What the call is made with; the current trace is added.
        request: The message.
    """
    method: str = details.method.decode() if isinstance(details.method, bytes) else details.method
    code = grpc.StatusCode.CANCELLED
    started = time.perf_counter()
    with span(method[1:], "client") as here:
        traced = grpc.aio.ClientCallDetails(
            details.method,
            details.timeout,
            grpc.aio.Metadata(*(details.metadata or ()), *trace_headers()),
            details.credentials,
            details.wait_for_ready,
        )
        call = await continuation(traced, request)
        try:
            code = await call.code()
        except asyncio.CancelledError:
            # Whoever waited has gone; the call itself must not go on until its deadline.
            call.cancel()
            raise
        finally:
            CLIENT_RPCS.labels(method, code.name).inc()
            CLIENT_SECONDS.labels(method).observe(time.perf_counter() - started)
            here.note({"rpc.system": "grpc", "rpc.response.status_code": code.name})
            if code not in (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED):
                here.fail(code.name)
        return call
