"""Prometheus metrics: rate, errors and duration of calls, degraded answers, versions, list quality.

The values of each label come from a closed set (methods, our services, parts). A path, an id or a
text that a caller chose is never a label, because each value creates a time series. A test compares
the table in docs/observing.md with what processes export.
"""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, start_http_server
from quintet_contract.addresses import host_port

from quintet_servicekit.current import SERVICE


class PortUnavailable(Exception):
    """An address cannot be bound; the message contains the address and a way out."""


# Upper bounds in seconds: calls take 1 ms to 10 s, stages of an answer 0.1 ms to 0.5 s.
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)

# --- Calls answered, and calls made -----------------------------------------------------------
RPCS: Final = Counter(
    "quintet_rpcs_total", "Calls answered, by method and status code", ["method", "code"]
)
RPC_SECONDS: Final = Histogram(
    "quintet_rpc_seconds",
    "Seconds from the start of a call to its answer",
    ["method"],
    buckets=_BUCKETS,
)
IN_FLIGHT: Final = Gauge("quintet_rpcs_in_flight", "Calls being answered", ["method"])
CLIENT_RPCS: Final = Counter(
    "quintet_client_rpcs_total",
    "Calls sent to other services, by method and status code",
    ["method", "code"],
)
CLIENT_SECONDS: Final = Histogram(
    "quintet_client_rpc_seconds",
    "Seconds spent waiting for another service",
    ["method"],
    buckets=_BUCKETS,
)
QUEUED: Final = Gauge("quintet_queue_size", "Pieces of work waiting for a thread", ["queue"])
STAGE_SECONDS: Final = Histogram(
    "quintet_stage_seconds", "Seconds of one stage of an answer", ["stage"], buckets=_STAGE_BUCKETS
)
CACHE: Final = Counter(
    "quintet_cache_lookups_total", "Cache lookups, by outcome: hit or miss", ["cache", "outcome"]
)

# --- Degraded answers -------------------------------------------------------------------------
DEGRADED: Final = Counter(
    "quintet_degraded_total", "Answers sent without one of their parts, by part", ["part"]
)
BREAKER: Final = Gauge(
    "quintet_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open", ["target"]
)
RETRIES: Final = Counter(
    "quintet_retries_total",
    "Repeated calls, by outcome: made, or refused by the retry budget",
    ["target", "outcome"],
)
HEDGES: Final = Counter(
    "quintet_hedges_total",
    "Calls sent twice because the first was slow, by the one that answered: first or second",
    ["target", "answered"],
)
SPOOL: Final = Gauge(
    "quintet_spool_events", "Feedback events on disk that are not in the database yet"
)
SPOOL_BYTES: Final = Gauge("quintet_spool_bytes", "Size of the feedback spool on disk in bytes")
REPLAYED: Final = Counter(
    "quintet_spool_replayed_total", "Feedback events moved from the spool to the database"
)

# --- Versions served ---------------------------------------------------------------------------
BUILD: Final = Gauge(
    "quintet_build_info",
    "Always 1; the labels contain the release that runs",
    ["service", "version", "python"],
)
VERSION: Final = Gauge(
    "quintet_version_info", "1 for each version that is served", ["kind", "version"]
)
REFUSED: Final = Counter(
    "quintet_versions_refused_total",
    "Versions rejected because they could not be loaded or checked",
    ["kind"],
)
# With labels, so that a process without registry or model exports no value for them.
REGISTRY_UP: Final = Gauge(
    "quintet_registry_up", "1 if the model registry answers, else 0; by the model's name", ["model"]
)
MODEL_TIME: Final = Gauge(
    "quintet_model_create_time_seconds",
    "Creation time of the model served, as Unix time in seconds",
    ["kind"],
)

# --- Quality of answers ---------------------------------------------------------------------
LIST_FILL: Final = Histogram(
    "quintet_list_fill",
    "Recommended tracks divided by requested tracks",
    buckets=(0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999, 1.0),
)
CANDIDATES: Final = Histogram(
    "quintet_candidates",
    "Candidates ranked for one list",
    buckets=(0, 10, 50, 100, 200, 500, 1000, 2000, 5000, 10_000),
)
LIST_POPULARITY: Final = Histogram(
    "quintet_list_popularity",
    "Mean popularity of the tracks of a list, 0 to 100",
    buckets=(5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
)
LIST_ARTISTS: Final = Histogram(
    "quintet_list_artists_share",
    "Distinct artists divided by tracks of a list",
    buckets=(0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999, 1.0),
)
SEEDS: Final = Counter(
    "quintet_seeds_total", "Seeds in requests, by outcome: known or unknown", ["outcome"]
)


# By service and kind: a process may serve several services, each with a version of one kind.
_served: Final[dict[tuple[str, str], str]] = {}


def note_version(kind: str, version: str) -> None:
    """Set the version of a kind that the service serves, and remove the previous one."""
    key = (SERVICE.get(), kind)
    before = _served.get(key, version)
    _served[key] = version
    others = [held for (_, each), held in _served.items() if each == kind]
    if before not in others:
        VERSION.remove(kind, before)
    VERSION.labels(kind, version).set(1)


def release_of(service: str) -> str:
    """Look up the installed release of one of our services; "unknown" for other programs."""
    try:
        return version(f"quintet-{service}")
    except PackageNotFoundError:
        return "unknown"


def note_build(service: str) -> None:
    """Set the release of the service that this process runs."""
    BUILD.labels(service, release_of(service), platform.python_version()).set(1)


def start_metrics_server(host: str, port: int) -> None:
    """Serve `/metrics` on a separate thread; port 0 turns it off.

    Raises:
        PortUnavailable: The address cannot be bound.
    """
    if not port:
        return
    try:
        start_http_server(port, addr=host)
    except OSError as fault:
        raise PortUnavailable(
            f"metrics port {host_port(host, port)} cannot be bound; choose another port, "
            "or 0 for no metrics"
        ) from fault
