"""Short-time power spectra, in blocks, so that a long file needs little memory."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BLOCK: Final = 512
"""Windows per block: 4 MB of spectra for windows of 2,048 samples."""


def power_blocks(
    samples: NDArray[np.float32], window: int, hop: int
) -> Iterator[NDArray[np.float32]]:
    """Yield power spectra of successive windows, weighted by Hann's window.

    Args:
        samples: Mono signal, at least `window` samples.
        window: Samples per window.
        hop: Samples from one window's start to the next.

    Yields:
        float32 of shape (at most 512, window // 2 + 1).
    """
    weights = np.hanning(window + 1)[:-1].astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    for start in range(0, len(windows), _BLOCK):
        spectra = np.fft.rfft(windows[start : start + _BLOCK] * weights, axis=1)
        yield (spectra.real**2 + spectra.imag**2).astype(np.float32)
