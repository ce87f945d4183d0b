"""`quintet drift` leaves its last report where the gateway reads it."""

import json
from datetime import UTC, datetime

import pytest
from quintet_command.cli.drift import drift
from quintet_command.cli.failure import CommandFailed
from quintet_modelkit.publication import publish, staged, write_manifest
from typer import Typer
from typer.testing import CliRunner


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("QUINTET_HOME", str(tmp_path))
    with staged(tmp_path / "models") as folder:
        write_manifest(folder, {"model_version": "m-1", "feature_hash": "f"})
        publish(folder, tmp_path / "models", "m-1")
    return tmp_path


def look():
    app = Typer()
    app.command()(drift)
    return CliRunner().invoke(app, ["--json"])


def test_the_last_report_stays_with_its_time(home):
    before = datetime.now(UTC).replace(microsecond=0)
    done = look()
    assert done.exit_code == 1
    kept = json.loads((home / "drift.json").read_text())
    assert before <= datetime.fromisoformat(kept.pop("time")) <= datetime.now(UTC)
    assert kept == json.loads(done.stdout)
    assert (kept["model"], kept["enough"]) == ("m-1", False)


def test_a_look_that_fails_leaves_the_report_before_it(home):
    look()
    kept = (home / "drift.json").read_text()
    (home / "models" / "current").unlink()
    assert isinstance(look().exception, CommandFailed)
    assert (home / "drift.json").read_text() == kept
