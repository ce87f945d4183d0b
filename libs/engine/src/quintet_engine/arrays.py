"""Stores arrays and sparse matrices as plain .npy files: mapped when read, never unpickled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_modelkit.plain_arrays import map_array

Array = NDArray[Any]
# A sparse matrix in compressed rows (CSR) is these four arrays.
_PARTS = ("data", "indices", "indptr", "shape")


def save_arrays(folder: Path, arrays: Mapping[str, Array | sp.csr_matrix]) -> None:
    """Write `<name>.npy` for each array, and four such files for each sparse matrix."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in arrays.items():
        if isinstance(value, np.ndarray):
            np.save(folder / f"{name}.npy", np.ascontiguousarray(value), allow_pickle=False)
            continue
        matrix = value
        parts = (matrix.data, matrix.indices, matrix.indptr, np.array(matrix.shape))
        for part, array in zip(_PARTS, parts, strict=True):
            np.save(folder / f"{name}.{part}.npy", array, allow_pickle=False)


def load_array(folder: Path, name: str) -> Array:
    """Map an array.

    Raises:
        OSError: It is missing.
        ValueError: It is not a plain array.
    """
    # A view of class ndarray: each use of a `np.memmap` costs more than the use itself.
    return np.asarray(map_array(folder / f"{name}.npy"))


def load_matrix(folder: Path, name: str) -> sp.csr_matrix:
    """Map a sparse matrix written by `save_arrays`.

    Raises:
        OSError: A part is missing.
        ValueError: A part is not a plain array or does not fit the others.
    """
    data, indices, indptr, shape = (load_array(folder, f"{name}.{part}") for part in _PARTS)
    if {indices.dtype.kind, indptr.dtype.kind, shape.dtype.kind} != {"i"} or shape.shape != (2,):
        raise ValueError(f"{name} is not a sparse matrix")
    rows, columns = shape.tolist()
    # SciPy's products and the compiled ones use these numbers as offsets, without checking them.
    if not (
        data.ndim == indices.ndim == indptr.ndim == 1
        and columns >= 0
        and len(indptr) == rows + 1
        and len(data) == len(indices)
        and starts_fit(indptr, len(indices))
        and numbers_fit(indices, columns)
    ):
        raise ValueError(f"the parts of the sparse matrix {name} do not fit each other")
    return sp.csr_matrix((data, indices, indptr), shape=(rows, columns))


def starts_fit(starts: NDArray[np.integer], end: int) -> bool:
    """Check that the starts of consecutive parts ascend from 0 to `end`."""
    return bool(
        len(starts) and starts[0] == 0 and starts[-1] == end and (starts[1:] >= starts[:-1]).all()
    )


def numbers_fit(numbers: NDArray[np.integer], limit: int) -> bool:
    """Check that all numbers are at least 0 and below a limit."""
    return not len(numbers) or bool(numbers.min() >= 0 and numbers.max() < limit)


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Scale the rows of a sparse matrix to unit length, float32; zero rows stay zero."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = sp.diags(1.0 / np.maximum(lengths, 1e-9))
    return (scale @ matrix).tocsr().astype(np.float32)
