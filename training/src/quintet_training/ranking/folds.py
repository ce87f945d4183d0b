"""Engines for cross-fitting: each has learned from all playlists except those it is asked about.

Why folds and not single playlists: docs/rationale.md, "Cross-fitting uses folds".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_engine.catalogue import Catalogue, Mask, Rows
from quintet_engine.channels.collaborative import MOST_NEIGHBOURS
from quintet_engine.collaborative import space
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.space import PlaylistSpace, membership
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.engine import Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_engine.recipes import TRAINED

from quintet_training.ranking.strata import by_content, evenly

MOST_COMPARED: Final = 6_000
"""Queries are compared with at most so many playlists, since the kernel of these is square: 288 MB
in float64. Taste, counts, folds and queries are those of all playlists."""


def fit_learned(
    catalogue: Catalogue,
    playlists: Sequence[Rows],
    weights: Mapping[str, float],
    seed: int,
    tokens: Tokens | None = None,
    sounds: FaissIndex | None = None,
) -> CollaborativeModel:
    """Fit the collaborative model of a catalogue on all playlists.

    Args:
        catalogue: The catalogue.
        playlists: Distinct catalogue rows of each, at least one.
        weights: What each kind of token weighs in the taste space.
        seed: For clusters and indices.
        tokens: Of the catalogue; computed if None.
        sounds: The index over their sounds; built if None.
    """
    tokens = tokens or Tokens.of(catalogue, seed)
    members = membership(playlists, len(catalogue))
    fitted = Taste.fit(tokens, catalogue.year, members, weights)
    fitted_space = PlaylistSpace.fit(
        tokens, _compared(playlists, tokens, members, seed), space.WEIGHTS, everything=members
    )
    # Tuned for as many neighbours as the channel asks for.
    index = FaissIndex.build(fitted.places, seed=seed, depth=MOST_NEIGHBOURS)
    if sounds is None:
        sounds = sound_index(tokens, seed)
    content = ContentPool.of(tokens, catalogue.popularity)
    return CollaborativeModel(
        *(tokens, fitted_space, fitted, index, sounds, content, catalogue),
        playlists=members if len(fitted_space) < len(playlists) else None,
    )


def sound_index(tokens: Tokens, seed: int) -> FaissIndex:
    """Build the index over the sounds of tracks, which no playlist changes."""
    return FaissIndex.build(tokens.sound_units, seed=seed)


def _compared(
    playlists: Sequence[Rows], tokens: Tokens, members: sp.csr_matrix, seed: int
) -> Sequence[Rows]:
    """Choose the playlists that queries are compared with, in order, evenly by content."""
    if len(playlists) <= MOST_COMPARED:
        return playlists
    random = np.random.default_rng((seed, 7))
    order = evenly(by_content(tokens, members, seed), random)
    return [playlists[number] for number in np.sort(order[:MOST_COMPARED]).tolist()]


@dataclass(frozen=True)
class FoldEngines:
    """Fits the engine of a fold when it is called.

    Attributes:
        catalogue: The catalogue.
        playlists: Distinct catalogue rows of each.
        folds: int64 (playlists,), the fold of each.
        weights: What each kind of token weighs in the taste space.
        seed: For clusters and indices.
        tokens: Of the catalogue.
        index: The audio index over it.
        sounds: The index over the sounds of its tracks; built for each fold if None.
    """

    catalogue: Catalogue
    playlists: Sequence[Rows]
    folds: NDArray[np.int64]
    weights: Mapping[str, float]
    seed: int
    tokens: Tokens
    index: FaissIndex
    sounds: FaissIndex | None = None

    def __call__(self, fold: int) -> Engine:
        """Return the engine that has seen all playlists but those of a fold."""
        return self.fitted_on(self.folds != fold)

    def fitted_on(self, known: Mask) -> Engine:
        """Return the engine that has seen some playlists, bool (playlists,), at least one."""
        seen = [self.playlists[number] for number in np.flatnonzero(known).tolist()]
        learned = fit_learned(
            self.catalogue, seen, self.weights, self.seed, self.tokens, self.sounds
        )
        versions = Versions("training", "", self.catalogue.snapshot.version)
        # No booster: rows need candidates and features, not scores.
        return Engine(self.catalogue, self.index, None, versions, TRAINED, learned)
