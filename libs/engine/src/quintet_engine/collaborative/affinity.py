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
from quintet_engine.collaborative.model import CollaborativeModel
from quintet_engine.collaborative.products import product, product_of, summed
from quintet_engine.collaborative.space import TRACK

VIEWS: Final = ("ridge", "track", "artist", "context")
"""Ways to weight playlists: by kernel ridge regression, by shared tracks, by shared artists
(squared), and by year, sound and words (squared), for seeds that no playlist holds."""
RIDGE, BY_TRACK, BY_ARTIST, BY_CONTEXT = range(len(VIEWS))
MOST_ROWS: Final = 50
"""An artist or a genre as a seed stands for its most popular tracks, at most so many."""
# The factor 1 + 0.5 · cosine of `_tracks_by` is at most 1.5; the rest is room for rounding.
_MOST_SOUND_FACTOR: Final = np.float32(1.5001)


class Scored(NamedTuple):
    """Rows, int64 (k,), distinct, and a score of each, float32 (k,)."""

    rows: Rows
    scores: Weights


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
    """

    model: CollaborativeModel
    catalogue: Catalogue
    seeds: Rows
    shares: Weights
    kernels: Mapping[str, Weights]
    weights: Weights

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
        seeds, weight = _seed_rows(catalogue, groups, shares)
        kernels = model.space.kernels(model.tokens, seeds, weight)
        ridge = model.space.ridge_weights(kernels)
        # 0.2: seeds whose words occur nowhere else still have playlists of their year and sound.
        context = _normalised((kernels["year"] * kernels["audio"] * (0.2 + kernels["word"])) ** 2)
        by_artist = _normalised(kernels["artist"] ** 2)
        columns = (ridge, _normalised(kernels[TRACK]), by_artist, context)
        weights = np.stack(columns, axis=1).astype(np.float32)
        return cls(model, catalogue, seeds, weight, kernels, weights)

    def listed_scores(self, view: int) -> Weights:
        """Score the tracks on playlists in one of `VIEWS`, float32 (`space.listed_tracks`,).

        Only playlists with a weight other than 0 are added up, and most tracks are on one or two
        of them, so this costs far less than a product with the whole matrix.
        """
        return self._weighted_sum(self.model.space.listed_by_playlist, view)

    def _weighted_sum(self, matrix: sp.csr_matrix, view: int) -> Weights:
        """Sum the playlists' rows of (p, k) by their weights, float32 (k,)."""
        weights = self.weights[:, view]
        counting = np.flatnonzero(weights)
        return summed(matrix, counting, weights[counting])

    def scores_of_tracks(self, rows: Rows) -> Weights:
        """Sum the weights of each row's playlists in each view, float32 (k, 4)."""
        return product_of(self.model.space.holders, rows, self.weights)

    def scores_of_names(self, kind: str, numbers: NDArray[np.integer]) -> Weights:
        """Score artists or albums in each view, float32 (k, 4); 0 for an unknown name.

        Args:
            kind: "artist" or "album".
            numbers: (k,), token numbers; one beyond the last stands for no name.
        """
        rows = self.model.space.rows[kind]
        known = numbers < rows.shape[0]
        scores = product_of(rows, np.where(known, numbers, 0).astype(np.int64), self.weights)
        scores[~known] = 0
        return scores

    @cached_property
    def token_scores(self) -> dict[str, Weights]:
        """The score of each year, sound and word in each view, float32 (tokens, 4)."""
        rows = self.model.space.rows
        return {kind: product(rows[kind], self.weights) for kind in ("year", "audio", "word")}

    @cached_property
    def sound(self) -> Encoded:
        """The seeds' mean of `Tokens.sound`, unit, float32 (13,)."""
        return _unit(self.shares @ self.model.tokens.sound[self.seeds])

    def sound_cosines(self, rows: Rows) -> Weights:
        """Compute the cosine of rows to the seeds' sound, float32 (k,)."""
        return np.asarray(self.model.tokens.sound_units[rows] @ self.sound, np.float32)

    @cached_property
    def taste(self) -> Encoded:
        """The seeds' mean place in the taste space, float32 (d,), shorter the more they differ."""
        return np.asarray(self.shares @ self.model.taste.of(self.seeds), np.float32)

    @cached_property
    def taste_direction(self) -> Encoded:
        """The same as a unit vector, float32 (d,)."""
        return _unit(self.taste)

    @cached_property
    def seed_artists(self) -> Rows:
        """The different first artists of the seeds, known ones only."""
        artists = np.unique(self.model.tokens.artist[self.seeds])
        return artists[artists < self.model.tokens.unknown_artist].astype(np.int64)

    def content_scores(self) -> Scored:
        """Score the content pool by how well year, sound and words fit the context view."""
        pool = self.model.content
        columns = {kind: scores[:, BY_CONTEXT, None] for kind, scores in self.token_scores.items()}
        return Scored(pool.rows, pool.scores(columns))

    def tracks_by_related_artists(self, most: int, allowed: Mask) -> Scored:
        """Score tracks by artists that ridge favours: artist score · popularity · sound.

        The best `most` of all allowed tracks are among them. An upper bound for each artist, the
        score of its most popular track with the best possible sound, shows which artists need not
        be looked at.

        Args:
            most: ≥ 1.
            allowed: bool (n,), which rows may be returned.
        """
        space = self.model.space
        scores = self._weighted_sum(space.artists_by_playlist, RIDGE)
        favoured = np.flatnonzero(scores > 0)
        artists, scores = space.listed_artists[favoured], scores[favoured]
        greatest = self.model.tokens.artist_popularity[artists]
        bound = scores * _popularity_factor(greatest) * _MOST_SOUND_FACTOR
        least = 0.0
        if len(artists) > most:
            # The `most` most promising artists give a score that the others have to reach.
            first = np.argpartition(-bound, most)[:most]
            scored = self._tracks_by(artists[first], scores[first], allowed, least)
            if len(scored.rows) >= most:
                least = float(np.partition(scored.scores, -most)[-most])
        promising = bound >= least
        return self._tracks_by(artists[promising], scores[promising], allowed, least)

    def _tracks_by(self, artists: Rows, scores: Weights, allowed: Mask, least: float) -> Scored:
        """Score the allowed tracks of artists that may reach `least`."""
        rows, sizes = self.model.tokens.artist_tracks.members_of(artists)
        worth = np.repeat(scores, sizes) * _popularity_factor(self.catalogue.popularity[rows])
        kept = allowed[rows] & (worth * _MOST_SOUND_FACTOR >= least)
        rows, worth = rows[kept], worth[kept]
        return Scored(rows, np.asarray(worth * (1 + 0.5 * self.sound_cosines(rows)), np.float32))

    @cached_property
    def seed_playlists(self) -> NDArray[Any]:
        """Which playlist holds which seed, float32 (p, m)."""
        return np.asarray(self.model.space.holders[self.seeds].toarray().T, dtype=np.float32)

    def co_occurrences(self, rows: Rows) -> Weights:
        """Count the playlists that hold both a row and a seed, float32 (k, m)."""
        return product_of(self.model.space.holders, rows, self.seed_playlists)


