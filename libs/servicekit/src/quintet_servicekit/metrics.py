"""Prometheus metrics: rate, errors and duration of each call, and what an operator asks next.

Each label is of a closed set: names of methods, of services of ours, of parts; never a path, an id
or a text that a caller chose. docs/observing.md has the table of all metrics, which a test compares
with what processes export.
"""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, start_http_server


class PortUnavailable(Exception):
    """An address cannot be bound; the message names it and says what to do."""


_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)

# --- Calls answered, and calls made -----------------------------------------------------------
RPCS: Final = Counter("quintet_rpcs_total", "Calls answered, by status code", ["method", "code"])
RPC_SECONDS: Final = Histogram(
    "quintet_rpc_seconds", "Seconds from call to answer", ["method"], buckets=_BUCKETS
)
IN_FLIGHT: Final = Gauge("quintet_rpcs_in_flight", "Calls being answered", ["method"])
CLIENT_RPCS: Final = Counter(
    "quintet_client_rpcs_total", "Calls made to services, by status code", ["method", "code"]
)
CLIENT_SECONDS: Final = Histogram(
    "quintet_client_rpc_seconds",
    "Seconds that a service was waited for",
    ["method"],
    buckets=_BUCKETS,
)
QUEUED: Final = Gauge("quintet_queue_size", "Pieces of work that wait for a thread", ["queue"])
STAGE_SECONDS: Final = Histogram(
    "quintet_stage_seconds", "Seconds of one stage of an answer", ["stage"], buckets=_STAGE_BUCKETS
)
CACHE: Final = Counter(
    "quintet_cache_lookups_total", "Looks into a cache: hit or miss", ["cache", "outcome"]
)

# --- Going on without -------------------------------------------------------------------------
DEGRADED: Final = Counter("quintet_degraded_total", "Answers given without a part", ["part"])
BREAKER: Final = Gauge(
    "quintet_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open", ["target"]
)
RETRIES: Final = Counter(
    "quintet_retries_total", "Second tries: made, or refused by the budget", ["target", "outcome"]
)
HEDGES: Final = Counter(
    "quintet_hedges_total",
    "Calls made twice because the first was slow, by which answered: first or second",
    ["target", "answered"],
)
SPOOL: Final = Gauge("quintet_spool_events", "Feedback events on disk, not in the database yet")
SPOOL_BYTES: Final = Gauge("quintet_spool_bytes", "Size of the spool of feedback events")
REPLAYED: Final = Counter(
    "quintet_spool_replayed_total", "Feedback events taken from the spool into the database"
)

# --- What is served ---------------------------------------------------------------------------
BUILD: Final = Gauge("quintet_build_info", "1; what runs", ["service", "version", "python"])
VERSION: Final = Gauge("quintet_version_info", "1 for each version served", ["kind", "version"])
REFUSED: Final = Counter("quintet_versions_refused_total", "Versions refused", ["kind"])
# Labels, so that processes that follow no registry and serve no model say nothing of either.
REGISTRY_UP: Final = Gauge(
    "quintet_registry_up", "1 where the registry of models answers, by the model's name", ["model"]
)
MODEL_TIME: Final = Gauge(
    "quintet_model_create_time_seconds", "When the model served was made, Unix time", ["kind"]
)

# --- How good answers are ---------------------------------------------------------------------
LIST_FILL: Final = Histogram(
    "quintet_list_fill",
    "Tracks recommended over tracks asked for",
    buckets=(0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999, 1.0),
)
CANDIDATES: Final = Histogram(
    "quintet_candidates",
    "Candidates that a list was ranked from",
    buckets=(0, 10, 50, 100, 200, 500, 1000, 2000, 5000, 10_000),
)
LIST_POPULARITY: Final = Histogram(
    "quintet_list_popularity",
    "Mean popularity of a list's tracks, 0 to 100",
    buckets=(5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
)
LIST_ARTISTS: Final = Histogram(
    "quintet_list_artists_share",
    "Distinct artists of a list over its tracks",
    buckets=(0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999, 1.0),
)
SEEDS: Final = Counter("quintet_seeds_total", "Seeds asked with: known or unknown", ["outcome"])


_served: Final[dict[str, str]] = {}


def note_version(kind: str, version: str) -> None:
    """Tells which version of a kind this process serves from now on, instead of the last."""
    if kind in _served:
        VERSION.remove(kind, _served[kind])
    VERSION.labels(kind, version).set(1)
    _served[kind] = version


def release_of(service: str) -> str:
    """Returns the release of a service of ours; "unknown" for a program that is none."""
    try:
        return version(f"quintet-{service}")
    except PackageNotFoundError:
        return "unknown"


def note_build(service: str) -> None:
    """Tells which release of a service this process runs."""
    BUILD.labels(service, release_of(service), platform.python_version()).set(1)


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
