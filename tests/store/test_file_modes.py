"""Private files are for their owner alone, whatever the umask; older ones are made so."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from quintet_command.doctor.machine import file_modes
from quintet_command.settings import CommandSettings
from quintet_store import StoreUnavailable, open_engine, reading, writing
from sqlalchemy import text


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_database_made_under_an_open_umask_is_private(tmp_path: Path) -> None:
    path = tmp_path / "home" / "quintet.db"
    old = os.umask(0)
    try:
        engine = open_engine(f"sqlite:///{path}")
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE probe (number INTEGER)"))
            beside = [path.with_name(path.name + end) for end in ("-wal", "-shm")]
            assert {mode_of(each) for each in (path, *beside) if each.exists()} == {0o600}
        assert mode_of(path.parent) == 0o700
    finally:
        os.umask(old)
    path.chmod(0o644)
    engine.dispose()
    open_engine(f"sqlite:///{path}").dispose()
    assert mode_of(path) == 0o600


def test_a_command_under_an_open_umask_writes_private_files(tmp_path: Path) -> None:
    table = tmp_path / "tracks.csv"
    table.write_text("nothing,useful\n1,2\n", encoding="utf-8")
    home = tmp_path / "home"
    command = "import os, sys; os.umask(0); from quintet_command.cli import main; main()"
    for arguments in (["catalog", "info"], ["clients", "create", "probe"]):
        done = subprocess.run(
            [sys.executable, "-c", command, *arguments],
            env={"QUINTET_HOME": str(home), "PATH": os.environ["PATH"]},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    shared = home / "access" / "public"
    for path in home.rglob("*"):
        if path.is_file() and not path.is_relative_to(shared):
            assert mode_of(path) & 0o077 == 0, path
    # What gRPC services of other users check tokens by is shared deliberately.
    assert mode_of(shared / "jwks.json") == 0o644


def test_the_doctor_names_private_files_that_others_can_read(tmp_path: Path) -> None:
    settings = CommandSettings(home=tmp_path)
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "tracks.arrow").touch(0o644)
    assert "owner alone" in file_modes(settings).said
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "1.events").touch()
    (tmp_path / "spool" / "1.events").chmod(0o640)
    finding = file_modes(settings)
    assert "1.events" in finding.said
    assert str(tmp_path / "spool") in finding.remedy


def test_a_database_on_a_disk_that_may_only_be_read_answers_and_rejects_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root nothing is read-only, so that the answer of the system is replaced."""
    url = f"sqlite:///{tmp_path / 'quintet.db'}"
    engine = open_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    engine = open_engine(url)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM tracks")).scalar_one() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    with pytest.raises(StoreUnavailable, match="readonly"), writing(engine) as connection:
        connection.execute(text("DELETE FROM tracks"))
    engine.dispose()
