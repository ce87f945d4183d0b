"""Programs that tests analyse with: a real ffmpeg if there is one, and scripts that misbehave."""

import shutil
from pathlib import Path

import pytest
from quintet_analysis.programs import ProgramMissing, find_ffmpeg, find_perception

PERCEPTION = find_perception("")


def _ffmpeg() -> str:
    try:
        return find_ffmpeg("", PERCEPTION)
    except ProgramMissing:
        return ""


FFMPEG = _ffmpeg()
needs_ffmpeg = pytest.mark.skipif(
    not FFMPEG, reason="no ffmpeg: apt-get install ffmpeg, or make analysis-install"
)
needs_perception = pytest.mark.skipif(
    PERCEPTION is None, reason="no perceptual model: make analysis-install"
)
needs_espeak = pytest.mark.skipif(
    not shutil.which("espeak-ng"), reason="no speech: apt-get install espeak-ng"
)


def script(path: Path, text: str) -> str:
    """Writes a program in place of ffmpeg or of an interpreter."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o700)
    return str(path)
