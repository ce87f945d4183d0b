"""Predict the attributes of excerpts: WAV files in, one JSON file beside each out.

    python -m quintet_perception EXCERPT.wav …
    python -m quintet_perception --ffmpeg

EXCERPT.json holds the seven attributes, each 0 to 1, or `failure` with a reason. The second form
prints the path of the ffmpeg in this environment.
"""

import argparse
import contextlib
import json
import os
import resource
import sys
import wave
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_perception.spectrogram import SAMPLE_RATE

_MOST_MEMORY: Final = 4 * 1024**3
"""Bytes of address space, mostly of libraries; 30 s of audio take less than 300 MB."""
_MOST_SECONDS: Final = 600


def read_excerpt(path: Path) -> NDArray[np.float32]:
    """Read a WAV file of 16 kHz, mono, 16 bits, as float32 of -1..1.

    Raises:
        ValueError: It has another format, or is longer than ten minutes.
        wave.Error, EOFError: It is no WAV file.
        OSError: It cannot be read.
    """
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, SAMPLE_RATE):
            raise ValueError("an excerpt must be a WAV file of 16 kHz, mono, 16 bits")
        if file.getnframes() > _MOST_SECONDS * SAMPLE_RATE:
            raise ValueError(f"an excerpt must not be longer than {_MOST_SECONDS} s")
        whole = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return np.asarray(whole / 32767, dtype=np.float32)


def main() -> None:
    """Parse the command line, and write one answer per excerpt."""
    parser = argparse.ArgumentParser(prog="quintet_perception", description=__doc__)
    parser.add_argument("--nice", type=int, default=0, help="How far to lower the priority, 0-19.")
    parser.add_argument("--ffmpeg", action="store_true", help="Print the path of ffmpeg and stop.")
    parser.add_argument("excerpts", nargs="*", type=Path)
    options = parser.parse_args()
    if options.ffmpeg:
        from imageio_ffmpeg import get_ffmpeg_exe

        sys.stdout.write(get_ffmpeg_exe() + "\n")
        return
    lowered = os.nice(options.nice)
    if os.getsid(0) == os.getpid():
        # Linux may share the processor between sessions first, whatever the priority of processes.
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(lowered), encoding="ascii")
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    from quintet_perception.model import Model

    model = Model()
    for excerpt in options.excerpts:
        answer: dict[str, float] | dict[str, str]
        try:
            answer = model.attributes(read_excerpt(excerpt))
        except (ValueError, wave.Error, EOFError) as fault:
            answer = {"failure": str(fault) or type(fault).__name__}
        # The caller reads no answer before this program has ended with 0.
        excerpt.with_suffix(".json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
