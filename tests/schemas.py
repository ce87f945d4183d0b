"""New databases of tests get the schema that the migrations made once, not by each migration again.

Running all migrations takes a tenth of a second for every test. The tests of the store do so: they
are about migrations.
"""

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from quintet_store import database, open_engine
from sqlalchemy import Engine


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The statements that make the newest schema in a file of SQLite."""
    path = tmp_path_factory.mktemp("schema") / "quintet.db"
    open_engine(f"sqlite:///{path}").dispose()
    with closing(sqlite3.connect(path)) as migrated:
        return tuple(
            each for each in migrated.iterdump() if each not in ("BEGIN TRANSACTION;", "COMMIT;")
        )


def fill(file: Path, statements: tuple[str, ...]) -> None:
    """Give a file without tables the schema, in one transaction."""
    with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as new:
        if new.execute("SELECT 1 FROM sqlite_master").fetchone():
            return
        new.execute("BEGIN IMMEDIATE")
        if not new.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in statements:
                new.execute(statement)
        new.execute("COMMIT")


@pytest.fixture(autouse=True)
def copied_schema(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a new file of SQLite the schema; what it lacks is migrated as ever."""
    path = request.path.relative_to(request.config.rootpath)
    if "unit" in path.parts or path.is_relative_to("tests/store"):
        return
    statements = request.getfixturevalue("schema")
    migrate = database.upgrade

    def upgrade(engine: Engine) -> None:
        file = engine.url.database
        if engine.dialect.name == "sqlite" and file and Path(file).is_file():
            # A file that is no database is for the program to find.
            with contextlib.suppress(sqlite3.Error):
                fill(Path(file), statements)
        migrate(engine)

    monkeypatch.setattr(database, "upgrade", upgrade)
