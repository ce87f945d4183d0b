"""How a query's seeds relate to playlists, tokens and tracks: computed once, read by many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
from quintet_modelkit.features import Encoded

from quintet_engine.catalogue import Catalogue, Rows, Weights
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.space import ALL_KINDS
from quintet_engine.kernel.layout import LearnedQuery, fixed

VIEWS: Final = ("ridge", "track", "artist", "context")
"""Ways to weight playlists: by kernel ridge regression, by shared tracks, by shared artists
(squared), and by year, sound and words (squared), for seeds that no playlist holds."""
RIDGE, BY_TRACK, BY_ARTIST, BY_CONTEXT = range(len(VIEWS))
MOST_ROWS: Final = 50
"""An artist or a genre as a seed stands for its most popular tracks, at most so many."""


@dataclass(frozen=True)
class Affinity:
    """One query compared with the collaborative model; m seed rows, p playlists, n tracks.

    Attributes:
        model: The collaborative model.
        catalogue: The catalogue searched.
        seeds: int64 (m,), the rows that the seeds stand for.
        shares: float32 (m,), each seed row's weight, summing to one.
        kernels: The seeds' cosine to every playlist, by kind of token, float32 (p,).
        weights: float32 (p, 4), the playlists' weights in each of `VIEWS`.
        sound: float32 (13,), the seeds' mean of `Tokens.sound`, unit.
        taste: float32 (d,), their mean place in the taste space, shorter the more they differ.
        taste_direction: float32 (d,), the same as a unit vector.
        _kernels: float32 (6, p), the values of `kernels`.
    """

    model: CollaborativeModel
    catalogue: Catalogue
    seeds: Rows
    shares: Weights
    kernels: Mapping[str, Weights]
    weights: Weights
    sound: Encoded
    taste: Encoded
    taste_direction: Encoded
    _kernels: Weights

    @classmethod
    def of(
        cls,
        model: CollaborativeModel,
        catalogue: Catalogue,
        groups: Sequence[Rows],
        shares: Weights,
    ) -> Self:
        """Compare a query with the model.

        Args:
            model: The collaborative model.
            catalogue: The catalogue searched.
            groups: The rows that each seed stands for.
            shares: float32, one weight per seed, summing to one.
        """
        from quintet_engine.kernel.playlists import compare

        seeds, weight = _seed_rows(catalogue, groups, shares)
        space = model.space
        kernels, *vectors = compare(
            *(catalogue.arrays, model.arrays, fixed(seeds, np.int32), fixed(weight, np.float32)),
            *(fixed(space.lengths, np.float32), space.alphas, space.triangle),
        )
        by_kind = dict(zip(ALL_KINDS, kernels, strict=True))
        weights, sound, taste, direction = (fixed(each, np.float32) for each in vectors)
        return cls(
            *(model, catalogue, seeds, weight, by_kind, weights, sound, taste, direction, kernels)
        )

    @cached_property
    def arrays(self) -> LearnedQuery:
        """The comparison as compiled code reads it."""
        from quintet_engine.kernel.playlists import token_scores

        model = self.model
        years, clusters, words = token_scores(model.arrays, model.word_lists, self.weights)
        floats = (self.shares, self._kernels, self.weights, self.sound, self.taste)
        more = (self.taste_direction, years, clusters, words)
        return LearnedQuery(
            fixed(self.seeds, np.int32), *(fixed(each, np.float32) for each in (*floats, *more))
        )

    @cached_property
    def listed_scores(self) -> Weights:
        """The scores of `model.on_playlists` by ridge and by shared tracks, float32 (2, k)."""
        from quintet_engine.kernel.playlists import listed_scores

        return fixed(listed_scores(self.model.on_playlists, self.weights), np.float32)

    @cached_property
    def seed_artists(self) -> Rows:
        """The different first artists of the seeds, known ones only."""
        artists = set(self.model.tokens.artist[self.seeds].tolist())
        return np.array(sorted(artists - {self.model.tokens.unknown_artist}), np.int64)

    @cached_property
    def seed_albums(self) -> Rows:
        """The different album titles of the seeds, known ones only."""
        albums = set(self.model.tokens.album[self.seeds].tolist())
        return np.array(sorted(albums - {self.model.tokens.unknown_album}), np.int64)


def _seed_rows(
    catalogue: Catalogue, groups: Sequence[Rows], shares: Weights
) -> tuple[Rows, Weights]:
    """Join the rows of all seeds and split each share among them, large groups cut to the popular.

    Returns:
        int64 (m,) rows and float32 (m,) shares.
    """
    if all(len(group) == 1 for group in groups):
        return np.concatenate(groups).astype(np.int64), shares
    rows, weights = [], []
    for group, share in zip(groups, shares.tolist(), strict=True):
        if len(group) > MOST_ROWS:
            order = np.lexsort((group, -catalogue.popularity[group]))
            group = group[order[:MOST_ROWS]]
        rows.append(group)
        weights.append(np.full(len(group), share / len(group), np.float32))
    return np.concatenate(rows).astype(np.int64), np.concatenate(weights)
