"""Client side: channels that carry the request id and a deadline."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc

from quintet_servicekit.calls import CallOptions, InstrumentedChannel
from quintet_servicekit.tls import Tls

# What a hop keeps of its caller's time to report a failure with.
RESERVE_SECONDS: Final = 0.02
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024


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
    dress = CallOptions(timeout, metadata)
    if tls is not None:
        return tls.channel(address, options, lambda channel: InstrumentedChannel(channel, dress))
    return InstrumentedChannel(grpc.aio.insecure_channel(address, options=options), dress)
