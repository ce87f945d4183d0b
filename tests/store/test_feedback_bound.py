"""Recorded lists stay within their bound: the oldest leave first, those with feedback last."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quintet_store import open_engine, reading, writing
from quintet_store.feedback import (
    add_events,
    add_shown,
    feedback_counts,
    list_bytes,
    recorded_bytes,
    stamp,
    trim_to,
)
from quintet_store.tables import Recommendation, table_of
from sqlalchemy import Engine, select, text

from tests.store.old_databases import database_at

LISTS = table_of(Recommendation)
START = datetime(2030, 1, 1, tzinfo=UTC)
FEATURES = bytes(320)


def name_of(number: int) -> str:
    """Make an id as long as a real one."""
    return f"{number:040}"


def record(engine: Engine, first: int, count: int, tracks: int = 50) -> int:
    """Record lists, a minute apart, and give the size of one."""
    size = 0
    for number in range(first, first + count):
        name = name_of(number)
        row = dict.fromkeys(
            ("listener", "surface", "model_version", "index_version", "catalogue_version"), "x"
        ) | {"recommendation_id": name, "seeds": [], "feature_hash": "", "experiment_id": ""}
        row |= {"arm": "", "shown_at": stamp(START + timedelta(minutes=number))}
        shown = [
            {"recommendation_id": name, "position": n, "track_id": f"{n:022}", "score": 1.0}
            | {"channels": "audio", "features": FEATURES, "origin": ""}
            for n in range(tracks)
        ]
        with writing(engine) as connection:
            add_shown(connection, [], [row], shown)
        size = list_bytes(shown)
    return size


def names(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        query = select(LISTS.c.recommendation_id).order_by(LISTS.c.recommendation_id)
        return [str(row[0]) for row in connection.execute(query)]


def like(engine: Engine, name: str) -> None:
    event: dict[str, Any] = {
        "client": "c",
        "event_id": name,
        "recommendation_id": name,
        "track_id": "t1",
    }
    event |= {"kind": "like", "position": None, "dwell_ms": None, "listener": ""}
    moment = stamp(START)
    with writing(engine) as connection:
        add_events(connection, [event | {"occurred_at": moment, "received_at": moment}])


def test_the_oldest_leave_first_and_those_with_feedback_last(database_url: str) -> None:
    engine = open_engine(database_url)
    size = record(engine, 0, 10)
    like(engine, name_of(0))
    like(engine, name_of(4))
    with reading(engine) as connection:
        assert recorded_bytes(connection) == 10 * size
    assert trim_to(engine, 6 * size, part=2).recommendations == 4
    assert names(engine) == [name_of(n) for n in (0, 4, 6, 7, 8, 9)]
    assert trim_to(engine, 6 * size).recommendations == 0
    trim_to(engine, 2 * size)
    assert names(engine) == [name_of(0), name_of(4)]
    trim_to(engine, size)
    assert names(engine) == [name_of(4)]
    with reading(engine) as connection:
        counts = feedback_counts(connection)
        assert (counts.impressions, sum(counts.events.values())) == (50, 2)
    trim_to(engine, 0)
    assert names(engine) == []
    engine.dispose()


def test_a_file_of_sqlite_uses_the_room_again(tmp_path: Path) -> None:
    path = tmp_path / "quintet.db"
    engine = open_engine(f"sqlite:///{path}")
    with reading(engine) as connection:
        empty = int(connection.execute(text("PRAGMA page_count")).scalar_one()) * 4096
    bound = 60 * record(engine, 0, 60)
    for part in range(1, 6):
        record(engine, 60 * part, 60)
        trim_to(engine, bound)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    # Six times the bound was written; the file held twice the bound for a moment, and no more.
    assert path.stat().st_size - empty < 2.3 * bound
    # What is counted is what is on the disk, within a quarter.
    with engine.connect() as connection:
        used = connection.execute(
            text(
                "SELECT (p.page_count - f.freelist_count) * 4096 FROM pragma_page_count p, "
                "pragma_freelist_count f"
            )
        ).scalar_one()
    assert 0.75 * bound < int(used) - empty < 1.25 * bound
    engine.dispose()


def test_lists_of_an_older_release_get_their_size(database_url: str) -> None:
    engine = database_at(database_url, "0004")
    size = record(engine, 0, 2)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE recommendations DROP COLUMN bytes"))
        connection.execute(text("DROP TABLE deleted_listeners"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    engine.dispose()
    engine = open_engine(database_url)
    with reading(engine) as connection:
        assert recorded_bytes(connection) == 2 * size
    engine.dispose()
