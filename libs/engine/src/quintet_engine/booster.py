"""The LightGBM booster: read from text, one thread, contributions on demand."""

from dataclasses import dataclass
from typing import Any, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray


class BoosterFailed(Exception):
    """A booster cannot score what it is given."""


@dataclass(frozen=True)
class Ranker:
    """A trained booster and the names of its features.

    Attributes:
        booster: The LightGBM booster.
        names: Its feature names, in the order of the matrix columns.
    """

    booster: Any
    names: tuple[str, ...]

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Reads a booster from LightGBM's text form.

        Raises:
            ValueError: The text is not a booster.
        """
        try:
            booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as fault:
            raise ValueError("the booster is not readable") from fault
        return cls(booster, tuple(booster.feature_name()))

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns a score for each row of (k, features); higher is better.

        Raises:
            BoosterFailed: There is no score, or it is no number.
        """
        try:
            scores = np.asarray(self.booster.predict(matrix, num_threads=1), dtype=np.float64)
        except (lightgbm.basic.LightGBMError, ValueError) as fault:
            raise BoosterFailed(str(fault)) from fault
        if not np.isfinite(scores).all():
            raise BoosterFailed("a score is not a number")
        return scores

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns TreeSHAP shares, (k, features + 1); the last column is the expected score."""
        shares = self.booster.predict(matrix, pred_contrib=True, num_threads=1)
        return np.asarray(shares, dtype=np.float64)
