"""The space of playlists: how similar playlists are, and which of them a query resembles.

Two playlists are similar if they share tracks, artists, albums, words, years and kinds of sound.
For each kind g of token, X_g holds the playlists' square-rooted token counts, rows of unit length;
the kernel is K = Σ a_g X_g X_gᵀ. A query's seeds have such a row x_g too, and k = Σ a_g X_g x_g.
Kernel ridge regression (Hastie, Tibshirani & Friedman, 2009, 5.8) weights the playlists by
w = (K + λI)⁻¹ k: like nearest neighbours, except that ten copies of one playlist count once.

No token is weighted by how many playlists hold it: the booster has those counts as features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lapack

from quintet_engine.arrays import unit_rows
from quintet_engine.catalogue import Rows, Weights
from quintet_engine.collaborative.tokens import KINDS, Tokens
from quintet_engine.kernel.layout import (
    ARTIST_ENTRIES,
    ARTIST_PLAYLISTS,
    PLAYLIST_COUNT,
    Learned,
    fixed,
)

TRACK: Final = "track"
ALL_KINDS: Final = (TRACK, *KINDS)
WEIGHTS: Final[Mapping[str, float]] = {
    "track": 1.0,
    "artist": 1.0,
    "album": 0.3,
    "word": 0.3,
    "year": 0.3,
    "audio": 0.15,
}
"""a_g: the weight of each kind of token, unless validation chose others."""
RIDGE: Final = 0.3
"""λ, in the unit of the kernel, in which a playlist with itself has Σ a_g."""
_NONE: Final = np.empty(0, dtype=np.int64)
# Rows of the kernel that are added at a time.
_ROWS: Final = 512


def packed(matrix: NDArray[Any]) -> NDArray[np.float32]:
    """Take the lower triangle of a symmetric matrix, row after row, float32."""
    count = len(matrix)
    triangle = np.empty(count * (count + 1) // 2, np.float32)
    for row in range(count):
        start = row * (row + 1) // 2
        triangle[start : start + row + 1] = matrix[row, : row + 1]
    return fixed(triangle, np.float32)


def _inverse(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert a positive definite matrix, which is overwritten; only the lower triangle is right."""
    # Fortran's order of the transpose is the order of this one, so that nothing is copied.
    factor, fault = lapack.dpotrf(kernel.T, lower=0, overwrite_a=1)
    found, more = lapack.dpotri(factor, lower=0, overwrite_c=1)
    if fault or more:
        raise np.linalg.LinAlgError("the kernel of playlists is not positive definite")
    return np.asarray(found.T)


def _add_kernel(kernel: NDArray[np.float64], matrix: sp.csr_matrix, weight: float) -> None:
    """Add weight · X Xᵀ to a kernel, some rows at a time: a product is as large as the kernel."""
    turned = matrix.T.tocsr()
    for start in range(0, len(kernel), _ROWS):
        rows = slice(start, start + _ROWS)
        kernel[rows] += weight * (matrix[rows] @ turned).toarray()


def _holders(learned: Learned, count: int) -> sp.csr_matrix:
    lists = learned.holders
    ones = np.ones(len(lists.members), np.float32)
    return sp.csr_matrix((ones, lists.members, lists.starts), shape=(len(learned.sound), count))


def token_matrix(tokens: Tokens, kind: str) -> sp.csr_matrix:
    """Choose the tracks' tokens of a kind, sparse (n, tokens); for `TRACK` the identity."""
    if kind == TRACK:
        return sp.identity(len(tokens.artist), dtype=np.float32, format="csr")
    return tokens.kinds[kind]


def membership(playlists: Sequence[Rows], track_count: int) -> sp.csr_matrix:
    """Record which playlist holds which track, sparse float32 (p, n), each track once."""
    starts = np.concatenate(([0], np.cumsum([len(rows) for rows in playlists])))
    members = np.concatenate([_NONE, *playlists])
    ones = np.ones(len(members), np.float32)
    matrix = sp.csr_matrix((ones, members, starts), shape=(len(playlists), track_count))
    # A track that is twice on a playlist counts once.
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def token_rows(members: sp.csr_matrix, tokens: Tokens, kind: str) -> sp.csr_matrix:
    """Compute X of a kind: square-rooted token counts of playlists, unit rows, sparse (p, t)."""
    counts = members if kind == TRACK else (members @ token_matrix(tokens, kind)).tocsr()
    # The root damps long runs of one artist, as a logarithm of term counts does in text retrieval.
    rooted = counts.copy()
    rooted.data = np.sqrt(rooted.data)
    return unit_rows(rooted)


def values_of_artists(values: Weights, artists: NDArray[np.integer]) -> Weights:
    """Look up a value of each artist, 0 for an unknown one, float32 (k,).

    Args:
        values: float32 (artists,), such as `PlaylistSpace.artist_playlists`.
        artists: (k,), artist numbers; one beyond the last stands for no artist.
    """
    known = artists < len(values)
    return np.where(known, values[np.where(known, artists, 0)], np.float32(0.0))


