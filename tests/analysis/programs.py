"""Programs that tests analyse with: a real ffmpeg if there is one, and scripts that misbehave."""

import shutil
from pathlib import Path

from quintet_analysis.programs import ProgramMissing, find_ffmpeg, find_perception

from tests import needs as need
from tests.needs import needs

PERCEPTION = find_perception("")


def _ffmpeg() -> str:
    try:
        return find_ffmpeg("", PERCEPTION)
    except ProgramMissing:
        return ""


FFMPEG = _ffmpeg()
needs_ffmpeg = needs(need.FFMPEG, bool(FFMPEG))
needs_perception = needs(need.PERCEPTION, PERCEPTION is not None)
needs_espeak = needs(need.SPEECH, shutil.which("espeak-ng") is not None)

# What ffmpeg writes for four seconds of a tone, without ffmpeg; a file named "crash" ends the
# worker, as a fault in a library would.
STAND_IN = """
for word; do case "$word" in file:*crash*) kill -9 $PPID; sleep 5;; esac; done
head -c 256000 "$TONE"
echo 'out_time_us=4000000' >&2
echo '    I:         -12.3 LUFS' >&2
"""
# The model's program in shell: an answer beside each excerpt, none for a batch with number 3.
MODEL = """
shift 4
for excerpt; do case "$excerpt" in */3.wav) exit 7;; esac; done
for excerpt; do
  test -s "$excerpt" || exit 8
  echo '{"acousticness": 0.5, "danceability": 0.5, "energy": 0.25, "instrumentalness": 0.5,
    "liveness": 0.5, "speechiness": 0.5, "valence": 1.0}' > "${excerpt%.wav}.json"
done
"""


def script(path: Path, text: str) -> str:
    """Writes a program in place of ffmpeg or of an interpreter."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o700)
    return str(path)
