"""Scores rows, and explains the scores, with the arrays of a forest."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from quintet_engine.forest.parsing import parse
from quintet_engine.kernel.layout import Tables, Trees


@dataclass(frozen=True)
class Forest:
    """All trees of a booster as flat arrays.

    Attributes:
        width: Features per row.
        trees: The trees.
        expected: The mean score over the training rows.
    """

    width: int
    trees: Trees
    expected: float

    @classmethod
    def of(cls, booster: Any) -> Self:
        """Convert a LightGBM booster.

        Raises:
            ForestUnsupported: It has categorical splits, linear leaves, averaged trees, more than
                `MOST_LEAVES` leaves in a tree or `MOST_FEATURES` features on a path.
        """
        model = booster.dump_model()
        trees, expected = parse(model)
        return cls(len(model["feature_names"]), trees, expected)

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score each row of (k, width), float64 (k,)."""
        from quintet_engine.kernel import trees as kernel

        result = np.zeros(len(matrix))
        # The loops run over the rows of one feature.
        kernel.score(np.ascontiguousarray(matrix.T, dtype=np.float32), self.trees, result)
        return result

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute Shapley contributions, float64 (k, width + 1); the last column is `expected`."""
        from quintet_engine.kernel import trees as kernel

        # Rows beyond the last are computed and never read.
        padded = -(-len(matrix) // kernel.EXPLAINED) * kernel.EXPLAINED
        columns = np.zeros((self.width, padded), np.float32)
        columns[:, : len(matrix)] = matrix.T
        shares = np.zeros((self.width + 1, padded))
        shares[-1] = self.expected
        kernel.explain(columns, self.trees, self._tables, shares[:-1])
        return np.ascontiguousarray(shares.T[: len(matrix)])

    @cached_property
    def _tables(self) -> Tables:
        from quintet_engine.kernel import trees as kernel

        return kernel.tabulate(self.trees)
