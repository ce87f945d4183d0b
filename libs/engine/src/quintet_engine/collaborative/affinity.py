"""How a query's seeds relate to playlists, tokens and tracks: computed once, read by many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded, normalise_rows

from quintet_engine.catalogue import Catalogue, Mask, Rows, Weights
from quintet_engine.collaborative.learned import Learned
from quintet_engine.collaborative.products import product, product_of, summed
from quintet_engine.collaborative.space import TRACK

VIEWS: Final = ("ridge", "track", "artist", "context")
"""Ways to weigh playlists: by kernel ridge, by shared tracks, by shared artists (squared), and by
year, sound and words (squared): for seeds that no playlist holds."""
RIDGE, BY_TRACK, BY_ARTIST, BY_CONTEXT = range(len(VIEWS))
MOST_ROWS: Final = 50
"""An artist or a genre as a seed stands for its most popular tracks, at most so many."""
# What sound can make of a score at best, and no rounding goes beyond.
_BEST_SOUND: Final = np.float32(1.5001)


class Scored(NamedTuple):
    """Rows, int64 (k,), distinct, and a score of each, float32 (k,)."""

    rows: Rows
    scores: Weights


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

    def held(self, view: int) -> Weights:
        """Returns the score in one of `VIEWS` of the tracks on playlists, float32 (`space.held`,).

        Added up from the playlists that count in it, which most tracks are on one or two of.
        """
        return self._weighed(self.learned.space.holding, view)

    def _weighed(self, matrix: sp.csr_matrix, view: int) -> Weights:
        """Returns the sum of the playlists' rows of (p, k) by their weights, float32 (k,)."""
        weights = self.weights[:, view]
        counting = np.flatnonzero(weights)
        return summed(matrix, counting, weights[counting])

    def tracks(self, rows: Rows) -> Weights:
        """Returns the score of rows in each view, float32 (k, 4): weights of their playlists."""
        return product_of(self.learned.space.holders, rows, self.weights)

    def named(self, kind: str, numbers: NDArray[np.integer]) -> Weights:
        """Returns the score of artists or albums in each view, float32 (k, 4); 0 for no name."""
        rows = self.learned.space.rows[kind]
        known = numbers < rows.shape[0]
        scores = product_of(rows, np.where(known, numbers, 0).astype(np.int64), self.weights)
        scores[~known] = 0
        return scores

    @cached_property
    def tokens(self) -> dict[str, Weights]:
        """The score of each year, sound and word in each view, float32 (tokens, 4)."""
        rows = self.learned.space.rows
        return {kind: product(rows[kind], self.weights) for kind in ("year", "audio", "word")}

    @cached_property
    def sound(self) -> Encoded:
        """The seeds' mean of `Tokens.sound`, unit, float32 (13,)."""
        return _unit(self.shares @ self.learned.tokens.sound[self.seeds])

    def sound_cosines(self, rows: Rows) -> Weights:
        """Returns the cosine of rows to it, float32 (k,)."""
        return np.asarray(self.learned.tokens.sound_units[rows] @ self.sound, np.float32)

    @cached_property
    def taste(self) -> Encoded:
        """The seeds' mean place in the taste space, float32 (d,), shorter the more they differ."""
        return np.asarray(self.shares @ self.learned.taste.of(self.seeds), np.float32)

    @cached_property
    def taste_direction(self) -> Encoded:
        """The same as a unit vector, float32 (d,)."""
        return _unit(self.taste)

    @cached_property
    def seed_artists(self) -> Rows:
        """The different first artists of the seeds, known ones only."""
        artists = np.unique(self.learned.tokens.artist[self.seeds])
        return artists[artists < self.learned.tokens.unknown_artist].astype(np.int64)

    def content(self) -> Scored:
        """Returns tracks and how well their year, sound and words fit the context view."""
        pool = self.learned.content
        columns = {kind: scores[:, BY_CONTEXT, None] for kind, scores in self.tokens.items()}
        return Scored(pool.rows, pool.scores(columns))

    def related(self, most: int, allowed: Mask) -> Scored:
        """Returns tracks by artists that ridge favours: artist, popularity and sound.

        The best `most` of all allowed tracks are among them. What an artist's most popular track
        could score at best tells which artists need no closer look.

        Args:
            most: ≥ 1.
            allowed: bool (n,), which rows may be returned.
        """
        space = self.learned.space
        scores = self._weighed(space.by_artists, RIDGE)
        favoured = np.flatnonzero(scores > 0)
        artists, scores = space.artists[favoured], scores[favoured]
        best = scores * _fame(self.learned.tokens.artist_popularity[artists]) * _BEST_SOUND
        least = 0.0
        if len(artists) > most:
            first = np.argpartition(-best, most)[:most]
            found = self._by(artists[first], scores[first], allowed, least)
            if len(found.rows) >= most:
                least = float(np.partition(found.scores, -most)[-most])
        near = best >= least
        return self._by(artists[near], scores[near], allowed, least)

    def _by(self, artists: Rows, scores: Weights, allowed: Mask, least: float) -> Scored:
        """Returns the allowed tracks of artists that may score `least`."""
        rows, sizes = self.learned.tokens.artist_tracks.members_of(artists)
        worth = np.repeat(scores, sizes) * _fame(self.catalogue.popularity[rows])
        kept = allowed[rows] & (worth * _BEST_SOUND >= least)
        rows, worth = rows[kept], worth[kept]
        return Scored(rows, np.asarray(worth * (1 + 0.5 * self.sound_cosines(rows)), np.float32))

    @cached_property
    def shared(self) -> NDArray[Any]:
        """Which playlist holds which seed, float32 (p, m)."""
        return np.asarray(self.learned.space.holders[self.seeds].toarray().T, dtype=np.float32)

    def together(self, rows: Rows) -> Weights:
        """Returns in how many playlists rows stand together with each seed, float32 (k, m)."""
        return product_of(self.learned.space.holders, rows, self.shared)


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


def _fame(popularity: NDArray[np.floating]) -> Weights:
    return np.asarray(0.3 + popularity.astype(np.float32) / 100, np.float32)


def _share(values: Weights) -> Weights:
    total = float(values.sum())
    return np.asarray(values / total if total > 1e-9 else values, dtype=np.float32)


def _unit(vector: NDArray[Any]) -> Encoded:
    return np.asarray(normalise_rows(np.asarray(vector, np.float32)[None, :])[0])
