"""Cut the parts of a track that the perceptual model hears, and hand them over as a WAV file."""

import wave
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_analysis.decoding import SAMPLE_RATE

PART_SECONDS: Final = 30
"""Length of a part: the model was trained on clips of 30 s."""
PARTS: Final = 4
LEAST_SECONDS: Final = 3.0


def write_excerpt(samples: NDArray[np.float32], path: Path) -> bool:
    """Write four parts of 30 s, evenly spread, or all of a shorter track: 16 bits, mono, 16 kHz.

    Args:
        samples: float32, mono, at `SAMPLE_RATE`.
        path: The file to write.

    Returns:
        False for less than 3 s, of which nothing is written.

    Raises:
        OSError: It cannot be written; the disk may be full.
    """
    if len(samples) < LEAST_SECONDS * SAMPLE_RATE:
        return False
    length = PART_SECONDS * SAMPLE_RATE
    if len(samples) > PARTS * length:
        # The ends are left out: they are often quieter than the track.
        starts = np.linspace(0, len(samples) - length, PARTS + 2)[1:-1].astype(int)
        samples = np.concatenate([samples[start : start + length] for start in starts])
    whole = np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(whole.tobytes())
    return True