def _seed_rows(
    catalogue: Catalogue, groups: Sequence[Rows], shares: Weights
) -> tuple[Rows, Weights]:
    """Join the rows of all seeds and split each share among them, large groups cut to the popular.

    Returns:
        int64 (m,) rows and float32 (m,) shares.
    """
    rows, weights = [], []
    for group, share in zip(groups, shares.tolist(), strict=True):
        if len(group) > MOST_ROWS:
            order = np.lexsort((group, -catalogue.popularity[group]))
            group = group[order[:MOST_ROWS]]
        rows.append(group)
        weights.append(np.full(len(group), share / len(group), np.float32))
    return np.concatenate(rows).astype(np.int64), np.concatenate(weights)


def _popularity_factor(popularity: NDArray[np.floating]) -> Weights:
    """Map popularity 0..100 to 0.3..1.3: an unknown track of a favoured artist still counts."""
    return np.asarray(0.3 + popularity.astype(np.float32) / 100, np.float32)


def _normalised(values: Weights) -> Weights:
    """Scale weights to a sum of one; those that are all zero stay."""
    total = float(values.sum())
    return np.asarray(values / total if total > 1e-9 else values, dtype=np.float32)


def _unit(vector: NDArray[Any]) -> Encoded:
    return np.asarray(normalise_rows(np.asarray(vector, np.float32)[None, :])[0])
