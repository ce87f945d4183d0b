import sqlite3
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from quintet_modelkit.features import ATTRIBUTES
from quintet_store import open_engine, upgrade
from quintet_store.tables import ATTRIBUTE_COLUMNS, Base
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool


def test_migrations_and_tables_agree() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_tracks_have_the_attributes_of_the_model() -> None:
    assert ATTRIBUTE_COLUMNS == ATTRIBUTES


def test_a_new_database_can_be_opened_while_another_writes_its_first_tables(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE first (number INTEGER)")
    engine = open_engine(f"sqlite:///{tmp_path}/new.db", serving=True)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    other.execute("COMMIT")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()
    other.close()
