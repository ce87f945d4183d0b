"""The model of vibenet 0.1.0, run by ONNX Runtime on one thread."""

import importlib.metadata
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from quintet_perception.spectrogram import SAMPLE_RATE, mel_spectrogram

ATTRIBUTES: Final = (
    "acousticness",
    "danceability",
    "energy",
    "instrumentalness",
    "liveness",
    "speechiness",
    "valence",
)
"""The order of the model's outputs."""
_PROBABILITIES: Final = frozenset({"acousticness", "instrumentalness", "liveness"})
"""Outputs that are logits; the others are values from 0 to 1."""
_PART: Final = 30 * SAMPLE_RATE
"""Samples that are heard at a time: the model was trained on clips of 30 s."""
_LEAST: Final = SAMPLE_RATE
"""A shorter rest is not heard."""


class Model:
    """A loaded model."""

    def __init__(self) -> None:
        """Load the model's file out of the installed package, without importing the package."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        files = importlib.metadata.files("vibenet") or []
        path = next(each for each in files if each.suffix == ".onnx").locate()
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def attributes(self, samples: NDArray[np.float32]) -> dict[str, float]:
        """Predict the attributes of an excerpt: the mean over its parts of 30 s.

        Args:
            samples: float32, mono, 16 kHz, at least one second.

        Raises:
            ValueError: The excerpt is shorter.
        """
        parts = [samples[start : start + _PART] for start in range(0, len(samples), _PART)]
        parts = [part for part in parts if len(part) >= _LEAST]
        if not parts:
            raise ValueError("the excerpt is shorter than one second")
        values = np.average(
            [self._hear(part) for part in parts], axis=0, weights=[len(part) for part in parts]
        )
        return {name: float(value) for name, value in zip(ATTRIBUTES, values, strict=True)}

    def _hear(self, part: NDArray[np.float32]) -> NDArray[np.float64]:
        (output,) = self._session.run(None, {"x": mel_spectrogram(part)[np.newaxis]})
        raw = np.asarray(output[0], dtype=np.float64)
        logits = np.array([name in _PROBABILITIES for name in ATTRIBUTES])
        return np.where(logits, 1 / (1 + np.exp(-raw)), np.clip(raw, 0, 1))
