"""Ask the perceptual model for seven attributes, through files and a separate process.

The model is GPL-3.0-or-later. Its environment (`make analysis-install`) is separate from this one:
nothing of it is imported here, and nothing of ours there.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from quintet_text.printable import printable

from quintet_analysis.pool import AnalysisStopped

PERCEIVED: Final = (
    "acousticness",
    "danceability",
    "energy",
    "instrumentalness",
    "liveness",
    "speechiness",
    "valence",
)
"""Attributes that the model predicts, each 0 to 1."""
_SECONDS_PER_EXCERPT: Final = 60.0
"""One excerpt takes 0.3 s on an idle core."""
_START_SECONDS: Final = 60.0

Perceived = Mapping[str, float]


class Perception:
    """The perceptual model in its environment."""

    def __init__(self, python: Path, nice: int) -> None:
        """Name the environment.

        Args:
            python: Its interpreter.
            nice: How far the priority is lowered, 0 to 19.
        """
        self._command = [str(python), "-m", "quintet_perception", "--nice", str(nice)]

    def hear(self, excerpts: Sequence[Path]) -> list[Perceived | str]:
        """Predict the attributes of excerpts, and remove their files.

        If the process fails at a batch, each excerpt is tried alone: one that ends the process
        costs itself only.

        Args:
            excerpts: WAV files, 16 kHz, mono, 16 bits, in one folder.

        Returns:
            For each excerpt its seven attributes, or the reason why there are none.

        Raises:
            AnalysisStopped: The environment cannot be started.
        """
        try:
            failure = self._run(excerpts)
            if failure and len(excerpts) > 1:
                return [self.hear([excerpt])[0] for excerpt in excerpts]
            return [failure or _answer(excerpt) for excerpt in excerpts]
        finally:
            for excerpt in excerpts:
                excerpt.unlink(missing_ok=True)
                _answer_file(excerpt).unlink(missing_ok=True)

    def _run(self, excerpts: Sequence[Path]) -> str:
        """Run the process; give "" or the reason of its failure."""
        with tempfile.TemporaryFile() as messages:
            try:
                done = subprocess.run(
                    [*self._command, *map(str, excerpts)],
                    stdin=subprocess.DEVNULL,
                    stdout=messages,
                    stderr=messages,
                    timeout=_START_SECONDS + _SECONDS_PER_EXCERPT * len(excerpts),
                    check=False,
                    start_new_session=True,
                    env={
                        key: os.environ[key]
                        for key in ("PATH", "HOME", "LANG")
                        if key in os.environ
                    },
                )
            except subprocess.TimeoutExpired:
                return "the perceptual model takes too long"
            except OSError as fault:
                raise AnalysisStopped(f"{self._command[0]}: {fault.strerror or fault}") from fault
            if done.returncode == 0:
                return ""
            messages.seek(0)
            said = messages.read(64 * 1024).decode("utf-8", "replace").strip().splitlines() or [""]
            return printable(f"the perceptual model failed ({done.returncode}): {said[-1]}", 300)


def _answer_file(excerpt: Path) -> Path:
    return excerpt.with_suffix(".json")


def _answer(excerpt: Path) -> Perceived | str:
    try:
        values = json.loads(_answer_file(excerpt).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "the perceptual model wrote no answer"
    if not isinstance(values, dict):
        return "the perceptual model wrote no answer"
    if "failure" in values:
        return printable(f"the perceptual model failed: {values['failure']}", 300)
    known = {name: values.get(name) for name in PERCEIVED}
    if not all(isinstance(value, float) and 0 <= value <= 1 for value in known.values()):
        return "the perceptual model wrote values outside 0 to 1"
    return {name: float(value) for name, value in known.items() if value is not None}
