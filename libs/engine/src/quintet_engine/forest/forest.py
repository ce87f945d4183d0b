"""Scores rows, and explains the scores, with the arrays of a forest."""

import sys
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from quintet_engine.forest.layout import Paths, Tests
from quintet_engine.forest.parsing import parse

# Imported by the first call only: numba loads slowly, and only a process that ranks needs it.
_KERNELS: Final = "quintet_engine.forest.kernels"


@dataclass(frozen=True)
class Forest:
    """All trees of a booster as flat arrays.

    Attributes:
        width: Features per row.
        tests: The trees, for scores.
        paths: The same trees, for contributions.
        expected: The mean score over the training rows.
    """

    width: int
    tests: Tests
    paths: Paths
    expected: float

    @classmethod
    def of(cls, booster: Any) -> Self:
        """Convert a LightGBM booster.

        Raises:
            ForestUnsupported: It has categorical splits, linear leaves, averaged trees, more than
                `MOST_LEAVES` leaves in a tree or `MOST_FEATURES` features on a path.
        """
        model = booster.dump_model()
        tests, paths, expected = parse(model)
        return cls(len(model["feature_names"]), tests, paths, expected)

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score each row of (k, width), float64 (k,)."""
        from quintet_engine.forest import kernels

        result = np.zeros(len(matrix))
        kernels.score(_columns(matrix), self.tests, result)
        return result

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute Shapley contributions, float64 (k, width + 1); the last column is `expected`."""
        from quintet_engine.forest import kernels

        shares = np.zeros((self.width + 1, len(matrix)))
        shares[-1] = self.expected
        for start in range(0, len(matrix), kernels.ROWS):
            part = np.zeros((self.width, min(kernels.ROWS, len(matrix) - start)))
            end = start + part.shape[1]
            kernels.explain(_columns(matrix[start:end]), self.tests, self.paths, part)
            shares[:-1, start:end] = part
        return np.ascontiguousarray(shares.T)


def compiled() -> bool:
    """Check whether this process has compiled the loops, so that their next call is fast."""
    # While another thread imports the module, it is listed but has no functions yet.
    explain = getattr(sys.modules.get(_KERNELS), "explain", None)
    return explain is not None and bool(explain.signatures)


def _columns(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transpose rows into contiguous columns: the loops run over the rows of one feature."""
    return np.ascontiguousarray(matrix.T, dtype=np.float32)
