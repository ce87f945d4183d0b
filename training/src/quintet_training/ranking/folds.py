"""Engines for cross-fitting: each has learned from all playlists except those it is asked about.

Why folds and not single playlists: docs/rationale.md, "Cross-fitting uses folds".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Catalogue, Mask, Rows
from quintet_engine.channels.collaborative import BUDGET
from quintet_engine.collaborative import space
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.space import PlaylistSpace, membership
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.engine import Engine, Versions
from quintet_engine.index import FaissIndex
from quintet_engine.recipes import TRAINED


def fit_learned(
    catalogue: Catalogue,
    playlists: Sequence[Rows],
    weights: Mapping[str, float],
    seed: int,
    tokens: Tokens | None = None,
) -> CollaborativeModel:
    """Fit the collaborative model of a catalogue on all playlists.

    Args:
        catalogue: The catalogue.
        playlists: Distinct catalogue rows of each, at least one.
        weights: What each kind of token weighs in the taste space.
        seed: For clusters and indices.
        tokens: Of the catalogue; computed if None.
    """
    tokens = tokens or Tokens.of(catalogue, seed)
    members = membership(playlists, len(catalogue))
    fitted = Taste.fit(tokens, catalogue.year, members, weights)
    fitted_space = PlaylistSpace.fit(tokens, playlists, space.WEIGHTS)
    # Tuned for the full budget of the collaborative channels, which ask for the most neighbours.
    index = FaissIndex.build(fitted.places, seed=seed, depth=BUDGET)
    sounds = FaissIndex.build(tokens.sound_units, seed=seed)
    content = ContentPool.of(tokens, catalogue.popularity)
    return CollaborativeModel(tokens, fitted_space, fitted, index, sounds, content, catalogue)


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
    """

    catalogue: Catalogue
    playlists: Sequence[Rows]
    folds: NDArray[np.int64]
    weights: Mapping[str, float]
    seed: int
    tokens: Tokens
    index: FaissIndex

    def __call__(self, fold: int) -> Engine:
        """Return the engine that has seen all playlists but those of a fold."""
        return self.fitted_on(self.folds != fold)

    def fitted_on(self, known: Mask) -> Engine:
        """Return the engine that has seen some playlists, bool (playlists,), at least one."""
        seen = [self.playlists[number] for number in np.flatnonzero(known).tolist()]
        learned = fit_learned(self.catalogue, seen, self.weights, self.seed, self.tokens)
        versions = Versions("training", "", self.catalogue.snapshot.version)
        # No booster: rows need candidates and features, not scores.
        return Engine(self.catalogue, self.index, None, versions, TRAINED, learned)
