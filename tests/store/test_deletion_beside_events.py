"""A deletion beside a transaction that stores events of the same listener."""

import threading
from collections.abc import Iterator

import pytest
from quintet_store import open_engine, reading, writing
from quintet_store.feedback import add_events, delete_listener, hold_events, without_deleted
from quintet_store.tables import FeedbackEvent, table_of
from sqlalchemy import Engine, func, select

EARLIER, NOW, LATER = (f"2026-01-31T00:00:0{second}.000Z" for second in range(3))
ANN = "a" * 64
EVENTS = table_of(FeedbackEvent)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_engine(database_url)
    yield made
    made.dispose()


def row(listener: str, received: str) -> dict[str, object]:
    return {
        **{"client": "app", "event_id": "e1", "recommendation_id": "r", "track_id": "t"},
        **{"kind": "like", "position": None, "dwell_ms": None, "listener": listener},
        **{"occurred_at": received, "received_at": received},
    }


def stored(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(EVENTS)).scalar_one()


class Deletion(threading.Thread):
    """Deletes what a listener did until now, in a transaction of another connection."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self._engine = engine
        self.events = -1

    def run(self) -> None:
        with writing(self._engine) as connection:
            self.events = delete_listener(connection, ANN, NOW).events


def test_events_that_waited_are_deleted_if_they_are_stored_at_the_same_time(engine: Engine) -> None:
    deletion = Deletion(engine)
    with writing(engine) as connection:
        kept = without_deleted(connection, [row(ANN, EARLIER)])
        deletion.start()
        # Long enough for a deletion that does not wait; one that waits is not done after it.
        deletion.join(0.5)
        add_events(connection, kept)
    deletion.join(60)
    assert (deletion.events, stored(engine)) == (1, 0)


def test_an_event_of_a_transaction_that_began_before_a_deletion_is_deleted(engine: Engine) -> None:
    deletion = Deletion(engine)
    with writing(engine) as connection:
        hold_events(connection)
        deletion.start()
        deletion.join(0.5)
        add_events(connection, [row(ANN, EARLIER)])
    deletion.join(60)
    assert (deletion.events, stored(engine)) == (1, 0)


def test_what_was_received_after_a_deletion_stays(engine: Engine) -> None:
    with writing(engine) as connection:
        assert delete_listener(connection, ANN, NOW).events == 0
    with writing(engine) as connection:
        assert without_deleted(connection, [row(ANN, NOW)]) == []
        add_events(connection, without_deleted(connection, [row(ANN, LATER)]))
    assert stored(engine) == 1
