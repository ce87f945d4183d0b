"""Estimate the tempo: the period at which onsets repeat best."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_analysis.decoding import SAMPLE_RATE
from quintet_analysis.spectrum import power_blocks

LEAST_SECONDS: Final = 4.0
"""Shorter signals have too few beats."""
SLOWEST: Final = 40.0
FASTEST: Final = 250.0

_WINDOW: Final = 1024
_HOP: Final = 160
_RATE: Final = SAMPLE_RATE / _HOP
"""Onset strengths per second: 100, so that a lag of 16 beats resolves far below 1 %."""
_BANDS: Final = 40
_LOWEST_HZ: Final = 30.0
# Weights of the autocorrelation at 1 to 4 beats. The fourth counts more than the third because most
# music has an even number of beats per bar.
_BEATS: Final = ((1, 1.0), (2, 0.8), (3, 0.5), (4, 0.6))
# Listeners tap near 120 beats/min (Moelants 2002); the width is in octaves.
_PREFERRED: Final = 120.0
_WIDTH: Final = 0.9
_PERIODIC: Final = 0.15
"""Least score that counts as a beat: noise stays below it, music with beats is above 0.3."""


def estimate_tempo(samples: NDArray[np.float32]) -> float | None:
    """Estimate the tempo of a signal in beats per minute.

    The result may be half or twice what a person taps: the beat's level is a matter of taste.

    Args:
        samples: float32, mono, at `SAMPLE_RATE`.

    Returns:
        40 to 250; None for a signal that is too short or has no repeating onsets.
    """
    if len(samples) < LEAST_SECONDS * SAMPLE_RATE:
        return None
    strengths = _onset_strengths(samples)
    strengths -= strengths.mean()
    if not strengths.any():
        return None
    repeats = _autocorrelation(strengths)
    tempos = np.geomspace(SLOWEST, FASTEST, 1200)
    scores = np.maximum(_score(repeats, tempos), 0)
    preference = np.exp(-0.5 * (np.log2(tempos / _PREFERRED) / _WIDTH) ** 2)
    best = int(np.argmax(scores * preference))
    if scores[best] < _PERIODIC:
        return None
    return _refine(repeats, _without_triplets(repeats, float(tempos[best])))


def _onset_strengths(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Measure how much louder each 10 ms is than 20 ms before, summed over bands of hearing."""
    half = _WINDOW // 2
    bank = _bands().T
    bands = np.concatenate(
        [block @ bank for block in power_blocks(np.pad(samples, half), _WINDOW, _HOP)]
    )
    # Relative to the loud parts, so that a quiet master gives the same strengths as a loud one.
    reference = max(float(np.percentile(bands, 95)), 1e-12)
    levels = np.log1p(bands * (1e3 / reference))
    rises = np.maximum(0, levels[2:] - levels[:-2]).mean(axis=1).astype(np.float64)
    around = int(_RATE / 2) | 1
    local = np.convolve(rises, np.ones(around) / around, "same")
    return np.asarray(np.maximum(0, rises - local))


def _bands() -> NDArray[np.float32]:
    """Build triangular bands, equally wide on the mel scale: shape (bands, bins)."""
    top = SAMPLE_RATE / 2
    mels = np.linspace(
        2595 * np.log10(1 + _LOWEST_HZ / 700), 2595 * np.log10(1 + top / 700), _BANDS + 2
    )
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)[None]
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def _autocorrelation(strengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlate onset strengths with themselves; 1 at lag 0, each lag weighted by its overlap."""
    count = len(strengths)
    size = 1 << (2 * count).bit_length()
    spectrum = np.abs(np.fft.rfft(strengths, size)) ** 2
    raw = np.fft.irfft(spectrum)[:count]
    overlap = np.maximum(1 - np.arange(count) / count, 0.1)
    return np.asarray(raw / raw[0] / overlap)


def _at(repeats: NDArray[np.float64], lags: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.interp(lags, np.arange(len(repeats)), repeats, right=0.0)


def _score(repeats: NDArray[np.float64], tempos: NDArray[np.float64]) -> NDArray[np.float64]:
    beat = 60 / tempos * _RATE
    return np.asarray(sum(weight * _at(repeats, count * beat) for count, weight in _BEATS))


def _without_triplets(repeats: NDArray[np.float64], tempo: float) -> float:
    """Take 3/2 of a tempo if the onsets repeat better there.

    The preference for 120 otherwise turns 180 beats/min into 120: one and a half beats each. The
    opposite, 2/3, is not tried: it turns the beats of a waltz into its bars.
    """
    if tempo * 1.5 > FASTEST:
        return tempo
    near = np.linspace(0.985, 1.015, 13)
    faster = _score(repeats, tempo * 1.5 * near)
    if faster.max() <= _score(repeats, tempo * near).max():
        return tempo
    return float((tempo * 1.5 * near)[int(np.argmax(faster))])


def _refine(repeats: NDArray[np.float64], tempo: float) -> float:
    """Narrow the tempo at longer and longer lags, where a small error is many samples."""
    for beats in (4, 8, 16):
        if beats * 60 / tempo * _RATE < len(repeats) / 2:
            tempos = tempo * np.linspace(1 - 0.06 / beats, 1 + 0.06 / beats, 81)
            tempo = float(tempos[int(np.argmax(_at(repeats, beats * 60 / tempos * _RATE)))])
    return tempo
