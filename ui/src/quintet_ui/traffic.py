"""Request rates and latencies of the last hour, from samples of the gateway's counters."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from quintet_client import QuintetError

HOUR_SECONDS: Final = 3600.0
SAMPLE_SECONDS: Final = 30.0
# Some more than an hour, for samples that visits of the page add.
_MOST_SAMPLES: Final = int(HOUR_SECONDS / SAMPLE_SECONDS) + 8
_WATCHED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Routes that probes and Prometheus call: no listener waits for them."""

Buckets = Mapping[float, float]


@dataclass(frozen=True)
class Sample:
    """The gateway's counters at one time.

    Attributes:
        moment: Unix time.
        start: When the gateway started, Unix time; 0 where unknown.
        requests: Count by (route, status).
        buckets: Cumulated counts by upper bound in seconds, by route.
    """

    moment: float
    start: float
    requests: Mapping[tuple[str, str], float] = field(default_factory=dict)
    buckets: Mapping[str, Buckets] = field(default_factory=dict)


@dataclass(frozen=True)
class RouteTraffic:
    """Requests, errors and latencies of one route.

    Attributes:
        route: Its path; empty for all together.
        requests: How many answers.
        failures: How many of them were 5xx.
        median: Seconds; NaN without requests.
        p95: Seconds; NaN without requests.
    """

    route: str
    requests: float
    failures: float
    median: float
    p95: float


def parse_sample(text: str, moment: float) -> Sample:
    """Read the counters of a text in Prometheus' format."""
    start = 0.0
    counted: dict[tuple[str, str], float] = {}
    buckets: dict[str, dict[float, float]] = {}
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            route = labels.get("route", "")
            if name == "process_start_time_seconds":
                start = value
            elif route in _WATCHED:
                continue
            elif name == "quintet_http_requests_total":
                key = (route, labels["status"])
                counted[key] = counted.get(key, 0.0) + value
            elif name == "quintet_http_seconds_bucket":
                bound = float(labels["le"])
                counts = buckets.setdefault(route, {})
                counts[bound] = counts.get(bound, 0.0) + value
    return Sample(moment, start, counted, buckets)


def between(old: Sample | None, new: Sample) -> list[RouteTraffic]:
    """Subtract two samples: a row per route, the busiest first, and a total at the end.

    Args:
        old: The earlier one; None for since the gateway started. One from before a restart of
            the gateway counts as None: its counters began again.
        new: The later one.
    """
    if old is not None and old.start != new.start:
        old = None
    requests = {
        key: count - (old.requests.get(key, 0.0) if old else 0.0)
        for key, count in new.requests.items()
    }
    buckets = {
        route: {
            bound: count - (old.buckets.get(route, {}).get(bound, 0.0) if old else 0.0)
            for bound, count in counts.items()
        }
        for route, counts in new.buckets.items()
    }
    routes = sorted({route for route, _ in requests})
    rows = [_traffic(route, [route], requests, buckets) for route in routes]
    # Counters of routes without requests in between differ by 0.
    rows = sorted((row for row in rows if row.requests), key=lambda row: -row.requests)
    return [*rows, _traffic("", routes, requests, buckets)]


def quantile(share: float, buckets: Buckets) -> float:
    """Estimate a quantile of a histogram, linear within a bucket; NaN if it is empty.

    Source of the formula: `histogram_quantile` of Prometheus.
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return math.nan
    below, low = 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= share * total:
            if math.isinf(bound):
                # The last bucket has no upper bound: its lower one is the best estimate.
                return low
            within = count - below
            return low + (bound - low) * ((share * total - below) / within if within else 1.0)
        below, low = count, bound
    return low


class TrafficRecorder:
    """Samples the gateway's counters every half minute and keeps an hour of samples.

    Args:
        read: Returns the gateway's metrics as text.
    """

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._samples: deque[Sample] = deque(maxlen=_MOST_SAMPLES)
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> "TrafficRecorder":
        """Start to sample, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="traffic", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop sampling."""
        self._stopped.set()

    def look(self) -> Sample:
        """Take a sample now; it is kept unless the last one is younger than half an interval.

        Raises:
            QuintetError: The gateway did not answer.
        """
        sample = parse_sample(self._read(), time.time())
        with self._lock:
            last = self._samples[-1].moment if self._samples else -math.inf
            if sample.moment - last >= SAMPLE_SECONDS / 2:
                self._samples.append(sample)
        return sample

    def last_hour(self, now: Sample) -> Sample | None:
        """Find the oldest sample within an hour; None if the gateway started within it."""
        if now.start > now.moment - HOUR_SECONDS:
            return None
        return next(iter(self._within_hour(now.moment)), None)

    def series(self, now: Sample) -> list[Sample]:
        """List the samples of the last hour, the newest last."""
        return [*self._within_hour(now.moment), now]

    def _within_hour(self, moment: float) -> Sequence[Sample]:
        with self._lock:
            return [each for each in self._samples if each.moment > moment - HOUR_SECONDS]

    def _run(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            try:
                self.look()
            except (QuintetError, ValueError):
                # Unreachable, or not metrics: the next sample may succeed.
                continue


def _traffic(
    name: str,
    routes: Sequence[str],
    requests: Mapping[tuple[str, str], float],
    buckets: Mapping[str, Buckets],
) -> RouteTraffic:
    chosen = {key: count for key, count in requests.items() if key[0] in routes}
    merged: dict[float, float] = {}
    for route in routes:
        for bound, count in buckets.get(route, {}).items():
            merged[bound] = merged.get(bound, 0.0) + count
    return RouteTraffic(
        name,
        sum(chosen.values()),
        sum(count for (_, status), count in chosen.items() if status.startswith("5")),
        quantile(0.5, merged),
        quantile(0.95, merged),
    )
