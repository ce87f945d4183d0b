"""How a query's seeds relate to playlists, tokens and tracks: computed once, read by many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded, normalise_rows

from quintet_engine.catalogue import Catalogue, Mask, Rows, Weights
from quintet_engine.collaborative.learned import Learned
from quintet_engine.collaborative.space import TRACK
from quintet_engine.collaborative.tokens import KINDS

VIEWS: Final = ("ridge", "track", "artist", "context")
"""Ways to weigh playlists: by kernel ridge, by shared tracks, by shared artists (squared), and by
year, sound and words (squared): for seeds that no playlist holds."""
RIDGE, BY_TRACK, BY_ARTIST, BY_CONTEXT = range(len(VIEWS))
MOST_ROWS: Final = 50
"""An artist or a genre as a seed stands for its most popular tracks, at most so many."""


@dataclass(frozen=True)
class Affinity:
    """A query against what playlists taught; m seed rows, p playlists, n tracks.

    Attributes:
        learned: What playlists taught.
        catalogue: The catalogue searched.
        seeds: int64 (m,), the rows that the seeds stand for.
        shares: float32 (m,), what each counts, summing to one.
        kernels: The seeds' cosine to every playlist, by kind of token, float32 (p,).
        weights: float32 (p, 4), the playlists weighed in each of `VIEWS`.
    """

    learned: Learned
    catalogue: Catalogue
    seeds: Rows
    shares: Weights
    kernels: Mapping[str, Weights]
    weights: Weights

    @classmethod
    def of(
        cls,
        learned: Learned,
        catalogue: Catalogue,
        groups: Sequence[Rows],
        shares: Weights,
    ) -> Self:
        """Prepares a query.

        Args:
            learned: What playlists taught.
            catalogue: The catalogue searched.
            groups: The rows each seed stands for.
            shares: float32, one a seed, summing to one.
        """
        seeds, weight = _flat(catalogue, groups, shares)
        kernels = learned.space.kernels(learned.tokens, seeds, weight)
        ridge = learned.space.ridge_weights(kernels)
        context = _share((kernels["year"] * kernels["audio"] * (0.2 + kernels["word"])) ** 2)
        columns = (ridge, _share(kernels[TRACK]), _share(kernels["artist"] ** 2), context)
        weights = np.stack(columns, axis=1).astype(np.float32)
        return cls(learned, catalogue, seeds, weight, kernels, weights)

    @cached_property
    def tracks(self) -> Weights:
        """Each track's score in each view, float32 (n, 4): the weights of playlists holding it."""
        return np.asarray(self.learned.space.holders @ self.weights)

    @cached_property
    def tokens(self) -> dict[str, Weights]:
        """Each token's score in each view, by kind, float32 (tokens, 4)."""
        rows = self.learned.space.rows
        scores = {kind: np.asarray(rows[kind] @ self.weights) for kind in KINDS}
        # The numbers of an unknown artist and an unknown album score nothing.
        blank = np.zeros((1, len(VIEWS)), np.float32)
        return {
            kind: np.vstack((found, blank)) if kind in ("artist", "album") else found
            for kind, found in scores.items()
        }

    @cached_property
    def sound(self) -> Encoded:
        """The seeds' mean of `Tokens.sound`, unit, float32 (13,)."""
        return _unit(self.shares @ self.learned.tokens.sound[self.seeds])

    @cached_property
    def sound_cosines(self) -> Weights:
        """Each track's cosine to it, float32 (n,)."""
        return np.asarray(self.learned.tokens.sound_units @ self.sound, np.float32)

    @cached_property
    def taste(self) -> Encoded:
        """The seeds' mean place in the taste space, float32 (d,), shorter the more they differ."""
        return np.asarray(self.shares @ self.learned.taste.places[self.seeds], np.float32)

    @cached_property
    def taste_direction(self) -> Encoded:
        """The same as a unit vector, float32 (d,)."""
        return _unit(self.taste)

    @cached_property
    def seed_artists(self) -> Rows:
        """The different first artists of the seeds, known ones only."""
        artists = np.unique(self.learned.tokens.artist[self.seeds])
        return artists[artists < self.learned.tokens.unknown_artist].astype(np.int64)

    @cached_property
    def content(self) -> Weights:
        """How well each track's year, sound and words fit the context view, float32 (n,).

        The sum of three standard scores, and half of that of popularity.
        """
        tokens = self.learned.tokens
        total = 0.5 * _scores(self.catalogue.popularity)
        for matrix, kind in (
            (tokens.kinds["year"], "year"),
            (tokens.kinds["audio"], "audio"),
            (tokens.words, "word"),
        ):
            column = np.ascontiguousarray(self.tokens[kind][:, BY_CONTEXT])
            total = total + _scores(np.asarray(matrix @ column))
        return np.asarray(total, dtype=np.float32)

    @cached_property
    def related_artists(self) -> Weights:
        """Each track by its artist's ridge score, popularity and sound, float32 (n,)."""
        tokens = self.learned.tokens
        artist = np.maximum(self.tokens["artist"][:, RIDGE], 0.0)[tokens.artist]
        popular = 0.3 + self.catalogue.popularity.astype(np.float32) / 100
        return np.asarray(artist * popular * (1 + 0.5 * self.sound_cosines), np.float32)

    @cached_property
    def shared(self) -> NDArray[Any]:
        """Which playlist holds which seed, float32 (p, m)."""
        return np.asarray(self.learned.space.holders[self.seeds].toarray().T, dtype=np.float32)

    def together(self, rows: Rows) -> Weights:
        """Returns in how many playlists rows stand together with each seed, float32 (k, m)."""
        return np.asarray(self.learned.space.holders[rows] @ self.shared, dtype=np.float32)


def _flat(catalogue: Catalogue, groups: Sequence[Rows], shares: Weights) -> tuple[Rows, Weights]:
    """Returns the rows of all seeds and the share of each, large groups cut to the popular."""
    rows, weights = [], []
    for group, share in zip(groups, shares.tolist(), strict=True):
        if len(group) > MOST_ROWS:
            order = np.lexsort((group, -catalogue.popularity[group]))
            group = group[order[:MOST_ROWS]]
        rows.append(group)
        weights.append(np.full(len(group), share / len(group), np.float32))
    return np.concatenate(rows).astype(np.int64), np.concatenate(weights)


def _share(values: Weights) -> Weights:
    total = float(values.sum())
    return np.asarray(values / total if total > 1e-9 else values, dtype=np.float32)


def _unit(vector: NDArray[Any]) -> Encoded:
    return np.asarray(normalise_rows(np.asarray(vector, np.float32)[None, :])[0])


def _scores(values: NDArray[Any]) -> Weights:
    return np.asarray((values - values.mean()) / (values.std() + 1e-9), dtype=np.float32)


def best_rows(scores: Weights, allowed: Mask, most: int) -> Rows:
    """Returns up to `most` allowed rows of the greatest finite scores, unordered.

    A sample of every sixteenth score gives a threshold, so that only what may reach the top is
    partitioned; where too little passes it, everything is.
    """
    masked = np.where(allowed, scores, -np.inf)
    pool = np.arange(len(masked))
    if len(masked) > 20 * most:
        sample = masked[::16]
        rank = min(max(2 * most // 16, 8), len(sample))
        threshold = np.partition(sample, len(sample) - rank)[len(sample) - rank]
        passing = np.flatnonzero(masked >= threshold)
        if most <= len(passing) < len(masked) // 2:
            pool = passing
    if len(pool) > most:
        pool = pool[np.argpartition(-masked[pool], most - 1)[:most]]
    return pool[np.isfinite(masked[pool])]
