"""Traffic and events of the installation, on both databases."""

import math
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from quintet_store import open_engine, reading, writing
from quintet_store import operation_history as history
from quintet_store.feedback import stamp
from quintet_store.operation_history import LONG, SHORT, Happening, Traffic
from quintet_store.tables import OperationEvent, TrafficInterval, table_of
from sqlalchemy import func, select

NOW = datetime.now(UTC).replace(microsecond=0)
START = int(NOW.timestamp()) // SHORT * SHORT
ONE = Traffic(3, 1, 1, {0.1: 2, math.inf: 1})


def test_an_interval_is_replaced_summed_over_gateways_and_pruned(database_url, monkeypatch):
    engine = open_engine(database_url)
    with writing(engine) as connection:
        history.keep_traffic(connection, "a", START, SHORT, {"/x": Traffic(1)})
        history.keep_traffic(connection, "a", START, SHORT, {"/x": ONE, "/healthz": ONE})
        history.keep_traffic(connection, "b", START, SHORT, {"/x": ONE})
        history.keep_traffic(connection, "b", START - 3 * 86_400, SHORT, {"/x": ONE})
        history.keep_traffic(connection, "b", START // LONG * LONG, LONG, {"/y": ONE})
    with reading(engine) as connection:
        found = history.traffic_since(connection, NOW - timedelta(hours=1), {"/healthz"})
        month = history.traffic_since(connection, NOW - timedelta(days=31))
    assert found.intervals == [(START, ONE.plus(ONE))]
    assert [name for name, _ in found.routes] == ["/x"]
    assert (found.total.requests, found.total.server_errors) == (6, 2)
    assert (month.seconds, [name for name, _ in month.routes]) == (LONG, ["/y"])
    with writing(engine) as connection:
        history.prune_history(connection, NOW)
        counted = select(func.count()).select_from(table_of(TrafficInterval))
        assert connection.execute(counted).scalar_one() == 4
        monkeypatch.setattr(history, "MOST_INTERVALS", 1)
        history.prune_history(connection, NOW)
        assert connection.execute(counted).scalar_one() <= 1
    engine.dispose()


def test_events_are_noted_once_bounded_and_listed_newest_first(database_url, monkeypatch):
    engine = open_engine(database_url)
    later = stamp(NOW + timedelta(seconds=30))
    events = [
        Happening(stamp(NOW), "service_down", "ranker"),
        Happening(later, "service_down", "ranker"),
        Happening(later, "service_up", "ranker", "x" * 900),
        Happening(stamp(NOW - timedelta(days=200)), "gateway_started", "old"),
    ]
    with writing(engine) as connection:
        history.note_events(connection, events)
    with reading(engine) as connection:
        found = history.events_since(connection, NOW - timedelta(hours=1))
    assert [(e.kind, len(e.detail)) for e in found] == [("service_up", 400), ("service_down", 0)]
    monkeypatch.setattr(history, "MOST_EVENTS", 1)
    with writing(engine) as connection:
        history.prune_history(connection, NOW)
        count = select(func.count()).select_from(table_of(OperationEvent))
        assert connection.execute(count).scalar_one() <= 1
    engine.dispose()


@given(
    st.dictionaries(st.sampled_from([0.01, 0.1, 1.0, math.inf]), st.integers(0, 50)),
    st.floats(0, 1),
)
def test_a_quantile_is_within_the_bucket_that_holds_it(durations, share):
    found = Traffic(durations=durations).quantile(share)
    total = sum(durations.values())
    assert (found is None) == (not total)
    if found is not None:
        ends = [0.0, 0.01, 0.1, 1.0]
        below = sum(n for bound, n in durations.items() if bound <= found)
        assert 0.0 <= found <= ends[-1]
        assert below <= share * total + max(durations.values())
