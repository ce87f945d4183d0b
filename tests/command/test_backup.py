"""What is backed up comes back; what is damaged, hostile or of another version touches nothing."""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from quintet_command import backup
from quintet_command.backup import BackupInvalid, archive, series
from quintet_command.backup.drill import drill
from quintet_command.settings import CommandSettings
from quintet_modelkit.publication import current_version, publish, staged, write_manifest
from quintet_store import backup as store
from quintet_store import open_engine, writing
from quintet_store.tables import FeatureSet, FeedbackEvent, ShadowComparison, table_of
from sqlalchemy import func, insert, select

from tests.known_secrets import known

EVENTS, SETS, SHADOWS = (table_of(t) for t in (FeedbackEvent, FeatureSet, ShadowComparison))


def store_event(settings, number):
    engine = open_engine(settings.database_url)
    row = {"client": "c", "event_id": f"e{number}", "recommendation_id": "r", "track_id": "t\t'\\"}
    row |= {"kind": "like", "listener": "", "occurred_at": "2030", "received_at": "2030"}
    with writing(engine) as connection:
        connection.execute(insert(EVENTS), [row])
    engine.dispose()


def events(settings):
    engine = open_engine(settings.database_url)
    with engine.connect() as connection:
        found = connection.execute(select(EVENTS).order_by(EVENTS.c.event_id)).all()
    engine.dispose()
    return found


def tree(home):
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and "quintet.db" not in path.name
    }


@pytest.fixture
def filled(settings) -> CommandSettings:
    """A home with catalogue, models, keys, waiting events and a registry; rows in tables."""
    home = settings.home
    for root, names in (("catalogue", ("cat-1",)), ("models", ("m-1", "m-2", "m-3", "m-4"))):
        for age, name in enumerate(names):
            with staged(home / root) as folder:
                (folder / "tracks.arrow").write_bytes(b"the same in all" * 1000)
                (folder / "booster.txt").write_text(f"{name}", encoding="utf-8")
                write_manifest(folder, {})
                made = publish(folder, home / root, name)
            os.utime(made, (1e9 + age, 1e9 + age))
    (home / "models" / "champion").write_text("m-4\n", encoding="utf-8")
    for name, text in (("access/signing.json", "key"), ("access/public/jwks.json", "keys")):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    (home / "access" / "signing.json").chmod(0o600)
    (home / "spool").mkdir()
    (home / "spool" / "1.jsonl").write_text("{}\n", encoding="utf-8")
    (home / "playlists" / ".import-1").mkdir(parents=True)
    for part in ("1.parquet", ".1.parquet-x", ".import-1/0-0.arrow"):
        (home / "playlists" / part).write_bytes(b"PAR1" + part.encode())
    (home / "search" / "cat-1").mkdir(parents=True)
    (home / "search" / "cat-1" / "index").write_text("made anew", encoding="utf-8")
    (home / "mlflow" / "artifacts").mkdir(parents=True)
    (home / "mlflow" / "artifacts" / "model").write_text("m-1", encoding="utf-8")
    with sqlite3.connect(home / "mlflow" / "mlflow.db") as registry:
        registry.execute("CREATE TABLE versions (n INTEGER)")
    registry.close()
    engine = open_engine(settings.database_url)
    shadow = dict.fromkeys(("overlap", "champion_ms", "challenger_ms"), 0.5)
    with writing(engine) as connection:
        connection.execute(insert(SETS), [{"feature_hash": "h", "names": ["a", "é\n"]}])
        row = {"experiment_id": "x", "recorded_at": "2030", "correlation": None, **shadow}
        connection.execute(insert(SHADOWS), [row])
    engine.dispose()
    store_event(settings, 1)
    return settings


def lose(settings):
    shutil.rmtree(settings.home)
    if settings.database_url.startswith("postgresql"):
        name = settings.database_url.rpartition("/")[2]
        server = settings.database_url.rpartition("/")[0] + "/postgres"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}".encode())


@pytest.mark.parametrize("name", ["backup.tar.zst", "backup"])
def test_what_was_destroyed_comes_back(filled, tmp_path, name):
    before, rows = tree(filled.home), events(filled)
    made = backup.create(filled, tmp_path / name)
    assert backup.verify(tmp_path / name) == made
    lose(filled)
    found, aside = backup.restore(filled, tmp_path / name)
    assert (found, aside) == (made, None)
    after = tree(filled.home)
    # The model in use, also champion, and one to go back to; not the older, nor what is made anew.
    other = ("models/m-1", "models/m-2", "search/", "playlists/.")
    gone = {path for path in before if path.startswith(other)}
    assert after == {path: content for path, content in before.items() if path not in gone}
    assert events(filled) == rows
    assert current_version(filled.home / "models") == "m-4"
    assert (filled.home / "access" / "signing.json").stat().st_mode & 0o777 == 0o600
    assert (filled.home / "models" / "m-4" / "booster.txt").stat().st_mode & 0o777 == 0o644
    assert found.database.rows["feedback_events"] == 1
    # The next row gets a number that is free.
    engine = open_engine(filled.database_url)
    row = {"experiment_id": "x", "recorded_at": "2031", "overlap": 0.1}
    with writing(engine) as connection:
        connection.execute(insert(SHADOWS), [{**row, "champion_ms": 1, "challenger_ms": 1}])
        assert connection.execute(select(func.count()).select_from(SHADOWS)).scalar_one() == 2
    engine.dispose()


