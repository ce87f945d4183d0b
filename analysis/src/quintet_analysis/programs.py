"""Find the programs that analysis calls: ffmpeg, and the environment of the perceptual model."""

import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from quintet_analysis.decoding import SAMPLE_RATE, Limits, NotDecoded, decode
from quintet_analysis.excerpt import write_excerpt

ENVIRONMENT: Final = ".analysis-venv"
"""Folder of `make analysis-install`, beside the environment that the command runs in."""
_TEST_SECONDS: Final = 30.0


class ProgramMissing(Exception):
    """A program that analysis needs is missing or unfit; the message says what to install."""


def find_perception(setting: str) -> Path | None:
    """Find the interpreter of the perceptual model.

    Args:
        setting: Its path; empty for the environment of `make analysis-install`.

    Returns:
        None if there is none, which leaves seven attributes missing.

    Raises:
        ProgramMissing: The path that was set is no file.
    """
    if setting:
        if not Path(setting).is_file():
            raise ProgramMissing(
                f"QUINTET_ANALYSIS_PYTHON: there is no file {setting}; run `make analysis-install` "
                f"and name its bin/python, or leave the setting empty"
            )
        return Path(setting)
    usual = Path(sys.prefix).parent / ENVIRONMENT / "bin" / "python"
    return usual if usual.is_file() else None


def find_ffmpeg(setting: str, perception: Path | None) -> str:
    """Find ffmpeg and check that it decodes and measures a tone.

    Args:
        setting: Its path; empty for the one on PATH, else the one of `make analysis-install`.
        perception: The interpreter of that environment.

    Raises:
        ProgramMissing: There is none, or it cannot do what is needed.
    """
    program = setting or shutil.which("ffmpeg") or _bundled(perception)
    if not program:
        raise ProgramMissing(
            "ffmpeg was not found; install it (Debian: apt-get install ffmpeg), run "
            "`make analysis-install`, or set QUINTET_ANALYSIS_FFMPEG to its path"
        )
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * math.pi * 997 * time).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tone.wav"
        # A second is below an excerpt's least length, hence four.
        write_excerpt(np.tile(tone, 4), path)
        try:
            heard = decode(str(path), program, Limits(seconds=_TEST_SECONDS))
        except (NotDecoded, OSError) as fault:
            raise ProgramMissing(f"{program} cannot decode a test tone: {fault}") from fault
    if heard.loudness is None or not -4.0 <= heard.loudness <= -2.0:
        raise ProgramMissing(f"{program} measures no loudness; version 4.4 or newer is needed")
    return program


def _bundled(perception: Path | None) -> str:
    if perception is None:
        return ""
    done = subprocess.run(
        [str(perception), "-m", "quintet_perception", "--ffmpeg"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TEST_SECONDS,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""
