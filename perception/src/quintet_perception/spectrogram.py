"""The input of the model: a mel spectrogram with the parameters of vibenet 0.1.0."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 16_000
WINDOW: Final = 640
"""Samples per window, 40 ms."""

_HOP: Final = 320
_BINS: Final = 1024
_BANDS: Final = 128
_DECIBELS: Final = 80.0
"""Levels further below the loudest are set to this distance."""
# Slaney's mel scale: linear to 1,000 Hz (15 mel), logarithmic above (27 steps per factor of 6.4).
_HERTZ_PER_MEL: Final = 200 / 3
_LINEAR_TO_MEL: Final = 15.0
_LOG_STEP: Final = np.log(6.4) / 27


def mel_spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the levels of 128 mel bands in dB, every 20 ms.

    Args:
        samples: float32, mono, 16 kHz, -1..1; padded to one window if shorter.

    Returns:
        Shape (128, windows), at most 80 dB below its maximum.
    """
    samples = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::_HOP]
    weights = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    spectra = np.fft.rfft(windows * weights, n=_BINS, axis=1)
    power = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    levels = 10 * np.log10(np.maximum(_filters() @ power.T, 1e-10))
    return np.asarray(np.maximum(levels, levels.max() - _DECIBELS), dtype=np.float32)


def _filters() -> NDArray[np.float32]:
    """Build triangular filters from 0 to 8 kHz, each of unit area: shape (bands, bins)."""
    top = _LINEAR_TO_MEL + np.log(SAMPLE_RATE / 2 / 1000) / _LOG_STEP
    mels = np.linspace(0, top, _BANDS + 2)
    linear = mels * _HERTZ_PER_MEL
    logarithmic = 1000 * np.exp(_LOG_STEP * (mels - _LINEAR_TO_MEL))
    edges = np.where(mels < _LINEAR_TO_MEL, linear, logarithmic)
    hertz = np.fft.rfftfreq(_BINS, 1 / SAMPLE_RATE)
    rising = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None], dtype=np.float32)
