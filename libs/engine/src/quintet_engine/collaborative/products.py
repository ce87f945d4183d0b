"""Products of sparse rows with a query: most of what a trained model costs per query.

SciPy copies the rows that a product needs, and its loop is written for any number of columns. The
compiled loops do neither and add in the same order, so their sums are identical; they are used
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
# Imported by name and only on demand: importing it compiles, which a one-off command never needs.
_KERNELS: Final = "quintet_engine.collaborative.product_kernels"
_DTYPES: Final = [np.dtype(kind) for kind in (np.int32, np.int32, np.float32)]


def accelerate() -> None:
    """Compile the loops for this process, which takes about a second the first time."""
    importlib.import_module(_KERNELS)


def _compiled(name: str, *matrices: sp.csr_matrix) -> Any:
    """Look up a compiled loop; None before it is compiled, or for other types of matrix."""
    for matrix in matrices:
        if [part.dtype for part in _parts(matrix)] != _DTYPES:
            return None
    return getattr(sys.modules.get(_KERNELS), name, None)


def _parts(matrix: sp.csr_matrix) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return matrix.indptr, matrix.indices, matrix.data


def product(matrix: sp.csr_matrix, columns: Dense) -> Dense:
    """Multiply a sparse float32 matrix (n, p) by float32 (p, v): float32 (n, v)."""
    compiled = _compiled("product", matrix)
    if compiled is None:
        return np.asarray(matrix @ columns, np.float32)
    rows = np.arange(matrix.shape[0])
    return np.asarray(compiled(*_parts(matrix), rows, np.ascontiguousarray(columns)))


def product_of(matrix: sp.csr_matrix, rows: Rows, columns: Dense) -> Dense:
    """Multiply some rows of a sparse float32 matrix (n, p) by float32 (p, v): float32 (k, v)."""
    compiled = _compiled("product", matrix)
    if compiled is None:
        return np.asarray(matrix[rows] @ columns, np.float32)
    columns = np.ascontiguousarray(columns, np.float32)
    return np.asarray(compiled(*_parts(matrix), rows, columns))


def product_with(matrix: sp.csr_matrix, rows: Rows, others: Rows) -> Dense:
    """Compute the inner products of some rows of a sparse matrix with a few others of it.

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
    """Sum some rows of a sparse float32 matrix (n, p), each by its weight, float32 (p,).

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


def sum_of_used_columns(matrix: sp.csr_matrix, rows: Rows, weights: Dense) -> tuple[Rows, Dense]:
    """Sum a few rows, and keep only the columns that any of them uses.

    Unlike `summed` its cost does not depend on the number of columns.

    Args:
        matrix: float32 (n, p).
        rows: int64 (k,).
        weights: float32 (k,).

    Returns:
        The columns, int64 (u,), ascending, and their sums, float32 (u,).
    """
    starts, members, values = _parts(matrix)
    places, _, sizes = entries_of(starts, rows)
    columns, number = np.unique(members[places], return_inverse=True)
    sums = np.bincount(number, values[places] * np.repeat(weights, sizes), len(columns))
    return columns.astype(np.int64), sums.astype(np.float32)
