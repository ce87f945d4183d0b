"""Databases that others use meanwhile, or that are older, are brought up to date."""

from concurrent.futures import ThreadPoolExecutor

from alembic.migration import MigrationContext
from quintet_store import open_engine, reading, writing
from quintet_store.database import HEAD, parse_url
from quintet_store.feedback import feedback_counts
from quintet_store.listeners import read_signals, revision_of
from quintet_store.tables import FeedbackEvent, table_of
from sqlalchemy import create_engine, insert, text

from tests.store.old_databases import database_at


def test_many_who_open_a_new_database_at_once_all_find_it_migrated(database_url: str) -> None:
    def look(_number: int) -> int:
        engine = open_engine(database_url)
        try:
            with reading(engine) as connection:
                return feedback_counts(connection).impressions
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(look, range(8))) == [0] * 8


def test_a_database_from_before_feedback_keeps_its_rows(database_url: str) -> None:
    engine = database_at(database_url, "0001")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO imports (kind, fingerprint, file_name, sha256, source, licence, "
                "rows_read, rows_stored, rows_quarantined, rows_duplicate, imported_at) "
                "VALUES ('catalogue', 'f', 'f', 's', 's', 'l', 0, 0, 0, 0, '2026')"
            )
        )
    engine.dispose()
    engine = open_engine(database_url)
    with reading(engine) as connection:
        assert MigrationContext.configure(connection).get_current_revision() == HEAD
        assert feedback_counts(connection).recommendations == 0
        assert connection.execute(text("SELECT count(*) FROM imports")).scalar_one() == 1
    engine.dispose()


def test_feedback_from_before_the_memory_is_remembered(database_url: str) -> None:
    engine = database_at(database_url, "0004")
    events = [
        ("e1", "a", "t1", "like", None),
        ("e2", "a", "t1", "play", 29_999),
        ("e3", "a", "t2", "playlist_add", None),
        ("e4", "", "t3", "play", 60_000),
        ("e5", "b", "t3", "play", 60_000),
    ]
    with engine.begin() as connection:
        for event_id, listener, track_id, kind, dwell in events:
            connection.execute(
                text(
                    "INSERT INTO feedback_events (client, event_id, recommendation_id, track_id, "
                    "kind, dwell_ms, listener, occurred_at, received_at) VALUES ('c', :e, 'r', :t, "
                    ":k, :d, :l, '2026-01-31T12:00:00.250+00:00', '2026-02-01T00:00:00.000+00:00')"
                ),
                {"e": event_id, "t": track_id, "k": kind, "d": dwell, "l": listener},
            )
    engine.dispose()
    engine = open_engine(database_url)
    at = 1_769_860_800
    with reading(engine) as connection:
        assert sorted(read_signals(connection, "a")) == [
            ("t1", "like", at, 1, "feedback"),
            ("t1", "skip", at, 1, "feedback"),
            ("t2", "save", at, 1, "feedback"),
        ]
        assert read_signals(connection, "b") == [("t3", "play", at, 1, "feedback")]
        assert read_signals(connection, "") == []
        assert revision_of(connection, "a") != revision_of(connection, "b") != ""
    engine.dispose()


def test_an_earlier_release_works_on_the_schema_of_a_newer_one(database_url: str) -> None:
    open_engine(database_url).dispose()
    newer = f"{int(HEAD) + 1:04d}"
    change = create_engine(parse_url(database_url))
    with change.begin() as connection:
        connection.execute(
            text("UPDATE alembic_version SET version_num = :newer"), {"newer": newer}
        )
        connection.execute(text("ALTER TABLE feedback_events ADD COLUMN later TEXT"))
    change.dispose()
    engine = open_engine(database_url)
    with writing(engine) as connection:
        row = {"client": "c", "event_id": "e", "recommendation_id": "r", "track_id": "t"}
        row |= {"kind": "like", "listener": "", "occurred_at": "2030", "received_at": "2030"}
        connection.execute(insert(table_of(FeedbackEvent)), [row])
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    engine.dispose()
    assert found == newer
