"""Strata of playlists: samples take from each evenly, so that no kind of playlist drowns another.

A stratum is a kind of playlist if the import named several, otherwise a cluster of playlists that
are similar in sound, age, popularity, length and number of artists.
"""

from collections.abc import Sequence
from typing import Any, Final

import faiss as _faiss
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_engine.catalogue import Rows
from quintet_engine.collaborative.tokens import Tokens

faiss: Any = _faiss
Strata = NDArray[np.int64]
# Clusters at most, and playlists per cluster at least: fewer do not make a kind.
_MOST_CLUSTERS: Final = 8
_LEAST_PLAYLISTS: Final = 50
_ITERATIONS: Final = 20


def strata_of(tokens: Tokens, members: sp.csr_matrix, kinds: Sequence[str], seed: int) -> Strata:
    """Assign a stratum to each playlist, int64 (p,): by kind if there are several, or by content.

    Args:
        tokens: Of the catalogue.
        members: sparse (p, n), which playlist holds which track, none empty.
        kinds: The kind of each playlist, empty strings for none; or nothing.
        seed: For clusters.
    """
    if len(set(kinds)) > 1:
        return np.unique(np.asarray(kinds), return_inverse=True)[1].astype(np.int64)
    return by_content(tokens, members, seed)


def by_content(tokens: Tokens, members: sp.csr_matrix, seed: int) -> Strata:
    """Cluster playlists by k-means, int64 (p,); one cluster if there are few playlists.

    Args:
        tokens: Of the catalogue.
        members: sparse (p, n), which playlist holds which track, none empty.
        seed: For the clusters.
    """
    count = members.shape[0]
    clusters = min(_MOST_CLUSTERS, count // _LEAST_PLAYLISTS)
    if clusters < 2:
        return np.zeros(count, np.int64)
    described = _described(tokens, members)
    means = faiss.Kmeans(
        described.shape[1], clusters, niter=_ITERATIONS, seed=seed, max_points_per_centroid=10_000
    )
    means.train(described)
    return np.asarray(means.index.search(described, 1)[1][:, 0], np.int64)


def evenly(strata: Strata, random: np.random.Generator) -> Rows:
    """Order playlists at random so that any beginning has each stratum equally often, int64 (p,).

    A stratum that is used up is left out from there on.
    """
    shuffled = random.permutation(len(strata))
    by_stratum = shuffled[np.argsort(strata[shuffled], kind="stable")]
    sizes = np.bincount(strata)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    turns = np.arange(len(strata)) - starts
    return np.asarray(by_stratum[np.argsort(turns, kind="stable")], np.int64)


def _described(tokens: Tokens, members: sp.csr_matrix) -> NDArray[np.float32]:
    """Describe playlists by standard scores, float32 (p, 19).

    Mean sound; mean and spread of year and popularity; artists per track; logarithm of the length.
    """
    lengths = np.asarray(members.sum(axis=1)).ravel()
    aged = np.column_stack((_centred(tokens.year), _centred(tokens.popularity)))
    mean = members @ aged / lengths[:, None]
    spread = np.sqrt(np.maximum(members @ aged**2 / lengths[:, None] - mean**2, 0))
    artists = (members @ tokens.kinds["artist"]).tocsr()
    variety = np.diff(artists.indptr) / lengths
    sound = members @ tokens.shaped / lengths[:, None]
    table = np.column_stack((sound, mean, spread, variety, np.log(lengths)))
    scores = (table - table.mean(axis=0)) / (table.std(axis=0) + 1e-9)
    return np.ascontiguousarray(scores, np.float32)


def _centred(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Subtract the mean of the known values; an unknown one becomes 0."""
    known = np.isfinite(values)
    mean = values[known].mean() if known.any() else 0.0
    return np.where(known, values - mean, 0.0)