@pytest.mark.postgres
def test_without_pg_dump_tables_are_copied(postgresql, tmp_path, monkeypatch):
    settings = CommandSettings(home=tmp_path / "home", database_url=postgresql.new_database())
    settings.home.mkdir()
    monkeypatch.setattr(store, "_tool", lambda *_: None)
    for number in range(3):
        store_event(settings, number)
    rows = events(settings)
    made = backup.create(settings, tmp_path / "backup.tar.zst")
    assert made.database.kind == "copies"
    lose(settings)
    backup.restore(settings, tmp_path / "backup.tar.zst")
    assert events(settings) == rows


AIRFLOW = """
    CREATE TABLE alembic_version (version_num text);
    INSERT INTO alembic_version VALUES ('abc123');
    CREATE TABLE run (id serial PRIMARY KEY, note text, twice int GENERATED ALWAYS AS (2) STORED);
    CREATE TABLE "a task" (id int GENERATED BY DEFAULT AS IDENTITY, run int REFERENCES run (id));
"""
ROWS = """
    INSERT INTO run (note) VALUES (E'a\\tb\\nc\\\\'), (NULL);
    INSERT INTO "a task" (run) VALUES (2);
"""
LATER = """DELETE FROM "a task"; DELETE FROM run; INSERT INTO run (note) VALUES ('x')"""


@pytest.mark.postgres
def test_the_database_of_another_program_comes_back_with_its_next_numbers(
    filled, postgresql, tmp_path
):
    url = postgresql.new_database()
    settings = filled.model_copy(update={"airflow_database_url": SecretStr(url)})
    target = tmp_path / "backup.tar.zst"
    assert backup.create(settings, tmp_path / "before").others == ()  # it has no tables yet
    with psycopg.connect(url, autocommit=True) as airflow:
        airflow.execute(AIRFLOW)
        airflow.execute(ROWS)
        before = airflow.execute("SELECT * FROM run ORDER BY id").fetchall()
        assert backup.create(settings, target).others == ("airflow",)
        airflow.execute(
            "DELETE FROM \"a task\"; DELETE FROM run; INSERT INTO run (note) VALUES ('x')"
        )
        backup.restore(settings, target, force=True)
        assert airflow.execute("SELECT * FROM run ORDER BY id").fetchall() == before
        assert airflow.execute('SELECT run FROM "a task"').fetchall() == [(2,)]
        assert airflow.execute("INSERT INTO run (note) VALUES ('y') RETURNING id").fetchone() == (
            3,
        )
        # Of another schema, or without an address: said before anything changes.
        airflow.execute("UPDATE alembic_version SET version_num = 'def456'")
        with pytest.raises(store.DumpInvalid, match="abc123, here it is def456"):
            backup.restore(settings, target, force=True)
    with pytest.raises(BackupInvalid, match="QUINTET_AIRFLOW_DATABASE_URL"):
        backup.restore(filled, target, force=True)


def test_a_series_keeps_the_newest_and_leaves_other_files(filled, tmp_path):
    folder, secrets = tmp_path / "backups", tmp_path / "secrets"
    (secrets / "s3").mkdir(parents=True)
    (secrets / "s3" / "credentials").write_text(known("key-of-s3-0123456789"), encoding="utf-8")
    folder.mkdir()
    for name in ("quintet-20200101T000000Z.tar.zst", "quintet-20200102T000000Z.tar.zst", "mine"):
        (folder / name).touch()
    made = series.run(filled, folder, 2, secrets, registry=True)
    assert made.made.secrets
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        ("mine", "quintet-20200102T000000Z.tar.zst", made.path.name)
    )
    assert series.newest(folder) == made.path
    assert made.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupInvalid, match="no secrets"):
        series.run(filled, tmp_path / "new", 2, tmp_path / "none", registry=True)


