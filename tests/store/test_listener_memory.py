"""The memory of a listener: what is kept of it, its bounds, and that it is deleted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quintet_store import listeners, open_engine, reading, writing
from quintet_store.feedback import add_events, delete_listener, prune_before, stamp
from quintet_store.listeners import Signal
from sqlalchemy import Engine, create_engine, select

MIDNIGHT = datetime(2026, 1, 31, tzinfo=UTC)


def moment(days: int) -> datetime:
    return MIDNIGHT + timedelta(days=days)


NOW = stamp(moment(0))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_engine(database_url)
    yield made
    made.dispose()


def remember(engine: Engine, listener: str, *signals: Signal, source="lastfm", **more) -> int:
    with writing(engine) as connection:
        facts = {"source": source, "licence": "own", "received_at": NOW, **more}
        return listeners.remember(connection, listener, signals, **facts)


def signals_of(engine: Engine, listener: str) -> list[tuple[str, str, int]]:
    with reading(engine) as connection:
        return [row[:3] for row in listeners.read_signals(connection, listener)]


def revision(engine: Engine, listener: str) -> str:
    with reading(engine) as connection:
        return listeners.revision_of(connection, listener)


def test_a_signal_counts_once_however_often_its_source_gives_it(engine: Engine) -> None:
    heard = [Signal("t1", "play", 20), Signal("t2", "skip", 10)]
    assert remember(engine, "a", *heard) == 2
    before = revision(engine, "a")
    assert remember(engine, "a", *heard, Signal("t3", "play", 5)) == 1
    assert signals_of(engine, "a") == [("t3", "play", 5), ("t2", "skip", 10), ("t1", "play", 20)]
    changed = revision(engine, "a")
    assert changed != before
    assert remember(engine, "a", *heard) == 0
    assert revision(engine, "a") == changed
    assert remember(engine, "", *heard) == 0
    assert revision(engine, "nobody") == ""


def test_a_media_server_that_takes_a_star_away_is_followed(engine: Engine) -> None:
    remember(engine, "a", Signal("t1", "like", 1), Signal("t2", "like", 2), source="navidrome")
    remember(engine, "a", Signal("t3", "play", 3))
    remember(engine, "a", Signal("t2", "like", 2), source="navidrome", replace=True)
    assert signals_of(engine, "a") == [("t2", "like", 2), ("t3", "play", 3)]


def test_a_full_memory_loses_its_oldest_plays_and_no_dislike(engine: Engine, monkeypatch) -> None:
    monkeypatch.setattr(listeners, "MAX_SIGNALS", 100)
    remember(engine, "a", Signal("never", "dislike", 0))
    for start in range(0, 300, 60):
        remember(engine, "a", *(Signal(f"t{n}", "play", n) for n in range(start, start + 60)))
    kept = signals_of(engine, "a")
    assert 90 <= len(kept) <= 100
    assert kept[0] == ("never", "dislike", 0)
    assert [at for _, _, at in kept[1:]] == list(range(301 - len(kept), 300))


def test_the_listener_who_was_silent_longest_makes_room(engine: Engine, monkeypatch) -> None:
    monkeypatch.setattr(listeners, "MAX_LISTENERS", 3)
    for n in range(5):
        received = stamp(moment(n))
        remember(engine, f"l{n}", Signal("t1", "play", 1), received_at=received)
    assert [n for n in range(5) if signals_of(engine, f"l{n}")] == [2, 3, 4]


def test_a_silent_listener_is_forgotten_after_the_retention(engine: Engine) -> None:
    remember(engine, "silent", Signal("t1", "dislike", 1))
    remember(engine, "active", Signal("t1", "dislike", 1))
    remember(engine, "active", Signal("t2", "play", 2), received_at=stamp(moment(10)))
    prune_before(engine, moment(5))
    assert signals_of(engine, "silent") == []
    assert len(signals_of(engine, "active")) == 2


def test_banned_artists_are_bounded_and_a_ban_can_be_lifted(engine: Engine, monkeypatch) -> None:
    monkeypatch.setattr(listeners, "MAX_BANNED_ARTISTS", 2)

    def ban(artist: str) -> bool:
        with writing(engine) as connection:
            return listeners.ban_artist(connection, "a", artist, "feedback", NOW)

    assert [ban("x"), ban("y"), ban("x"), ban("z")] == [True, True, True, False]
    before = revision(engine, "a")
    with writing(engine) as connection:
        assert listeners.allow_artist(connection, "a", "x", NOW)
        assert not listeners.allow_artist(connection, "a", "x", NOW)
    with reading(engine) as connection:
        assert listeners.banned_artists(connection, "a") == ["y"]
    assert revision(engine, "a") != before


@pytest.mark.parametrize(
    ("kind", "dwell", "kept"),
    [("play", 29_999, "skip"), ("play", 30_000, "play"), ("play", None, "play"),
     ("playlist_add", None, "save"), ("dislike", 0, "dislike")],
)  # fmt: skip
def test_an_event_of_feedback_is_remembered_with_it(engine: Engine, kind, dwell, kept) -> None:
    event = {
        "client": "c", "event_id": "e", "recommendation_id": "r", "track_id": "t", "kind": kind,
        "position": 1, "dwell_ms": dwell, "listener": "a", "occurred_at": NOW, "received_at": NOW,
    }  # fmt: skip
    with writing(engine) as connection:
        assert add_events(connection, [event, {**event, "event_id": "f", "listener": ""}]) == 2
        assert add_events(connection, [event]) == 0
    assert signals_of(engine, "a") == [("t", kept, int(moment(0).timestamp()))]


def test_a_deletion_takes_what_came_until_then(engine: Engine) -> None:
    remember(engine, "a", Signal("t1", "play", 1))
    remember(engine, "b", Signal("t1", "play", 1))
    remember(engine, "a", Signal("t2", "play", 2), received_at=stamp(moment(9)))
    with writing(engine) as connection:
        listeners.ban_artist(connection, "a", "x", "feedback", NOW)
        assert delete_listener(connection, "a", stamp(moment(1))).signals == 2
    assert signals_of(engine, "a") == [("t2", "play", 2)]
    assert signals_of(engine, "b") == [("t1", "play", 1)]
    with writing(engine) as connection:
        assert delete_listener(connection, "a", stamp(moment(9))).signals == 1
    assert revision(engine, "a") == ""


_SIGNALS = st.builds(
    Signal, st.sampled_from("uvw"), st.sampled_from(["play", "like"]), st.integers(0, 5)
)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(_SIGNALS, max_size=4), max_size=5))
def test_the_order_of_imports_does_not_matter(imports: list[list[Signal]]) -> None:
    engine = create_engine("sqlite://")
    for table in (listeners.LISTENERS, listeners.SIGNALS):
        table.create(engine)
    results = []
    with engine.begin() as connection:
        for name, order in (("a", imports), ("b", imports[::-1])):
            for signals in order:
                listeners.remember(
                    connection, name, signals, source="s", licence="l", received_at=NOW
                )
            results.append(sorted(listeners.read_signals(connection, name)))
            query = select(listeners.LISTENERS.c.signals)
            counted = connection.execute(query.where(listeners.LISTENERS.c.listener == name))
            assert (counted.scalar() or 0) == len(results[-1])
    engine.dispose()
    assert results[0] == results[1]
