"""`quintet analyse` and `quintet analyse calibrate`, as a person runs them."""

import os
import subprocess
import sys

import pytest

from tests.analysis.programs import FFMPEG, needs_ffmpeg
from tests.fakes.audio_files import tone


@pytest.fixture
def quintet(tmp_path):
    environment = {
        **os.environ,
        "QUINTET_HOME": str(tmp_path / "home"),
        "QUINTET_DATABASE_URL": "",
        "COLUMNS": "200",
    }

    def run(*arguments, **changes):
        done = subprocess.run(
            [sys.executable, "-m", "quintet_command", *arguments],
            env={**environment, **changes},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@needs_ffmpeg
def test_a_folder_is_analysed_in_three_commands(quintet, tmp_path):
    tone("tone.flac", tmp_path / "music" / "a.flac", title="A", artists="B")
    assert quintet("library", "add", "folder", str(tmp_path / "music"), "--name", "mine")[0] == 0
    code, _, said = quintet("library", "sync", "--no-publish")
    assert code == 0, said
    settings = {"QUINTET_ANALYSIS_FFMPEG": FFMPEG, "QUINTET_ANALYSIS_WORKERS": "1"}
    code, out, said = quintet("analyse", "--without-model", "--without-publishing", **settings)
    assert code == 0, said
    assert [line.split("│")[2].strip() for line in out.splitlines() if "analysed" in line] == ["1"]
    code, out, said = quintet("analyse", "calibrate")
    assert code == 2
    assert said.startswith("error: calibration needs at least 100 tracks")


def test_what_cannot_be_done_is_one_line(quintet, tmp_path):
    for name, text in (
        ("QUINTET_ANALYSIS_FFMPEG", "cannot decode a test tone"),
        ("QUINTET_ANALYSIS_PYTHON", "make analysis-install"),
    ):
        code, _, said = quintet("analyse", **{name: str(tmp_path / "missing")})
        assert code == 2
        assert text in said
        assert said.count("\n") == 1