def test_a_drill_compares_rows_and_lists_and_changes_nothing(filled, embedded_home, tmp_path):
    for name in ("catalogue", "models"):
        shutil.rmtree(filled.home / name)
        shutil.copytree(embedded_home / name, filled.home / name)
    source = tmp_path / "backup"
    backup.create(filled, source)
    before = tree(filled.home)
    found = drill(filled, source, 5)
    assert (found.passed, found.lists, found.different) == (True, 5, 0)
    assert found.rows >= 3
    assert tree(filled.home) == before
    shutil.rmtree(filled.home / "models" / found.model)
    with pytest.raises(BackupInvalid, match="no longer on this disk"):
        drill(filled, source, 5)


def test_a_backup_under_load_holds_every_event_of_before(filled, tmp_path):
    stop, stored = threading.Event(), []

    def write():
        number = 2
        while not stop.is_set():
            store_event(filled, number)
            stored.append(number)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(stored) < 5:
            assert writer.is_alive()
        accepted = len(stored) + 1
        backup.create(filled, tmp_path / "backup.tar.zst")
    finally:
        stop.set()
        writer.join()
    lose(filled)
    backup.restore(filled, tmp_path / "backup.tar.zst")
    names = {row.event_id for row in events(filled)}
    assert {f"e{number}" for number in range(1, accepted + 1)} <= names


def test_state_that_is_there_makes_way_only_by_force(filled, tmp_path):
    target = tmp_path / "backup.tar.zst"
    backup.create(filled, target)
    store_event(filled, 2)
    (filled.home / "newer").write_text("x", encoding="utf-8")
    before = tree(filled.home)
    with pytest.raises(BackupInvalid, match="--force"):
        backup.restore(filled, target)
    assert tree(filled.home) == before
    _, aside = backup.restore(filled, target, force=True)
    assert len(events(filled)) == 1
    assert aside is not None
    assert (aside / "newer").read_text(encoding="utf-8") == "x"
    assert not (filled.home / "newer").exists()
    assert not list(filled.home.glob(".restore-*"))


def test_an_empty_home_beside_a_full_database_is_refused(filled, tmp_path):
    backup.create(filled, tmp_path / "backup")
    if filled.database_url.startswith("sqlite"):
        elsewhere = tmp_path / "kept.db"
        shutil.move(filled.home / "quintet.db", elsewhere)
        filled = filled.model_copy(update={"database_url": f"sqlite:///{elsewhere}"})
    shutil.rmtree(filled.home)
    with pytest.raises(BackupInvalid, match="the database is not empty"):
        backup.restore(filled, tmp_path / "backup")


def test_the_registry_stays_out_where_asked(filled, tmp_path):
    assert backup.create(filled, tmp_path / "with").registry
    assert not backup.create(filled, tmp_path / "without", registry=False).registry
    assert not (tmp_path / "without" / "home" / "mlflow").exists()


def test_secrets_are_left_out_of_the_settings(tmp_path, monkeypatch):
    settings = CommandSettings(home=tmp_path / "home")
    settings.home.mkdir()
    monkeypatch.setenv("QUINTET_LISTENER_KEY", "hush-hush")
    monkeypatch.setenv("QUINTET_MLFLOW_URI", "https://me:hush-hush@models/")
    monkeypatch.setenv("QUINTET_GATE_COLD", "0.9")
    backup.create(settings, tmp_path / "backup")
    text = (tmp_path / "backup" / "manifest.json").read_text(encoding="utf-8")
    assert "hush-hush" not in text
    assert json.loads(text)["settings"]["QUINTET_GATE_COLD"] == "0.9"


@pytest.fixture
def small(tmp_path) -> tuple[CommandSettings, Path]:
    """A small home on SQLite and its backup as a folder."""
    settings = CommandSettings(home=tmp_path / "home")
    (settings.home / "access").mkdir(parents=True)
    (settings.home / "access" / "a.json").write_text("keys of a", encoding="utf-8")
    (settings.home / "access" / "b.json").write_text("keys of b", encoding="utf-8")
    store_event(settings, 1)
    backup.create(settings, tmp_path / "backup")
    return settings, tmp_path / "backup"


def packed(target, members):
    with (
        pa.CompressedOutputStream(str(target), "zstd") as stream,
        tarfile.open(fileobj=stream, mode="w|") as file,
    ):
        for member, content in members:
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return target


def document(**changes):
    database = {"kind": "none", "revision": "", "rows": {}}
    facts = {"made_at": "2030", "quintet": "1", "database": database}
    return json.dumps({"format": 1, **facts, "files": {}, **changes}).encode()


X = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "home/../../evil", "a\\b", "", "./a", "a//b"]
)
def test_a_name_that_leaves_the_backup_is_refused(small, tmp_path, name):
    settings, _ = small
    manifest = document(files={name: {"sha256": X, "bytes": 1}})
    members = [(tarfile.TarInfo("manifest.json"), manifest), (tarfile.TarInfo(name), b"x")]
    with pytest.raises(BackupInvalid, match="outside"):
        backup.restore(settings, packed(tmp_path / "b.tar.zst", members), force=True)
    assert not list(tmp_path.rglob("evil"))
    assert len(events(settings)) == 1


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_what_is_no_plain_file_is_refused(tmp_path, kind):
    manifest = document(files={"home/a": {"sha256": X, "bytes": 1}})
    member = tarfile.TarInfo("home/a")
    member.type, member.linkname = kind, "/etc/passwd"
    members = [(tarfile.TarInfo("manifest.json"), manifest), (member, b"")]
    with pytest.raises(BackupInvalid, match="not a plain file"):
        backup.verify(packed(tmp_path / "b.tar.zst", members))


def test_more_than_was_announced_is_refused(tmp_path):
    manifest = document(files={"home/a": {"sha256": X, "bytes": 1}})
    bomb = (tarfile.TarInfo("home/a"), bytes(50_000_000))
    first = (tarfile.TarInfo("manifest.json"), manifest)
    with pytest.raises(BackupInvalid, match="another size"):
        backup.verify(packed(tmp_path / "bomb.tar.zst", [first, bomb]))
    stray = (tarfile.TarInfo("home/b"), b"x")
    with pytest.raises(BackupInvalid, match="does not name"):
        backup.verify(packed(tmp_path / "stray.tar.zst", [first, stray]))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": 2}, "a newer Quintet made this backup: format 2, not 1"),
        ({"format": 0}, "another Quintet"),
        ({"files": []}, "unreadable"),
        ({"database": None}, "unreadable"),
        (
            {"database": {"kind": "sqlite", "revision": "0999", "rows": {}}},
            "a newer Quintet made it",
        ),
        ({"database": {"kind": "copies", "revision": "0001", "rows": {}}}, "of postgresql"),
    ],
)
def test_another_version_is_refused_before_anything_is_touched(small, tmp_path, changes, says):
    settings, _ = small
    source = packed(
        tmp_path / "b.tar.zst", [(tarfile.TarInfo("manifest.json"), document(**changes))]
    )
    before = tree(settings.home)
    with pytest.raises((BackupInvalid, store.DumpInvalid), match=says):
        backup.restore(settings, source, force=True)
    assert tree(settings.home) == before


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    settings = CommandSettings(home=folder / "home")
    (settings.home / "access").mkdir(parents=True)
    (settings.home / "access" / "keys.json").write_bytes(bytes(range(256)) * 2)
    backup.create(settings, folder / "b.tar.zst")
    return folder / "b.tar.zst"


@given(share=st.floats(0, 1, exclude_max=True), flip=st.integers(0, 255))
def test_a_byte_that_changed_anywhere_is_seen(whole, share, flip):
    content = whole.read_bytes()
    place = int(share * len(content))
    rest = content[place + 1 :]
    altered = whole.with_name("altered.tar.zst")
    # Without a byte to flip, the file ends there.
    altered.write_bytes(content[:place] + (bytes([content[place] ^ flip]) + rest if flip else b""))
    with tempfile.TemporaryDirectory(dir=whole.parent) as folder:
        try:
            archive.read(altered, Path(folder))
        except BackupInvalid:
            return
        # What differs is nothing that is restored, such as the padding behind the last file.
        keys = Path(folder) / "home" / "access" / "keys.json"
        assert keys.read_bytes() == bytes(range(256)) * 2


def test_a_missing_file_of_a_folder_is_seen(small):
    _, archive = small
    (archive / "home" / "access" / "b.json").unlink()
    with pytest.raises(BackupInvalid, match=r"b\.json is missing"):
        backup.verify(archive)


def test_nothing_is_overwritten_and_nothing_half_made_is_left(small, tmp_path):
    settings, archive = small
    with pytest.raises(BackupInvalid, match="is there already"):
        backup.create(settings, archive)
    (settings.home / "quintet.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Exception, match=r"quintet\.db"):
        backup.create(settings, tmp_path / "new" / "b.tar.zst")
    assert list((tmp_path / "new").iterdir()) == []


def test_the_commands_say_what_they_did_in_a_line(small, tmp_path):
    settings, _ = small
    environment = {**os.environ, "QUINTET_HOME": str(settings.home), "QUINTET_DATABASE_URL": ""}

    def quintet(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "quintet_command", "backup", *arguments],
            env=environment, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    target = str(tmp_path / "b.tar.zst")
    assert "1 events; 3 files" in quintet("create", target).stdout
    refused = quintet("restore", target)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert "--force" in refused.stderr
    assert "remove it when all is well" in quintet("restore", target, "--force").stdout
