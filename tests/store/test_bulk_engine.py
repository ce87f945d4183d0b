"""An engine for many transactions keeps its connection, but never writes to a replaced file."""

import os
from pathlib import Path
from typing import Any

from quintet_settings import sqlite_url
from quintet_store import open_engine, reading, writing
from quintet_store.sources import SourceSpec, add_source, list_sources
from sqlalchemy import Connection, event


def names(connection: Connection) -> list[str]:
    return [source.spec.name for source in list_sources(connection)]


def test_connections_are_kept_until_the_file_is_another_one(tmp_path: Path) -> None:
    path, other = tmp_path / "quintet.db", tmp_path / "other.db"
    for file, name in ((path, "first"), (other, "restored")):
        made = open_engine(sqlite_url(file))
        with writing(made) as connection:
            add_source(connection, SourceSpec(name, "folder", "/srv"))
        made.dispose()
    engine = open_engine(sqlite_url(path), bulk=True)
    opened: list[Any] = []
    event.listen(engine, "connect", lambda connection, record: opened.append(record))
    for name in ("second", "third"):
        with writing(engine) as connection:
            add_source(connection, SourceSpec(name, "folder", "/srv"))
    # The one that migrated the schema is in use still.
    assert opened == []
    # As a restore does: the database makes way with its journals.
    for end in ("", "-wal", "-shm"):
        os.replace(f"{path}{end}", f"{tmp_path / 'aside'}{end}")
    os.replace(other, path)
    with reading(engine) as connection:
        assert names(connection) == ["restored"]
    assert len(opened) == 1
    engine.dispose()
