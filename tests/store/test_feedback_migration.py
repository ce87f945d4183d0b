"""Databases that others use meanwhile, or that are older, are brought up to date."""

from concurrent.futures import ThreadPoolExecutor

from alembic.migration import MigrationContext
from quintet_store import open_engine, reading
from quintet_store.feedback import feedback_counts
from sqlalchemy import text


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
    engine = open_engine(database_url)
    with engine.begin() as connection:
        for table in ("experiments", "shadow_comparisons", "deleted_listeners"):
            connection.execute(text(f"DROP TABLE {table}"))
        for table in ("feedback_events", "impressions", "recommendations", "feature_sets"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
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
        assert MigrationContext.configure(connection).get_current_revision() == "0004"
        assert feedback_counts(connection).recommendations == 0
        assert connection.execute(text("SELECT count(*) FROM imports")).scalar_one() == 1
    engine.dispose()
