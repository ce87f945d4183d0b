"""Client side: channels that carry the request id and a deadline."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc

from quintet_servicekit.calls import watched
from quintet_servicekit.logs import REQUEST_ID
from quintet_servicekit.tls import Tls

REQUEST_ID_KEY: Final = "x-request-id"
# What a hop keeps of its caller's time to report a failure with.
RESERVE_SECONDS: Final = 0.02
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024


class _ContextInterceptor(grpc.aio.UnaryUnaryClientInterceptor):
    """Adds the request id, and a deadline where the caller gave none."""

    def __init__(self, timeout: float, metadata: Callable[[], Sequence[tuple[str, str]]]) -> None:
        self._timeout = timeout
        self._metadata = metadata

    async def intercept_unary_unary(
        self,
        continuation: Callable[..., Any],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        pairs = [*(client_call_details.metadata or ()), *self._metadata()]
        if request_id := REQUEST_ID.get():
            pairs.append((REQUEST_ID_KEY, request_id))
        timeout = client_call_details.timeout
        details = grpc.aio.ClientCallDetails(
            method=client_call_details.method,
            timeout=self._timeout if timeout is None else timeout,
            metadata=grpc.aio.Metadata(*pairs),
            credentials=client_call_details.credentials,
            wait_for_ready=client_call_details.wait_for_ready,
        )
        return await watched(continuation, details, request)


def open_channel(
    address: str,
    *,
    timeout: float,
    metadata: Callable[[], Sequence[tuple[str, str]]] = tuple,
    tls: Tls | None = None,
) -> grpc.aio.Channel:
    """Opens a channel whose calls all have a deadline.

    Args:
        address: `host:port`; a name with several addresses is used round robin. For a list of
            addresses, and for retries, see `backends`.
        timeout: Seconds allowed for a call that names no timeout of its own.
        metadata: Gives metadata to add to each call, such as an access token.
        tls: How the caller proves itself and whom it believes; plain text where None.
    """
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    options = [
        ("grpc.service_config", json.dumps(config)),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        # A restarted service is found again within a second, not after the default two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # Also the longest that connecting may take, which is 20 s otherwise.
        ("grpc.min_reconnect_backoff_ms", 1000),
        ("grpc.keepalive_time_ms", 30_000),
        # Also how long what was sent may stay without an acknowledgement (TCP_USER_TIMEOUT).
        ("grpc.keepalive_timeout_ms", 2_000),
    ]
    interceptors = [_ContextInterceptor(timeout, metadata)]
    if tls is not None:
        return tls.channel(address, options, interceptors)
    return grpc.aio.insecure_channel(address, options=options, interceptors=interceptors)
