"""Products of sparse rows with a query by SciPy: what the plain programs compare playlists with."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_engine.catalogue import Rows, Weights
from quintet_engine.collaborative.affinity import Affinity

Dense = NDArray[np.float32]


def product_with(matrix: sp.csr_matrix, rows: Rows, others: Rows) -> Dense:
    """Compute the inner products of some rows of a matrix with others of it, float32 (k, m)."""
    return np.asarray((matrix[rows] @ matrix[others].T).toarray(), np.float32)


def scores_of_tracks(affinity: Affinity, rows: Rows) -> Weights:
    """Sum the weights of each row's playlists in each view, float32 (k, 4)."""
    return np.asarray(affinity.model.space.holders[rows] @ affinity.weights, np.float32)


def scores_of_names(affinity: Affinity, kind: str, numbers: NDArray[np.integer]) -> Weights:
    """Score artists or albums in each view, float32 (k, 4); 0 for an unknown name.

    Args:
        affinity: The query.
        kind: "artist" or "album".
        numbers: (k,), token numbers; one beyond the last stands for no name.
    """
    rows = affinity.model.space.rows[kind]
    known = numbers < rows.shape[0]
    scores = np.asarray(rows[np.where(known, numbers, 0)] @ affinity.weights, np.float32)
    scores[~known] = 0
    return scores


def token_scores(affinity: Affinity, kind: str) -> Weights:
    """Score each year, sound or word in each view, float32 (tokens, 4)."""
    return np.asarray(affinity.model.space.rows[kind] @ affinity.weights, np.float32)


def seed_playlists(affinity: Affinity) -> NDArray[Any]:
    """Find which playlist holds which seed, float32 (p, m)."""
    holders = affinity.model.space.holders
    return np.asarray(holders[affinity.seeds].toarray().T, dtype=np.float32)


def co_occurrences(affinity: Affinity, rows: Rows) -> Weights:
    """Count the playlists that hold both a row and a seed, float32 (k, m)."""
    return np.asarray(affinity.model.space.holders[rows] @ seed_playlists(affinity), np.float32)
