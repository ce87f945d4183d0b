"""Rows of a matrix that are computed when they are read, from what is in memory already."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Select = NDArray[np.integer] | slice | int


@dataclass(frozen=True)
class ComputedRows:
    """A float32 matrix of which only some rows are wanted at a time.

    Attributes:
        shape: (n, d).
        compute: Computes selected rows, float32 (k, d); one row, (d,), for one number.
    """

    shape: tuple[int, int]
    compute: Callable[[Select], NDArray[np.float32]]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Select) -> NDArray[np.float32]:
        return self.compute(rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Compute all rows, where NumPy needs them, as in training."""
        return np.asarray(self.compute(slice(None)), dtype=dtype)
