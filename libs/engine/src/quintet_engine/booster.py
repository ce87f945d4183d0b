"""The LightGBM booster: read from text, one thread, contributions on demand."""

import json
import logging
from typing import Any, Final, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from quintet_engine.booster_text import check_booster_text
from quintet_engine.forest import Forest, ForestUnsupported

_log = logging.getLogger(__name__)
SHARE_TOLERANCE: Final = 1e-5
"""How far a share may lie from LightGBM's, in units of the greatest share."""
SHARED: Final = 64
"""Of how many rows shares are compared."""


class BoosterFailed(Exception):
    """A booster cannot score what it is given."""


class Ranker:
    """A trained booster and the names of its features; safe to ask from several threads.

    LightGBM answers until `accelerate` has proved that the compiled forest answers the same.

    Args:
        booster: The LightGBM booster.
        laid_out: The same trees; laid out when they are needed where None.

    Attributes:
        booster: The LightGBM booster.
        names: Its feature names, in the order of the matrix columns.
    """

    def __init__(self, booster: Any, laid_out: Forest | None = None) -> None:
        self.booster = booster
        self.names: tuple[str, ...] = tuple(booster.feature_name())
        self._laid_out = laid_out
        self._forest: Forest | None = None

    @classmethod
    def from_text(cls, text: str, laid_out: Forest | None = None) -> Self:
        """Reads a booster from LightGBM's text form.

        Raises:
            ValueError: The text is not a booster.
        """
        # LightGBM ends the process at a damaged text instead of raising an error.
        check_booster_text(text)
        try:
            return cls(lightgbm.Booster(model_str=text), laid_out)
        except lightgbm.basic.LightGBMError as fault:
            raise ValueError("the booster is not readable") from fault

    def forest(self) -> Forest:
        """Returns its trees laid out.

        Raises:
            ForestUnsupported: They cannot be.
        """
        try:
            return self._laid_out or Forest.of(self.booster)
        except json.JSONDecodeError as fault:
            # LightGBM describes a booster in JSON, and writes infinite numbers as no JSON has them.
            raise ForestUnsupported("LightGBM's description of it is not JSON") from fault

    @property
    def accelerated(self) -> bool:
        """Whether the compiled forest answers."""
        return self._forest is not None

    def accelerate(self, sample: NDArray[np.float32]) -> bool:
        """Lets the compiled forest answer from now on, where it agrees with LightGBM on a sample.

        Scores must be equal to the last bit, shares to `SHARE_TOLERANCE`; those of `SHARED` rows,
        since LightGBM takes milliseconds for each. The first call in a process compiles, which
        takes seconds; LightGBM answers meanwhile.

        Args:
            sample: float32 (k, features), real rows, k ≥ 1.

        Returns:
            Whether it answers.
        """
        try:
            forest = self.forest()
        except ForestUnsupported as fault:
            _log.info("LightGBM itself ranks: %s", fault)
            return False
        told = sample[:SHARED]
        shares, ours = self._booster_shares(told), forest.contributions(told)
        same = np.array_equal(forest.scores(sample), self._booster_scores(sample))
        close = np.abs(ours - shares).max() <= SHARE_TOLERANCE * max(np.abs(shares).max(), 1.0)
        if not (same and close):
            _log.warning("LightGBM itself ranks: the compiled forest answers otherwise")
            return False
        self._forest = forest
        return True

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns a score for each row of (k, features); higher is better.

        Raises:
            BoosterFailed: There is no score, or it is no number.
        """
        forest = self._forest
        scores = self._booster_scores(matrix) if forest is None else forest.scores(matrix)
        if not np.isfinite(scores).all():
            raise BoosterFailed("a score is not a number")
        return scores

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns TreeSHAP shares, (k, features + 1); the last column is the expected score."""
        forest = self._forest
        return self._booster_shares(matrix) if forest is None else forest.contributions(matrix)

    def _booster_scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        try:
            return np.asarray(self.booster.predict(matrix, num_threads=1), dtype=np.float64)
        except (lightgbm.basic.LightGBMError, ValueError) as fault:
            raise BoosterFailed(str(fault)) from fault

    def _booster_shares(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        shares = self.booster.predict(matrix, pred_contrib=True, num_threads=1)
        return np.asarray(shares, dtype=np.float64)
