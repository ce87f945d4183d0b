"""The LightGBM booster: read from text, one thread, TreeSHAP contributions on demand."""

import json
import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from quintet_engine.booster_text import check_booster_text
from quintet_engine.forest import Forest, ForestUnsupported

_log = logging.getLogger(__name__)
SHARE_TOLERANCE: Final = 1e-5
"""How far a contribution may be from LightGBM's, relative to the greatest one."""
COMPARED_ROWS: Final = 64
"""How many rows' contributions are compared; LightGBM takes milliseconds for each row."""


class BoosterFailed(Exception):
    """A booster cannot score the rows it was given."""


class Ranker:
    """A trained booster and the names of its features; safe to call from several threads.

    The compiled forest scores if it was compared with LightGBM when the model was published. Then
    LightGBM, whose import takes long, is not loaded. Otherwise LightGBM scores until `accelerate`
    has compared them.

    Args:
        read: Makes the LightGBM booster.
        names: Its feature names, in the order of the matrix columns.
        forest: The same trees as arrays, if they were saved with the model.
        compared: Whether the saved trees give LightGBM's scores.

    Attributes:
        names: The feature names.
    """

    def __init__(
        self,
        read: Callable[[], Any],
        names: Sequence[str],
        forest: Forest | None = None,
        *,
        compared: bool = False,
    ) -> None:
        self._read = read
        self.names: tuple[str, ...] = tuple(names)
        self._saved, self._compiled = forest, forest if compared else None

    @classmethod
    def of(cls, booster: Any) -> Self:
        """Make one of a LightGBM booster."""
        return cls(lambda: booster, booster.feature_name())

    @classmethod
    def from_text(cls, text: str, forest: Forest | None = None, *, compared: bool = False) -> Self:
        """Read a booster from LightGBM's text format.

        Args:
            text: The text.
            forest: Likewise.
            compared: Likewise.

        Raises:
            ValueError: The text is not a booster.
        """
        # LightGBM ends the process at a damaged text instead of raising an error.
        names = check_booster_text(text)
        ranker = cls(lambda: _booster_of(text), names, forest, compared=compared)
        if not ranker.accelerated and ranker.booster.feature_name() != list(names):
            raise ValueError("LightGBM reads other feature names than the booster's text has")
        return ranker

    @cached_property
    def booster(self) -> Any:
        """The LightGBM booster.

        Raises:
            ValueError: LightGBM cannot read it.
        """
        return self._read()

    def forest(self) -> Forest:
        """Provide the trees as arrays.

        Raises:
            ForestUnsupported: Only LightGBM can evaluate them.
        """
        if self._saved is not None:
            return self._saved
        from lightgbm.basic import LightGBMError

        try:
            return Forest.of(self.booster)
        except (json.JSONDecodeError, LightGBMError) as fault:
            # LightGBM describes a booster in JSON, and writes infinite numbers as no JSON has them.
            raise ForestUnsupported("LightGBM cannot describe it in JSON") from fault
        except ZeroDivisionError as fault:
            raise ForestUnsupported("a node has no training rows") from fault

    @property
    def accelerated(self) -> bool:
        """Whether the compiled forest scores."""
        return self._compiled is not None

    def accelerate(self, sample: NDArray[np.float32]) -> bool:
        """Switch to the compiled forest, if it agrees with LightGBM on a sample.

        Scores must be equal to the last bit, contributions within `SHARE_TOLERANCE`. Nothing is
        compared again.

        Args:
            sample: float32 (k, features), real rows, k ≥ 1.

        Returns:
            Whether it switched.
        """
        if self._compiled is not None:
            return True
        try:
            forest = self.forest()
        except ForestUnsupported as fault:
            _log.info("LightGBM ranks; the compiled forest cannot: %s", fault)
            return False
        compared = sample[:COMPARED_ROWS]
        shares, ours = self._booster_shares(compared), forest.contributions(compared)
        same = np.array_equal(forest.scores(sample), self._booster_scores(sample))
        close = np.abs(ours - shares).max() <= SHARE_TOLERANCE * max(np.abs(shares).max(), 1.0)
        if not (same and close):
            _log.warning(
                "LightGBM ranks; the compiled forest gives other scores on %d rows", len(sample)
            )
            return False
        self._compiled = forest
        return True

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score each row of (k, features), float64 (k,); higher is better.

        Raises:
            BoosterFailed: LightGBM failed, or a score is not finite.
        """
        forest = self._compiled
        scores = self._booster_scores(matrix) if forest is None else forest.scores(matrix)
        if not np.isfinite(scores).all():
            raise BoosterFailed("the booster gave a score that is not finite")
        return scores

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute TreeSHAP contributions, (k, features + 1); the last column is the mean score.

        Raises:
            BoosterFailed: LightGBM failed.
        """
        forest = self._compiled
        return self._booster_shares(matrix) if forest is None else forest.contributions(matrix)

    def _booster_scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        from lightgbm.basic import LightGBMError

        try:
            return np.asarray(self.booster.predict(matrix, num_threads=1), dtype=np.float64)
        except (LightGBMError, ValueError) as fault:
            raise BoosterFailed(str(fault)) from fault

    def _booster_shares(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        from lightgbm.basic import LightGBMError

        try:
            shares = self.booster.predict(matrix, pred_contrib=True, num_threads=1)
        except (LightGBMError, ValueError) as fault:
            raise BoosterFailed(str(fault)) from fault
        return np.asarray(shares, dtype=np.float64)


def _booster_of(text: str) -> Any:
    """Let LightGBM read a booster.

    Raises:
        ValueError: It cannot.
    """
    import lightgbm

    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as fault:
        raise ValueError("the booster's text is not a LightGBM model") from fault
