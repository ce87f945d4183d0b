"""Open gRPC channels to services, with deadlines, limits and quick reconnects."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc

from quintet_servicekit.calls import CallOptions, InstrumentedChannel
from quintet_servicekit.tls import Tls

# Seconds of the caller's deadline that a process keeps to report a failure in time.
RESERVE_SECONDS: Final = 0.02
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a request that a server reads at most; gRPC's default."""
# A list of 500 tracks with reasons has 2 MB, and 25 MB if every title and artist has the thousand
# characters that imports allow, each of four bytes.
_MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024


def open_channel(
    address: str,
    *,
    timeout: float,
    metadata: Callable[[], Sequence[tuple[str, str]]] = tuple,
    tls: Tls | None = None,
) -> grpc.aio.Channel:
    """Open a channel on which every call has a deadline.

    Args:
        address: `host:port`; if the name has several addresses, they are used round robin. For a
            list of addresses, and for retries, see `backends`.
        timeout: Seconds allowed for a call that sets no timeout.
        metadata: Returns metadata to add to each call, such as an access token.
        tls: The certificates of the caller and of the authority that it trusts; plain text if None.
    """
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    options = [
        ("grpc.service_config", json.dumps(config)),
        ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
        # A restarted service is reached again within a second, not after the default two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # Also the longest time for one connection attempt, which is 20 s by default.
        ("grpc.min_reconnect_backoff_ms", 1000),
        ("grpc.keepalive_time_ms", 30_000),
        # Also how long sent data may stay without an acknowledgement (TCP_USER_TIMEOUT).
        ("grpc.keepalive_timeout_ms", 2_000),
    ]
    call_options = CallOptions(timeout, metadata)

    def instrument(channel: grpc.aio.Channel) -> grpc.aio.Channel:
        return InstrumentedChannel(channel, call_options)

    if tls is not None:
        return tls.channel(address, options, instrument)
    return instrument(grpc.aio.insecure_channel(address, options=options))
