"""The taste space: tracks that the same listeners put together lie near each other.

The leading eigenvectors of the playlists' joint kernel (kernel principal components, Schölkopf,
Smola & Müller, 1998) give each token a vector, and a track is the sum of its tokens' vectors. So
a track that no playlist holds has a place as well: by its artist, its words, its year and its
sound. A ridge regression from audio and year alone gives a second, purely audible, place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded, normalise_rows
from scipy.linalg import eigh

from quintet_engine.catalogue import Weights
from quintet_engine.collaborative.space import ALL_KINDS, TRACK, token_rows
from quintet_engine.collaborative.tokens import SHAPED, Tokens

DIMENSIONS: Final = 64
WEIGHTS: Final[Mapping[str, float]] = {
    "track": 2.0,
    "artist": 2.2,
    "album": 0.4,
    "word": 0.6,
    "year": 0.15,
    "audio": 0.35,
}
_RIDGE: Final = 50.0
# Directions are scaled by their eigenvalue to minus this: between raw counts (1) and none (0).
_POWER: Final = 0.5


@dataclass(frozen=True)
class Taste:
    """Two places of each track in the taste space.

    Attributes:
        places: float32 (n, d), unit rows, by all tokens.
        audible: float32 (n, d), unit rows, foretold from audio and year alone.
    """

    places: Encoded
    audible: Encoded

    @classmethod
    def fit(
        cls,
        tokens: Tokens,
        year: Weights,
        members: sp.csr_matrix,
        weights: Mapping[str, float] = WEIGHTS,
        dimensions: int = DIMENSIONS,
    ) -> Self:
        """Fits the space on playlists, sparse (p, n), p ≥ 1; the same each time."""
        rows = {kind: token_rows(members, tokens, kind) for kind in ALL_KINDS}
        kernel = sum(weights[kind] * (x @ x.T).toarray() for kind, x in rows.items())
        basis = _leading(np.asarray(kernel, np.float64), dimensions)
        places = np.zeros((len(year), basis.shape[1]), np.float32)
        for kind, x in rows.items():
            vectors = np.asarray(x.T @ basis)
            if kind == TRACK:
                places += weights[kind] * vectors
                continue
            matrix = tokens.kinds[kind]
            total = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1.0)
            places += weights[kind] * (matrix @ vectors) / total[:, None]
        held = np.asarray(members.sum(axis=0)).ravel() > 0
        audible = _regressed(tokens.shaped, year, places, held)
        return cls(
            normalise_rows((places - places[held].mean(axis=0)).astype(np.float32)),
            normalise_rows((audible - audible[held].mean(axis=0)).astype(np.float32)),
        )


def _leading(kernel: NDArray[np.float64], dimensions: int) -> NDArray[np.float32]:
    """Returns the leading eigenvectors (p, d), scaled, each with its largest entry positive."""
    size = len(kernel)
    first = max(0, size - dimensions)
    values, vectors = eigh(kernel, subset_by_index=(first, size - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    scaled = vectors * np.sign(largest) * np.maximum(values, 1e-6) ** -_POWER
    return np.asarray(scaled, dtype=np.float32)


def _regressed(shaped: Encoded, year: Weights, places: Encoded, held: NDArray[Any]) -> Encoded:
    decades = np.nan_to_num((year - 2000) / 15)[:, None]
    linear = shaped[:, : len(SHAPED)]
    ones = np.ones((len(shaped), 1))
    inputs = np.hstack((shaped, linear**2, decades, decades**2, ones)).astype(np.float32)
    known = inputs[held]
    normal = known.T @ known + _RIDGE * np.eye(known.shape[1])
    return np.asarray(inputs @ np.linalg.solve(normal, known.T @ places[held]), np.float32)
