"""A deleted listener stays deleted: after a restore, in waiting events, in damaged files."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from quintet_access.pseudonyms import Pseudonyms
from quintet_command import backup
from quintet_command.settings import CommandSettings
from quintet_library.adding import add_source
from quintet_store import listeners, open_engine, reading, writing
from quintet_store.feedback import add_events, add_shown, listener_group, stamp
from quintet_store.sources import SourceSpec
from quintet_store.spool import Spool, forget
from quintet_store.tables import Base, DeletedListener, FeedbackEvent, Recommendation, table_of
from quintet_training import datasets
from quintet_training.datasets.feedback import delete_listener
from quintet_training.datasets.history import import_history
from sqlalchemy import select, text

from tests.training.test_playlists_import import FEATURES, TRACKS

EVENTS, LISTS, GONE = map(table_of, (FeedbackEvent, Recommendation, DeletedListener))
NOW = datetime.now(UTC)


def row_of(number: int, listener: str | None, moment: datetime = NOW) -> dict:
    row: dict[str, Any] = {
        "client": "c",
        "event_id": f"e{number}",
        "recommendation_id": "r",
        "track_id": "t1",
    }
    row |= {"kind": "like", "position": None, "dwell_ms": None, "listener": listener}
    return row | {"occurred_at": stamp(moment), "received_at": stamp(moment)}


def hash_of(settings: CommandSettings, listener: str) -> str:
    return Pseudonyms.of(settings.home / "access").listener(listener)


def store(settings: CommandSettings, *rows: dict) -> None:
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        add_events(connection, list(rows))
    engine.dispose()


def places_of(settings: CommandSettings, hashed: str, allowed: int = 2) -> list[str]:
    """Name every table with a row, and every file with bytes, that hold a hash."""
    engine = open_engine(settings.database_url)
    found = []
    with reading(engine) as connection:
        for table in Base.metadata.sorted_tables:
            rows = connection.execute(select(table)).all()
            found += [table.name] * any(hashed in str(row) for row in rows)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    for path in sorted(settings.home.rglob("*")):
        # What made way for a restore is the operator's to remove: it is named in the answer.
        if path.is_file() and not path.relative_to(settings.home).parts[0].startswith(".before"):
            count = path.read_bytes().count(hashed.encode())
            # The row of the deletion, and its key in the index.
            if count > (allowed if path.name.startswith("quintet.db") else 0):
                found.append(f"{path.name} {count}")
    return found


@pytest.fixture
def left(settings: CommandSettings, tmp_path: Path) -> tuple[CommandSettings, str, Path]:
    """A home whose backup still holds what is deleted now: rows, a list, waiting events."""
    settings.home.mkdir(parents=True, exist_ok=True)
    ann, bob = hash_of(settings, "ann"), hash_of(settings, "bob")
    before = NOW - timedelta(minutes=5)
    store(settings, row_of(1, ann, before), row_of(2, bob, before))
    facts = dict.fromkeys(("surface", "model_version", "index_version", "catalogue_version"), "")
    row = {"recommendation_id": "r", "listener": ann, "shown_at": stamp(before), "seeds": []}
    row |= {"feature_hash": "", "experiment_id": "", "arm": ""}
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        add_shown(connection, [], [facts | row], [])
    engine.dispose()
    spool = Spool(settings.home / "spool", 10**6)
    spool.append([[row_of(3, ann, before)], [row_of(4, bob, before)]])
    spool.close()
    target = tmp_path / "backup.tar.zst"
    backup.create(settings, target)
    return settings, ann, target


def test_a_restore_does_not_bring_a_deleted_listener_back(left) -> None:
    settings, ann, target = left
    assert "feedback_events" in places_of(settings, ann)
    delete_listener(settings, "ann")
    backup.restore(settings, target, force=True)
    spool = Spool(settings.home / "spool", 10**6)
    spool.adopt()
    kept: list[str] = []
    spool.replay(lambda rows: kept.extend(row["event_id"] for row in rows))
    spool.close()
    assert kept == ["e4"]
    assert places_of(settings, ann) == ["deleted_listeners"]
    assert set(places_of(settings, hash_of(settings, "bob"))) >= {"feedback_events"}


def test_no_file_and_no_table_names_a_deleted_listener(settings: CommandSettings, tmp_path) -> None:
    """Everything that Quintet keeps of a listener, filled through what fills it, is deleted."""
    name = "annabel-lee-7"
    who, other = hash_of(settings, name), hash_of(settings, "bob")
    marks = (name, who, listener_group(who))
    settings.home.mkdir(parents=True, exist_ok=True)
    catalogue = tmp_path / "tracks.parquet"
    pl.DataFrame([{**track, **FEATURES} for track in TRACKS]).write_parquet(catalogue)
    datasets.import_catalogue(settings, datasets.preview(catalogue))
    store(settings, row_of(1, who), row_of(2, other))
    history = tmp_path / f"{name}.csv"
    rows = "".join(f"{1_700_000_000 + n * 60},{name},Eagles,Hotel California\n" for n in range(300))
    history.write_text(f"uts,user,artist,track\n{rows}1700000001,{name},Nobody,Nothing\n")
    for owner in (name, "bob"):
        import_history(settings, history, owner)
    options = {"user": "ann", "listener": name}
    with patch("quintet_library.adding.check_source"):
        add_source(settings, SourceSpec("nd", "subsonic", "http://127.0.0.1:1", options, "env:X"))
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        listeners.ban_artist(connection, who, "x", "feedback", stamp(NOW))
        # Deleted before the listener is: by a source that no longer has them, and by a bound.
        signals = [listeners.Signal(f"t{n}", "like", n) for n in range(300)]
        remember = partial(
            listeners.remember, connection, who, source="s", licence="l", received_at=stamp(NOW)
        )
        remember(signals)
        remember(signals[:1], replace=True)
    engine.dispose()
    spool = Spool(settings.home / "spool", 10**6)
    spool.append([[row_of(3, who)]])
    spool.close()
    found = {place.split()[0] for mark in marks for place in places_of(settings, mark, 0)}
    assert found >= {"feedback_events", "listener_signals", "listeners", "banned_artists",
                     "playlists", "playlist_tracks", "imports", "sources"}  # fmt: skip
    delete_listener(settings, name)
    spool.adopt()
    spool.replay(lambda rows: pytest.fail(f"{rows} of the deleted listener"))
    spool.close()
    assert places_of(settings, who) == ["deleted_listeners"]
    for mark in (name, listener_group(who)):
        assert places_of(settings, mark, 0) == []
        assert not [path for path in settings.home.rglob("*") if mark in str(path)]
    assert {"listener_signals", "feedback_events"} <= set(places_of(settings, other))


def test_a_listener_who_came_back_after_the_deletion_keeps_what_is_new(left) -> None:
    settings, ann, target = left
    delete_listener(settings, "ann")
    store(settings, row_of(9, ann, datetime.now(UTC) + timedelta(seconds=1)))
    newer = target.with_name("newer.tar.zst")
    backup.create(settings, newer)
    backup.restore(settings, newer, force=True)
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        query = select(EVENTS.c.event_id).where(EVENTS.c.listener == ann)
        assert [row[0] for row in connection.execute(query)] == ["e9"]
    engine.dispose()


def test_a_damaged_database_can_be_replaced_all_the_same(tmp_path, caplog) -> None:
    settings = CommandSettings(home=tmp_path / "home")
    store(settings, row_of(1, ""))
    backup.create(settings, tmp_path / "backup")
    (settings.home / "quintet.db").write_bytes(b"no database " * 1000)
    backup.restore(settings, tmp_path / "backup", force=True)
    assert "are not repeated" in caplog.text
    engine = open_engine(settings.database_url)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM feedback_events")).scalar_one() == 1
    engine.dispose()


def test_damaged_files_of_the_spool_keep_nothing_of_a_deleted_listener(tmp_path) -> None:
    ann, bob = "a" * 64, "b" * 64
    spool = Spool(tmp_path, 10**6)
    spool.append([[row_of(n, who)] for n, who in enumerate((ann, bob, None, ann, bob))])
    (path,) = tmp_path.glob("*.events")
    lines = path.read_bytes().splitlines(keepends=True)
    # Four lines no longer match their checksums; of the last one even the listener is damaged.
    broken = [line.replace(b'"kind":"like"', b'"kind":"lime"') for line in lines[:4]]
    broken.append(lines[4].replace(b"b" * 64, b"b" * 63 + b"?"))
    path.write_bytes(b"".join(broken))
    stored: list = []
    spool.replay(stored.extend)
    spool.close()
    assert stored == []
    (damaged,) = tmp_path.glob("*.damaged")
    assert damaged.stat().st_mode & 0o777 == 0o600
    assert ann in damaged.read_text()
    forget(tmp_path, ann, stamp(NOW))
    assert damaged.read_bytes() == broken[1]
    assert json.loads(damaged.read_bytes()[9:])[0]["listener"] == bob
    forget(tmp_path, bob, stamp(NOW))
    assert list(tmp_path.glob("*.damaged")) == []


def test_lines_that_were_readable_are_not_kept_with_damaged_ones(tmp_path) -> None:
    spool = Spool(tmp_path, 10**6)
    spool.append([[row_of(1, "a" * 64)], [row_of(2, "b" * 64)]])
    (path,) = tmp_path.glob("*.events")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"like", b"lime"))
    stored: list = []
    spool.replay(stored.extend)
    spool.close()
    assert [row["event_id"] for row in stored] == ["e1"]
    (damaged,) = tmp_path.glob("*.damaged")
    assert damaged.read_bytes() == lines[1].replace(b"like", b"lime")
