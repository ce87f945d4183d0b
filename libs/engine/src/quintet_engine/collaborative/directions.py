"""The leading directions of the playlists' joint kernel K = Σ a_g X_g X_gᵀ, see `space`.

Of few playlists K is computed. Of more, directions are found by products with X_g alone, and of
many the rows of X_g are computed block by block whenever they are read, because those of all
playlists together would not fit into memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded
from scipy.linalg import eigh

from quintet_engine.collaborative.space import token_matrix, token_rows
from quintet_engine.collaborative.tokens import Tokens

MOST_EXACT: Final = 4_000
"""Up to so many playlists eigenvectors are those of the whole kernel, which is square: 128 MB in
float64. Of more, they are found by randomised iteration over the tokens."""
PART: Final = 12_000
"""Of more playlists, iterations begin with a part of at most so many, every k-th; the last ones
read all."""
MOST_KEPT: Final = 10_000_000
"""Up to so many entries of playlists (a track of a playlist) the rows of X_g are kept."""
# Playlists whose rows are computed at a time, if they are not kept.
_BLOCK: Final = 10_000
# Directions more than needed, and iterations: eigenvectors then agree with the exact ones.
_MORE: Final = 32
_ITERATIONS: Final = 6
_LAST_ITERATIONS: Final = 3
# Directions are scaled by their eigenvalue to minus this: between raw counts (1) and none (0).
_POWER: Final = 0.5


@dataclass(frozen=True)
class TokenRows:
    """The rows X_g of p playlists, by kind of token g.

    Attributes:
        members: sparse (p, n), which playlist holds which track.
        tokens: The catalogue's.
        kept: X_g by kind, sparse float32 (p, tokens); empty if rows are computed when read.
    """

    members: sp.csr_matrix
    tokens: Tokens
    kept: Mapping[str, sp.csr_matrix]

    @classmethod
    def of(cls, members: sp.csr_matrix, tokens: Tokens, kinds: tuple[str, ...]) -> Self:
        """Compute and keep the rows of some kinds, if there are at most `MOST_KEPT` entries."""
        few = members.nnz <= MOST_KEPT
        kept = {kind: token_rows(members, tokens, kind) for kind in kinds} if few else {}
        return cls(members, tokens, kept)

    def __len__(self) -> int:
        return int(self.members.shape[0])

    def every(self, step: int, kinds: tuple[str, ...]) -> "TokenRows":
        """Choose every `step`-th playlist."""
        if step == 1:
            return self
        return TokenRows.of(self.members[::step], self.tokens, kinds)

    def blocks(self, kind: str) -> Iterator[tuple[slice, sp.csr_matrix]]:
        """Read X of a kind, some playlists at a time."""
        if kind in self.kept:
            yield slice(0, len(self)), self.kept[kind]
            return
        for start in range(0, len(self), _BLOCK):
            part = slice(start, min(start + _BLOCK, len(self)))
            yield part, token_rows(self.members[part], self.tokens, kind)

    def vectors(self, kind: str, basis: Encoded) -> Encoded:
        """Compute X_gᵀ · basis, the vectors of the tokens of a kind, float32 (tokens, d).

        Args:
            kind: g.
            basis: float32 (p, d).
        """
        # `.T` of a sparse matrix by rows is one by columns of the same arrays: no copy.
        if kind in self.kept:
            return np.asarray(self.kept[kind].T @ basis)
        total = np.zeros((token_matrix(self.tokens, kind).shape[1], basis.shape[1]), np.float32)
        for part, x in self.blocks(kind):
            # Of the tokens of these playlists alone: a product with all tokens of two million
            # tracks takes a gigabyte, and there is one for each block.
            used, narrow = _used_columns(x)
            total[used] += narrow.T @ basis[part]
        return total


def _used_columns(x: sp.csr_matrix) -> tuple[NDArray[np.int64], sp.csr_matrix]:
    """Find the columns with entries, int64 (k,), and leave out all others, (n, k)."""
    used = np.zeros(x.shape[1], np.bool_)
    used[x.indices] = True
    columns = np.flatnonzero(used)
    number = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return columns, sp.csr_matrix(
        (x.data, number[x.indices], x.indptr), (len(x.indptr) - 1, len(columns))
    )


def scaled_directions(
    rows: TokenRows, weights: Mapping[str, float], dimensions: int
) -> NDArray[np.float32]:
    """Compute the leading eigenvectors of the joint kernel, scaled, float32 (p, d).

    The largest entry of each is positive.

    Args:
        rows: Of p playlists.
        weights: a_g by kind.
        dimensions: d at most.
    """
    count = len(rows)
    if count <= MOST_EXACT:
        kernel = sum(weights[kind] * (x @ x.T).toarray() for kind, x in _whole(rows, weights))
        first = max(0, count - dimensions)
        whole = np.asarray(kernel, np.float64)
        values, vectors = eigh(whole, subset_by_index=(first, count - 1))
        values, vectors = values[::-1], vectors[:, ::-1]
    else:
        values, vectors = leading(rows, weights, dimensions)
    # An eigenvector's sign is arbitrary; fixing it makes fits reproducible.
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    lengths = np.maximum(values, 1e-6) ** -_POWER
    return np.asarray(vectors * np.sign(largest) * lengths, dtype=np.float32)


def _whole(rows: TokenRows, weights: Mapping[str, float]) -> Iterator[tuple[str, sp.csr_matrix]]:
    for kind in weights:
        yield kind, sp.vstack([x for _, x in rows.blocks(kind)], format="csr")


def leading(
    rows: TokenRows, weights: Mapping[str, float], dimensions: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the leading eigenvalues (d,) and eigenvectors (p, d) of the joint kernel without it.

    Randomised subspace iteration (Halko, Martinsson & Tropp, "Finding structure with randomness",
    SIAM Review, 2011, algorithm 4.4): memory grows with p, and the same numbers come out each time.
    Of more than `PART` playlists the iteration begins with a part, whose directions are near those
    of all, and ends with all.

    Args:
        rows: Of p playlists.
        weights: a_g by kind.
        dimensions: d.
    """
    random = np.random.default_rng(0)
    step = -(-len(rows) // PART)
    part = rows.every(step, tuple(weights))
    start = random.standard_normal((len(part), dimensions + _MORE)).astype(np.float32)
    basis = np.linalg.qr(start)[0]
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(_times_kernel(part, part, weights, basis))[0]
    if step > 1:
        basis = np.linalg.qr(_times_kernel(rows, part, weights, basis))[0]
        for _ in range(_LAST_ITERATIONS - 1):
            basis = np.linalg.qr(_times_kernel(rows, rows, weights, basis))[0]
    small = basis.T.astype(np.float64) @ _times_kernel(rows, rows, weights, basis)
    values, inner = np.linalg.eigh((small + small.T) / 2)
    best = np.argsort(-values, kind="stable")[:dimensions]
    return values[best], basis @ inner[:, best].astype(np.float32)


def _times_kernel(
    left: TokenRows, right: TokenRows, weights: Mapping[str, float], basis: Encoded
) -> Encoded:
    """Multiply the joint kernel of two sets of playlists by vectors, float32 (p, d).

    The kernel Σ a_g X_g Y_gᵀ is never made: each kind is two products.

    Args:
        left: Of p playlists, X_g.
        right: Of q playlists, Y_g.
        weights: a_g.
        basis: float32 (q, d).
    """
    total = np.zeros((len(left), basis.shape[1]), np.float32)
    for kind, weight in weights.items():
        vectors = right.vectors(kind, basis)
        for part, x in left.blocks(kind):
            total[part] += np.float32(weight) * (x @ vectors)
    return total
