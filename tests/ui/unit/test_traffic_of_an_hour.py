"""Rates and latencies of the last hour, from counters."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from quintet_client import ConnectionFailed
from quintet_ui.traffic import Sample, TrafficRecorder, between, parse_sample, quantile


class Counters:
    """Counters as the gateway keeps them."""

    def __init__(self):
        self.registry = CollectorRegistry()
        self.count = Counter(
            "quintet_http_requests", "x", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram("quintet_http_seconds", "x", ["route"], registry=self.registry)

    def answer(self, route, status, seconds=0.02, times=1):
        for _ in range(times):
            self.count.labels("GET", route, status).inc()
            self.seconds.labels(route).observe(seconds)

    def sample(self, moment=0.0):
        return parse_sample(generate_latest(self.registry).decode(), moment)


def test_what_came_between_two_looks_is_counted_by_route():
    counters = Counters()
    counters.answer("/a", "200", times=5)
    old = counters.sample()
    counters.answer("/a", "200", times=3)
    counters.answer("/a", "503")
    counters.answer("/b", "404")
    rows = between(old, counters.sample())
    assert [(row.route, row.requests, row.failures) for row in rows] == [
        ("/a", 4, 1),
        ("/b", 1, 0),
        ("", 5, 1),
    ]
    assert 0.01 <= rows[0].median <= 0.025


def test_looks_at_the_gateway_itself_are_not_traffic():
    counters = Counters()
    counters.answer("/metrics", "200", times=9)
    counters.answer("/readyz", "503", times=9)
    assert between(None, counters.sample())[-1].requests == 0


def test_counters_that_began_again_are_counted_from_nothing():
    old = Sample(0.0, 100.0, {("/a", "200"): 50.0})
    new = Sample(60.0, 130.0, {("/a", "200"): 7.0})
    assert between(old, new)[-1].requests == 7


def test_nothing_has_no_latency():
    assert math.isnan(between(None, Counters().sample())[-1].p95)


@given(st.lists(st.floats(0.001, 5.0), min_size=1, max_size=50))
def test_a_quantile_lies_in_the_bucket_of_the_value(values):
    bounds = [0.01, 0.1, 1.0, math.inf]
    buckets = {bound: float(sum(value <= bound for value in values)) for bound in bounds}
    true = sorted(values)[math.ceil(0.5 * len(values)) - 1]
    high = next(bound for bound in bounds if true <= bound)
    low = max([0.0, *(bound for bound in bounds if bound < high)])
    assert low <= quantile(0.5, buckets) <= (1.0 if math.isinf(high) else high)


def test_quantiles_grow():
    buckets = {0.1: 10.0, 0.5: 90.0, 1.0: 100.0, math.inf: 100.0}
    assert quantile(0.5, buckets) == pytest.approx(0.3)
    assert quantile(0.95, buckets) == pytest.approx(0.75)


def test_an_hour_begins_with_the_gateway_where_that_is_younger():
    counters = Counters()
    recorder = TrafficRecorder(lambda: generate_latest(counters.registry).decode())
    recorder.look()
    now = time.time()
    assert recorder.last_hour(Sample(now, now - 60)) is None
    assert recorder.last_hour(Sample(now, now - 9999)) is not None
    assert recorder.last_hour(Sample(now + 4000, now - 9999)) is None


def test_looks_close_together_are_kept_once():
    counters = Counters()
    recorder = TrafficRecorder(lambda: generate_latest(counters.registry).decode())
    samples = [recorder.look() for _ in range(5)]
    assert len(recorder.series(samples[-1])) == 2


def test_a_gateway_that_is_away_is_said_so():
    def away():
        raise ConnectionFailed("No gateway answers")

    with pytest.raises(ConnectionFailed):
        TrafficRecorder(away).look()
