"""Prometheus metrics that every process has: rate, errors and duration of each call."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, start_http_server


class PortUnavailable(Exception):
    """An address cannot be bound; the message names it and says what to do."""


_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

RPCS: Final = Counter("quintet_rpcs_total", "Calls answered, by status code", ["method", "code"])
RPC_SECONDS: Final = Histogram(
    "quintet_rpc_seconds", "Seconds from call to answer", ["method"], buckets=_BUCKETS
)
IN_FLIGHT: Final = Gauge("quintet_rpcs_in_flight", "Calls being answered", ["method"])
VERSION: Final = Gauge("quintet_version_info", "1 for each version served", ["kind", "version"])
REFUSED: Final = Counter("quintet_versions_refused_total", "Versions refused", ["kind"])
REGISTRY_UP: Final = Gauge("quintet_registry_up", "1 where the registry of models answers")
DEGRADED: Final = Counter("quintet_degraded_total", "Answers given without a part", ["part"])


def start_metrics_server(host: str, port: int) -> None:
    """Serves `/metrics` on its own thread; port 0 turns it off.

    Raises:
        PortUnavailable: The address cannot be bound.
    """
    if not port:
        return
    try:
        start_http_server(port, addr=host)
    except OSError as fault:
        raise PortUnavailable(f"metrics port {host}:{port} cannot be bound") from fault
