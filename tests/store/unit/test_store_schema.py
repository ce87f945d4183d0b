import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from quintet_store import open_engine, upgrade
from quintet_store.database import HEAD, migration_scripts
from quintet_store.tables import Base
from sqlalchemy import create_engine
from sqlalchemy.event import listen, remove
from sqlalchemy.pool import Pool, StaticPool


def test_migrations_and_tables_agree() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_the_newest_migration_is_known_without_asking_alembic() -> None:
    assert migration_scripts().get_current_head() == HEAD


def test_a_new_database_can_be_opened_while_another_writes_its_first_tables(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE first (number INTEGER)")
    connected = Event()

    def tell(*_: object) -> None:
        connected.set()

    listen(Pool, "checkout", tell)
    try:
        with ThreadPoolExecutor(1) as thread:
            opening = thread.submit(open_engine, f"sqlite:///{path}", serving=True)
            came_in = connected.wait(60)
            other.execute("COMMIT")
            engine = opening.result(timeout=60)
    finally:
        remove(Pool, "checkout", tell)
    assert came_in
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()
    other.close()
