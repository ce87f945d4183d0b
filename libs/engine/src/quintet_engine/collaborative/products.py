"""Products of sparse rows with a query: the greater part of what a trained model costs it.

SciPy copies the rows that a product is asked of, and its loop is made for any number of columns.
The compiled loops do neither and add in the same order, so their sums are the same; they are used
once this process has compiled them (`accelerate`).
"""

import importlib
import sys
from typing import Any, Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quintet_engine.catalogue import Rows, entries_of

Dense = NDArray[np.float32]
_KERNELS: Final = "quintet_engine.collaborative.product_kernels"
_DTYPES: Final = [np.dtype(kind) for kind in (np.int32, np.int32, np.float32)]


def accelerate() -> None:
    """Compiles the loops for this process, which takes about a second the first time."""
    importlib.import_module(_KERNELS)


def _compiled(name: str, *matrices: sp.csr_matrix) -> Any:
    """Returns a compiled loop; None where there is none yet or none for such matrices."""
    for matrix in matrices:
        if [part.dtype for part in _parts(matrix)] != _DTYPES:
            return None
    return getattr(sys.modules.get(_KERNELS), name, None)


def _parts(matrix: sp.csr_matrix) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return matrix.indptr, matrix.indices, matrix.data


def product(matrix: sp.csr_matrix, columns: Dense) -> Dense:
    """Returns a sparse float32 matrix (n, p) times float32 (p, v), float32 (n, v)."""
    compiled = _compiled("product", matrix)
    if compiled is None:
        return np.asarray(matrix @ columns, np.float32)
    rows = np.arange(matrix.shape[0])
    return np.asarray(compiled(*_parts(matrix), rows, np.ascontiguousarray(columns)))


def product_of(matrix: sp.csr_matrix, rows: Rows, columns: Dense) -> Dense:
    """Returns some rows of a sparse float32 matrix (n, p) times float32 (p, v), float32 (k, v)."""
    compiled = _compiled("product", matrix)
    if compiled is None:
        return np.asarray(matrix[rows] @ columns, np.float32)
    columns = np.ascontiguousarray(columns, np.float32)
    return np.asarray(compiled(*_parts(matrix), rows, columns))


def product_with(matrix: sp.csr_matrix, rows: Rows, others: Rows) -> Dense:
    """Returns the inner products of some rows of a sparse matrix with a few others of it.

    Args:
        matrix: float32 (n, p).
        rows: int64 (k,).
        others: int64 (m,).

    Returns:
        float32 (k, m).
    """
    compiled = _compiled("product_with", matrix)
    if compiled is None:
        return np.asarray((matrix[rows] @ matrix[others].T).toarray(), np.float32)
    return np.asarray(compiled(*_parts(matrix), rows, others, matrix.shape[1]))


def summed(matrix: sp.csr_matrix, rows: Rows, weights: Dense) -> Dense:
    """Returns the sum of some rows of a sparse float32 matrix (n, p), each weighed, float32 (p,).

    Args:
        matrix: float32 (n, p).
        rows: int64 (k,).
        weights: float32 (k,).
    """
    compiled = _compiled("summed", matrix)
    if compiled is None:
        return np.asarray(matrix[rows].T @ weights, np.float32).ravel()
    weights = np.ascontiguousarray(weights, np.float32)
    return np.asarray(compiled(*_parts(matrix), rows, weights, matrix.shape[1]))


def used(matrix: sp.csr_matrix, rows: Rows, weights: Dense) -> tuple[Rows, Dense]:
    """Returns the columns of the sum of a few rows, ascending, int64 (u,), and that sum there.

    Unlike `summed` it never looks at a column that no row uses, however many there are.

    Args:
        matrix: float32 (n, p).
        rows: int64 (k,).
        weights: float32 (k,).
    """
    starts, members, values = _parts(matrix)
    places, _, sizes = entries_of(starts, rows)
    columns, number = np.unique(members[places], return_inverse=True)
    sums = np.bincount(number, values[places] * np.repeat(weights, sizes), len(columns))
    return columns.astype(np.int64), sums.astype(np.float32)
