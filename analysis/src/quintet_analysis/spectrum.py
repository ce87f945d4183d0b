"""Short-time power spectra, in blocks, so that a long file needs little memory."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BLOCK: Final = 1 << 18
"""Samples per block, 1 MB: larger blocks leave the processor's cache and take up to half longer."""


def power_blocks(
    samples: NDArray[np.float32], window: int, hop: int
) -> Iterator[NDArray[np.float32]]:
    """Yield power spectra of successive windows, weighted by Hann's window.

    Args:
        samples: Mono signal, at least `window` samples.
        window: Samples per window.
        hop: Samples from one window's start to the next.

    Yields:
        float32 of shape (some windows, window // 2 + 1).
    """
    weights = np.hanning(window + 1)[:-1].astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    count = max(1, _BLOCK // window)
    for start in range(0, len(windows), count):
        spectra = np.fft.rfft(windows[start : start + count] * weights, axis=1)
        yield (spectra.real**2 + spectra.imag**2).astype(np.float32)
