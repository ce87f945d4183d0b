"""Estimate key and mode: how long each pitch class sounds, compared with profiles of keys."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_analysis.decoding import SAMPLE_RATE
from quintet_analysis.spectrum import power_blocks

LEAST_SECONDS: Final = 2.0
"""Shorter signals have too few notes."""

_WINDOW: Final = 8192
_HOP: Final = 4096
_LOWEST_HZ: Final = 65.0
"""C2: below, the bins of a window are wider than a semitone."""
_HIGHEST_HZ: Final = 2100.0
"""C7: above, there are overtones rather than notes."""
_FLOOR: Final = 0.02
"""Least magnitude of a peak, as a share of the window's largest."""
_TONAL: Final = 0.3
"""Least correlation with a profile; noise and drums stay below it."""
# Share of each pitch class, from the tonic up, in 982 pieces: Albrecht and Shanahan, "The Use of
# Large Corpora to Train a New Type of Key-Finding Algorithm", Music Perception 31 (2013), table 1.
_MAJOR: Final = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR: Final = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)


@dataclass(frozen=True)
class Tonality:
    """A key: `key` 0 to 11, 0 is C; `mode` 1 for major, 0 for minor."""

    key: int
    mode: int


def estimate_tonality(samples: NDArray[np.float32]) -> Tonality | None:
    """Estimate the key that a signal is in for most of its time.

    Args:
        samples: float32, mono, at `SAMPLE_RATE`.

    Returns:
        None for a signal that is too short or has no clear pitches.
    """
    if len(samples) < LEAST_SECONDS * SAMPLE_RATE:
        return None
    sounding = _pitch_classes(samples)
    if sounding.std() == 0:
        return None
    scores = {
        Tonality(tonic, mode): float(np.corrcoef(np.roll(profile, tonic), sounding)[0, 1])
        for mode, profile in ((1, _MAJOR), (0, _MINOR))
        for tonic in range(12)
    }
    best = max(scores, key=lambda each: scores[each])
    return best if scores[best] >= _TONAL else None


def _pitch_classes(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum the strength of each pitch class over the signal; shape (12,), from C."""
    pitches, weights = _peaks(samples)
    # Instruments are rarely tuned to 440 Hz: the mean deviation from the semitones is the tuning.
    tuning = np.angle(np.sum(weights * np.exp(2j * np.pi * pitches))) / (2 * np.pi)
    classes = np.rint(pitches - tuning).astype(int) % 12
    return np.asarray(np.bincount(classes, weights=weights, minlength=12), dtype=np.float64)


def _peaks(samples: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the peaks of each spectrum: their pitches (MIDI, with fractions) and weights."""
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    inside = (frequencies > _LOWEST_HZ) & (frequencies < _HIGHEST_HZ)
    first = float(frequencies[inside][0])
    pitches, weights = [np.zeros(0)], [np.zeros(0)]
    for block in power_blocks(samples, _WINDOW, _HOP):
        magnitudes = np.sqrt(block[:, inside]).astype(np.float64)
        middle = magnitudes[:, 1:-1]
        least = magnitudes.max(axis=1, keepdims=True) * _FLOOR + 1e-6
        rows, columns = np.nonzero(
            (middle > magnitudes[:, :-2]) & (middle >= magnitudes[:, 2:]) & (middle > least)
        )
        # A parabola through the logarithms of three bins gives the peak between them.
        left, top, right = (np.log(magnitudes[rows, columns + i] + 1e-12) for i in range(3))
        offset = np.clip(0.5 * (left - right) / (left - 2 * top + right - 1e-12), -0.5, 0.5)
        hertz = first + (columns + 1 + offset) * (SAMPLE_RATE / _WINDOW)
        loudest = np.sqrt(np.sum(block[:, inside], axis=1))[rows] + 1e-12
        pitches.append(69 + 12 * np.log2(hertz / 440))
        # Square roots: a loud bass must not outvote the melody, nor a loud minute a quiet one.
        weights.append(np.sqrt(middle[rows, columns] / loudest) * np.sqrt(loudest) ** 0.5)
    return np.concatenate(pitches), np.concatenate(weights)
