"""`quintet radio` and `quintet path` against running services."""

import json
import os
import subprocess
import sys

import pytest

from tests.slow import slow
from tests.ui.patience import WAIT_SECONDS


@pytest.fixture
def quintet(installation, tmp_path):
    def run(*arguments, columns=80):
        environment = {
            **os.environ,
            "QUINTET_GATEWAY_URL": installation.gateway,
            "COLUMNS": str(columns),
        }
        return subprocess.run(
            [sys.executable, "-m", "quintet_command", *arguments],
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            env=environment,
            cwd=tmp_path,
            check=False,
        )

    return run


@slow("runs many commands")
def test_a_session_in_a_file_goes_on_with_what_was_done(quintet, songs, tmp_path):
    begun = json.loads(
        quintet("radio", songs[0], "--session", "s", "--limit", "4", "--json").stdout
    )
    played = [each["track"]["id"] for each in begun["tracks"]]
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0
    shown = quintet(
        *("radio", "--session", "s", "--limit", "4"),
        *("--like", played[0], "--skip", played[1], "--finish", f"spotify:track:{played[2]}"),
    )
    assert shown.returncode == 0, shown.stderr
    # On 80 columns each track still has its place and its whole id.
    rows = [line.split() for line in shown.stdout.splitlines() if line[:2].strip().isdigit()]
    assert [row[0] for row in rows] == ["5", "6", "7", "8"]
    assert all(len(row[1]) == 22 for row in rows)
    assert not {row[1] for row in rows} & set(played)
    after = json.loads(quintet("radio", "--session", "s", "--limit", "1", "--json").stdout)
    assert {seed["origin"] for seed in after["seeds"]} == {"start", "liked", "finished"}
    assert after["avoided"] == [played[1]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name one to five seeds to start, or --session FILE to continue"),
        (["x", "--session", "kept"], "kept holds a session, which has its seeds"),
        (["--session", "kept", "--min", "energy=0.5"], "filters must be absent with a cursor"),
        (["--session", "kept", "--artist-gap", "2"], "artist_gap must be absent with a cursor"),
        (["--session", "kept"], "cursor"),
        (["--session", "."], ". cannot be read as a session; delete it, or name another file"),
    ],
)
def test_a_session_that_cannot_go_on_says_why_in_one_line(quintet, tmp_path, arguments, said):
    (tmp_path / "kept").write_text("no cursor", encoding="utf-8")
    done = quintet("radio", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_path_begins_and_ends_with_the_songs_named(quintet, songs):
    shown = quintet("path", "hotel california", songs[3], "--length", "5")
    assert shown.returncode == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines() if line[:2].strip().isdigit()]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert (rows[0][1], rows[-1][1]) == (songs[0], songs[3])
    assert "Steps from 0 (alike) to 1: greatest " in shown.stdout
    same = quintet("path", songs[0], songs[0])
    assert (same.returncode, same.stderr.count("\n")) == (2, 1)
