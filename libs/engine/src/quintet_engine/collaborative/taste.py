"""The taste space: tracks that the same listeners put on playlists are near each other.

The leading eigenvectors of the playlists' joint kernel (kernel principal components, Schölkopf,
Smola & Müller, 1998) give each token a vector, and a track is the sum of its tokens' vectors. So a
track that no playlist holds has a place as well: by its artist, words, year, sound and popularity.
A ridge regression from audio and year alone predicts a second, purely audible, place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded, normalise_rows

from quintet_engine.catalogue import Mask, Weights
from quintet_engine.collaborative.directions import TokenRows, scaled_directions
from quintet_engine.collaborative.space import TRACK
from quintet_engine.collaborative.tokens import POPULARITY, SHAPED, Tokens
from quintet_engine.kernel.layout import Bits, fixed

DIMENSIONS: Final = 64
"""Coordinates of the taste space, fewer if there are fewer playlists."""
INPUTS: Final = 2 * len(SHAPED) + 5
"""The attributes and the key, squares of the attributes, the year, its square, and 1."""
WEIGHTS: Final[Mapping[str, float]] = {
    "track": 3.0,
    "artist": 3.5,
    "album": 0.4,
    "word": 0.8,
    "year": 0.15,
    "audio": 0.2,
    POPULARITY: 0.1,
}
"""The weight of each kind of token in the kernel and in a track's sum."""
SOUND: Final = "audio"
"""The kind of token that a track has only if it, or its artist, was analysed."""
_PRIOR_TRACKS: Final = 1.0
# λ of the regression. Inputs have a variance near 1, so it counts like 50 tracks of place 0.
_RIDGE: Final = 50.0


@dataclass(frozen=True)
class Taste:
    """Two places of each track in the taste space: one stored, one predicted on demand.

    The stored one is by all tokens, d float16 of unit length. Half precision takes half the memory,
    and gives the cosine of two places to three digits.

    Attributes:
        pages: uint8, bytes that have all places: an array, or the file of an index.
        starts: int64 (n,), where each track's place starts.
        regression: float32 (`INPUTS`, d), predicts a place, not of unit length, from audio and
            year.
    """

    pages: Bits
    starts: NDArray[np.int64]
    regression: Encoded

    @classmethod
    def of_places(cls, places: NDArray[np.float16], regression: Encoded) -> Self:
        """Make one of places in the order of rows, float16 (n, d)."""
        starts = np.arange(len(places), dtype=np.int64) * (2 * places.shape[1])
        pages = fixed(fixed(places, np.float16).reshape(-1).view(np.uint8), np.uint8)
        return cls(pages, fixed(starts, np.int64), regression)

    @property
    def places(self) -> NDArray[np.float16]:
        """The stored places of all tracks, float16 (n, d)."""
        return self.of(np.arange(len(self.starts))).astype(np.float16)

    @classmethod
    def fit(
        cls,
        tokens: Tokens,
        year: Weights,
        members: sp.csr_matrix,
        weights: Mapping[str, float] = WEIGHTS,
        dimensions: int = DIMENSIONS,
    ) -> Self:
        """Fit the space on playlists; the same result each time.

        Args:
            tokens: The catalogue's.
            year: float32 (n,), NaN if unknown.
            members: sparse (p, n), which playlist holds which track, p ≥ 1.
            weights: By kind of token; the kinds of a model published before may be fewer.
            dimensions: Coordinates at most.
        """
        analysed = tokens.lengths > 0
        known = {SOUND: analysed, POPULARITY: np.isfinite(tokens.popularity)}
        # The fewer tracks have such a token, the less it says of two tracks.
        shares = {kind: float(np.sqrt(mask.mean())) for kind, mask in known.items()}
        weights = {kind: weight * shares.get(kind, 1.0) for kind, weight in weights.items()}
        rows = TokenRows.of(members, tokens, tuple(weights))
        basis = scaled_directions(rows, weights, dimensions)
        places = np.zeros((len(year), basis.shape[1]), np.float32)
        for kind in weights:
            vectors = rows.vectors(kind, basis)
            if kind == TRACK:
                places += weights[kind] * vectors
                continue
            matrix = tokens.kinds[kind]
            # The mean over a track's tokens: many words must not outweigh one artist.
            total = np.asarray(matrix.sum(axis=1)).ravel()
            part = weights[kind] * (matrix @ vectors) / np.maximum(total, 1.0)[:, None]
            places += _filled(part, tokens, known[kind]) if kind in known else part
        listed = np.asarray(members.sum(axis=0)).ravel() > 0
        # Of tracks that were not analysed there is no audio to predict a place from.
        heard = listed & analysed
        heard = heard if heard.any() else listed
        inputs = _inputs(tokens.shaped[heard], year[heard])
        regression = _regression(inputs, places[heard])
        # The last input is 1, so changing its row moves the centre of listed tracks to 0.
        regression[-1] -= inputs.mean(axis=0) @ regression
        centred = (places - places[listed].mean(axis=0)).astype(np.float32)
        unit = normalise_rows(centred).astype(np.float16)
        return cls.of_places(unit, regression.astype(np.float32))

    def of(self, rows: NDArray[np.integer]) -> Encoded:
        """Look up the stored places of rows, float32 (k, d)."""
        from quintet_engine.kernel.scanning import halves_at

        starts = fixed(self.starts[rows], np.int64)
        return halves_at(self.pages, starts, self.regression.shape[1])

    def audible(self, shaped: Encoded, year: Weights) -> Encoded:
        """Predict the places of tracks from audio and year, unit rows, float32 (k, d).

        Args:
            shaped: float32 (k, 13), their `Tokens.shaped`.
            year: float32 (k,), NaN if unknown.
        """
        return normalise_rows((_inputs(shaped, year) @ self.regression).astype(np.float32))

    def audible_cosines(self, shaped: Encoded, year: Weights, directions: Encoded) -> Weights:
        """Compute the cosine of tracks' predicted places to unit vectors (m, d), float32 (m, k).

        The places themselves, d coordinates each, are never computed: their products and lengths
        are products of the few inputs.
        """
        inputs = _inputs(shaped, year).astype(np.float32).T
        # ‖Rᵀx‖ = ‖U x‖ for the QR decomposition of Rᵀ = QU, and U has `INPUTS` columns, not d.
        squares = np.square(self.triangle @ inputs).sum(axis=0)
        lengths = np.sqrt(np.maximum(squares, np.float32(1e-12)))
        return np.asarray((directions @ self.regression.T) @ inputs / lengths, dtype=np.float32)

    @cached_property
    def triangle(self) -> Encoded:
        """The triangular U: a predicted place's length is ‖U · inputs‖, (`INPUTS`, `INPUTS`)."""
        wide = self.regression.astype(np.float64)
        return np.asarray(np.linalg.qr(wide.T, mode="r"), dtype=np.float32)


