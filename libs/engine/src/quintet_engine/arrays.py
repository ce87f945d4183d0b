"""Arrays and sparse matrices on disk: plain .npy files, mapped when read, never unpickled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Array = NDArray[Any]
_PARTS = ("data", "indices", "indptr", "shape")


def save_arrays(folder: Path, arrays: Mapping[str, Array | sp.csr_matrix]) -> None:
    """Writes `<name>.npy` for each array, and four such files for each sparse matrix."""
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
    """Maps an array.

    Raises:
        OSError: It is missing.
        ValueError: It is no plain array.
    """
    mapped: Array = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    # A plain view: NumPy's own class for mapped arrays costs more at each use than the use.
    return np.asarray(mapped)


def load_matrix(folder: Path, name: str) -> sp.csr_matrix:
    """Maps a sparse matrix written by `save_arrays`.

    Raises:
        OSError: A part is missing.
        ValueError: A part is no plain array or does not fit the others.
    """
    data, indices, indptr, shape = (load_array(folder, f"{name}.{part}") for part in _PARTS)
    return sp.csr_matrix((data, indices, indptr), shape=tuple(shape.tolist()))


def unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Returns a sparse matrix with its rows scaled to unit length, float32; zero rows stay."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = sp.diags(1.0 / np.maximum(lengths, 1e-9))
    return (scale @ matrix).tocsr().astype(np.float32)
