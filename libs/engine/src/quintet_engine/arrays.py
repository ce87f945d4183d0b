"""Stores arrays and sparse matrices as plain .npy files: mapped when read, never unpickled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

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
    mapped: Array = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    # A view of class ndarray: each use of a `np.memmap` costs more than the use itself.
    return np.asarray(mapped)


def load_matrix(folder: Path, name: str) -> sp.csr_matrix:
    """Map a sparse matrix written by `save_arrays`.

    Raises:
        OSError: A part is missing.
        ValueError: A part is not a plain array or does not fit the others.
    """
    data, indices, indptr, shape = (load_array(folder, f"{name}.{part}") for part in _PARTS)
    return sp.csr_matrix((data, indices, indptr), shape=tuple(shape.tolist()))


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Scale the rows of a sparse matrix to unit length, float32; zero rows stay zero."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = sp.diags(1.0 / np.maximum(lengths, 1e-9))
    return (scale @ matrix).tocsr().astype(np.float32)