@dataclass(frozen=True)
class PlaylistSpace:
    """The playlists that queries are compared with: p of them, over n tracks.

    Attributes:
        holders: sparse float32 (n, p), which playlist holds which track.
        rows: For each kind but tracks, X transposed, sparse float32 (tokens, p).
        counts: float32 (n,), how many of all playlists hold each track.
        artist_entries: float32 (artists,), entries by each artist in all playlists.
        artist_playlists: float32 (artists,), playlists of all with a track by each artist.
        lengths: float32 (p,), tracks in each.
        triangle: float32 (p · (p + 1) / 2,), (K + λI)⁻¹: its lower triangle, row after row, since
            the upper one has the same numbers.
        weights: a_g by kind of token.
    """

    holders: sp.csr_matrix
    rows: dict[str, sp.csr_matrix]
    counts: Weights
    artist_entries: Weights
    artist_playlists: Weights
    lengths: Weights
    triangle: NDArray[np.float32]
    weights: Mapping[str, float]

    @classmethod
    def fit(
        cls,
        tokens: Tokens,
        playlists: Sequence[Rows],
        weights: Mapping[str, float] = WEIGHTS,
        ridge: float = RIDGE,
        everything: sp.csr_matrix | None = None,
    ) -> Self:
        """Fit the space; memory grows with the square of the number of playlists, time faster.

        Args:
            tokens: The catalogue's.
            playlists: int64 rows of each playlist.
            weights: a_g by kind of token.
            ridge: λ.
            everything: sparse (q, n), the playlists that count tracks and artists; `playlists` if
                None.
        """
        members = membership(playlists, len(tokens.artist))
        everything = members if everything is None else everything
        kernel = ridge * np.eye(len(playlists))
        rows = {}
        for kind in ALL_KINDS:
            matrix = token_rows(members, tokens, kind)
            _add_kernel(kernel, matrix, weights[kind])
            if kind != TRACK:
                rows[kind] = matrix.T.tocsr()
        by_artist = (everything @ tokens.kinds["artist"]).tocsr()
        return cls(
            members.T.tocsr(),
            rows,
            np.asarray(everything.sum(axis=0), np.float32).ravel(),
            np.asarray(by_artist.sum(axis=0), np.float32).ravel(),
            np.asarray((by_artist > 0).sum(axis=0), np.float32).ravel(),
            np.asarray(members.sum(axis=1), np.float32).ravel(),
            # Inverted in float64: K is nearly singular where playlists are copies of each other.
            packed(_inverse(kernel)),
            dict(weights),
        )

    @classmethod
    def of(
        cls, learned: Learned, lengths: Weights, alphas: Weights, triangle: NDArray[np.float32]
    ) -> Self:
        """Make the space of packed arrays, which stay where they are.

        Args:
            learned: The model's arrays.
            lengths: float32 (p,).
            alphas: float32 (6,), the values of `weights` in order of `ALL_KINDS`.
            triangle: float32 (p · (p + 1) / 2,).
        """
        lists = (learned.by_artist, learned.by_album, learned.by_word, learned.by_year)
        names = ("artist", "album", "word", "year", "audio")
        count = len(lengths)
        return cls(
            _holders(learned, count),
            {
                name: sp.csr_matrix(
                    (each.values, each.members, each.starts), shape=(len(each.starts) - 1, count)
                )
                for name, each in zip(names, (*lists, learned.by_cluster), strict=True)
            },
            learned.sound[:, PLAYLIST_COUNT],
            learned.artists[:-1, ARTIST_ENTRIES],
            learned.artists[:-1, ARTIST_PLAYLISTS],
            lengths,
            triangle,
            dict(zip(ALL_KINDS, alphas.tolist(), strict=True)),
        )

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def inverse(self) -> NDArray[np.float32]:
        """(K + λI)⁻¹ as a whole, float32 (p, p)."""
        whole = np.zeros((len(self), len(self)), np.float32)
        whole[np.tril_indices(len(self))] = self.triangle
        return np.asarray(whole + np.tril(whole, -1).T)

    @cached_property
    def alphas(self) -> Weights:
        """The weight of each kind of token in the kernel, float32 (6,), in order of `ALL_KINDS`."""
        return fixed([self.weights[kind] for kind in ALL_KINDS], np.float32)

    @cached_property
    def artist_squares(self) -> Weights:
        """The squared length of each artist's row of X transposed, float32 (artists,)."""
        rows = self.rows["artist"]
        return np.asarray(rows.multiply(rows).sum(axis=1), np.float32).ravel()

    @cached_property
    def artist_holders(self) -> sp.csr_matrix:
        """Which playlist holds each artist, sparse float32 (artists, p), ones."""
        rows = self.rows["artist"]
        ones = np.ones(len(rows.data), np.float32)
        return sp.csr_matrix((ones, rows.indices, rows.indptr), shape=rows.shape)