def _filled(part: Encoded, tokens: Tokens, known: Mask) -> Encoded:
    """Give tracks without a kind of token their artist's mean, so that they differ in no direction.

    The mean is shrunk towards that of all tracks as if `_PRIOR_TRACKS` average ones were added.

    Args:
        part: float32 (n, d), what the kind adds to each track's place.
        tokens: Of the catalogue.
        known: bool (n,), the tracks that have such a token.
    """
    if known.all() or not known.any():
        return part
    mean, count = part[known].mean(axis=0), tokens.unknown_artist
    # Tracks without an artist are not by one artist.
    own = known & (tokens.artist < count)
    ones = np.ones(np.count_nonzero(own), np.float32)
    of_artist = sp.csr_matrix(
        (ones, (tokens.artist[own], np.flatnonzero(own))), shape=(count + 1, len(part))
    )
    sizes = np.asarray(of_artist.sum(axis=1))
    means = (of_artist @ part + _PRIOR_TRACKS * mean) / (sizes + _PRIOR_TRACKS)
    filled = np.where(known[:, None], part, means[tokens.artist])
    return np.asarray(filled, np.float32)


def _inputs(shaped: Encoded, year: Weights) -> NDArray[np.float64]:
    """Compute what a place is predicted from, float64 (k, `INPUTS`): the last is 1."""
    linear, width = len(SHAPED), shaped.shape[1]
    inputs = np.ones((len(shaped), INPUTS))
    inputs[:, :width] = shaped
    inputs[:, width : width + linear] = shaped[:, :linear] ** 2
    # Centred and scaled like the other inputs; an unknown year counts as 2000.
    inputs[:, -3] = np.nan_to_num((year - 2000) / 15)
    inputs[:, -2] = inputs[:, -3] ** 2
    return inputs


def _regression(inputs: NDArray[np.float64], places: Encoded) -> NDArray[np.float64]:
    """Solve the ridge regression of places on inputs, float64 (`INPUTS`, d)."""
    normal = inputs.T @ inputs + _RIDGE * np.eye(inputs.shape[1])
    return np.asarray(np.linalg.solve(normal, inputs.T @ places))
