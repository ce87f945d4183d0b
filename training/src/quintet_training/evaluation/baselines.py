"""What a trained model has to beat: simple methods, each a function of the seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

import numpy as np
import scipy.sparse
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.catalogue import Catalogue, Rows
from threadpoolctl import threadpool_limits

from quintet_training.evaluation.metrics import Values

Recommender = Callable[[Rows], Rows]
"""Seed rows to at most 500 other rows, best first; the same for the same seeds."""

HAND_MADE: Final = "hand_made"
STANDARDISED_COSINE: Final = "standardised_cosine"
SINGLE_CHANNEL: Final = (
    "random",
    "popularity",
    "raw_cosine",
    STANDARDISED_COSINE,
    "item_knn",
    "playlist_knn",
    "same_artist",
    "als",
)
"""The baselines that use one signal alone; the hand-made sum mixes three."""

NEIGHBOUR_WEIGHT: Final = 2.0
ARTIST_WEIGHT: Final = 1.0
COSINE_WEIGHT: Final = 0.3
_AUDIO: Final = [place for place, name in enumerate(ATTRIBUTES) if name != "popularity"]
# Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; they
# report good results with a confidence factor of 40.
_ALS_FACTORS: Final = 64
_ALS_ITERATIONS: Final = 15
_ALS_REGULARISATION: Final = 0.05
_ALS_CONFIDENCE: Final = 40.0
_THREADS: Final = 2


def best(scores: Values, ties: Values, seeds: Rows, limit: int, least: float = -np.inf) -> Rows:
    """Turn scores into a list: the rows of the highest scores, best first, without the seeds.

    Args:
        scores: Score of each row, float64 (n,), finite.
        ties: What orders equal scores, lowest first, (n,). Row order would not be neutral:
            catalogues often come sorted by the very playlists they were collected from.
        seeds: Rows never returned.
        limit: How many at most.
        least: Only rows with more than this.
    """
    open_rows = np.ones(len(scores), dtype=np.bool_)
    open_rows[seeds] = False
    rows = np.flatnonzero(open_rows & (scores > least))
    # The lowest of the negated: NumPy is twenty times slower in finding the highest of scores
    # that are mostly the same.
    losses = -scores[rows]
    if len(rows) > limit:
        worst = np.partition(losses, limit - 1)[limit - 1]
        rows, losses = rows[losses <= worst], losses[losses <= worst]
    # The last key of lexsort is the first to order by.
    order = np.lexsort((ties[rows], losses))
    return rows[order[:limit]].astype(np.int64)


@dataclass(frozen=True)
class Playlists:
    """Training playlists as sparse matrices of ones.

    Attributes:
        members: (p, n) float64.
        holders: The same transposed, (n, p).
        lengths: Tracks of each playlist, float64 (p,).
        counts: Playlists of each track, float64 (n,).
    """

    members: Any
    holders: Any
    lengths: Values
    counts: Values

    @classmethod
    def of(cls, playlists: Sequence[Rows], track_count: int) -> Self:
        """Build the matrices; empty playlists are kept and match nothing."""
        starts = np.concatenate(([0], np.cumsum([len(rows) for rows in playlists], dtype=np.int64)))
        rows = np.concatenate([np.zeros(0, np.int64), *playlists])
        shape = (len(playlists), track_count)
        members = scipy.sparse.csr_matrix((np.ones(len(rows)), rows, starts), shape=shape)
        counts = np.bincount(rows, minlength=track_count).astype(np.float64)
        return cls(members, members.T.tocsr(), np.diff(starts).astype(np.float64), counts)

    def by_playlist(self, seeds: Rows) -> Values:
        """Score rows by the cosine of the seeds to each playlist, summed over its tracks."""
        overlap = np.asarray(self.holders[seeds].sum(axis=0)).ravel()
        # Cosine of binary vectors: |A ∩ B| / √(|A| · |B|); an empty playlist would divide by 0.
        norms = np.sqrt(np.maximum(self.lengths, 1.0) * len(seeds))
        return np.asarray(self.holders @ (overlap / norms))

    def by_item(self, seeds: Rows) -> Values:
        """Score rows by their cosine to each seed over playlists, summed over the seeds."""
        norms = np.sqrt(np.maximum(self.counts, 1.0))
        together = self.holders[seeds].T @ (1.0 / norms[seeds])
        return np.asarray((self.holders @ together) / norms)


def cosine_to_mean(unit: Values, seeds: Rows) -> Values:
    """Score rows by their cosine to the mean of the seeds' directions, float64 (n,), -1..1.

    Args:
        unit: Rows of unit length, float64 (n, d).
        seeds: Rows whose mean is the query.
    """
    query = unit[seeds].mean(axis=0)
    # Opposite seeds cancel out; then all cosines are 0.
    length = float(np.linalg.norm(query))
    return np.asarray(unit @ (query / length if length > 0 else query))


def same_artist(catalogue: Catalogue, seeds: Rows) -> Values:
    """Score rows by artist: 1 if the first artist is that of a seed, else 0, float64 (n,)."""
    artists = catalogue.first_artist[seeds]
    found = np.isin(catalogue.first_artist, artists[artists >= 0])
    return np.asarray(found, dtype=np.float64)


def hand_made_scores(
    catalogue: Catalogue, playlists: Playlists, unit: Values, seeds: Rows
) -> Values:
    """Score rows by 2 · playlist-kNN scaled to a maximum of 1, + same artist, + 0.3 · cosine.

    It mixes three signals without training; the gate sets limits relative to it.
    """
    neighbours = playlists.by_playlist(seeds)
    greatest = float(neighbours.max(initial=0.0))
    scaled = neighbours / greatest if greatest > 0 else neighbours
    return np.asarray(
        NEIGHBOUR_WEIGHT * scaled
        + ARTIST_WEIGHT * same_artist(catalogue, seeds)
        + COSINE_WEIGHT * cosine_to_mean(unit, seeds)
    )


def baselines(
    catalogue: Catalogue, train: Sequence[Rows], seed: int, limit: int = 500
) -> dict[str, Recommender]:
    """Build every baseline on the playlists that a model may learn from.

    Args:
        catalogue: What is recommended from.
        train: Distinct rows of each training playlist; without any, the methods that
            need playlists are absent.
        seed: Of what is random: ties, the random baseline and where ALS starts.
        limit: Length of the lists.
    """
    ties = np.random.default_rng(seed).random(len(catalogue))
    audio = catalogue.columns[:, _AUDIO].astype(np.float64)
    # A missing value adds nothing to a cosine.
    raw, standardised = _unit(np.nan_to_num(audio)), _unit(_z_scores(audio))
    popularity = catalogue.popularity / 1000.0

    def ranked(score: Callable[[Rows], Values], least: float = -np.inf) -> Recommender:
        return lambda seeds: best(score(seeds), ties, seeds, limit, least)

    found = {
        "random": ranked(partial(_random_scores, len(catalogue), seed)),
        "popularity": ranked(lambda _: popularity),
        "raw_cosine": ranked(partial(cosine_to_mean, raw)),
        STANDARDISED_COSINE: ranked(partial(cosine_to_mean, standardised)),
        # Popularity is below 1: it only orders the artists' tracks, and fills the list up.
        "same_artist": ranked(lambda seeds: same_artist(catalogue, seeds) + popularity),
    }
    if any(len(rows) for rows in train):
        playlists = Playlists.of(train, len(catalogue))
        # Above 0 only: tracks that share no playlist with the seeds are no neighbours, so lists
        # may be short.
        found["item_knn"] = ranked(playlists.by_item, 0.0)
        found["playlist_knn"] = ranked(playlists.by_playlist, 0.0)
        found["als"] = ranked(_als(playlists, seed))
        found[HAND_MADE] = ranked(partial(hand_made_scores, catalogue, playlists, standardised))
    return {name: found[name] for name in (*SINGLE_CHANNEL, HAND_MADE) if name in found}


def _unit(vectors: Values) -> Values:
    """Scale rows to unit length, float64; float32 could not separate raw cosines."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1.0))


def _z_scores(columns: Values) -> Values:
    """Compute standard scores over the known values of each column; 0 where missing."""
    known = np.ma.masked_invalid(columns)
    # A constant column is only centred.
    spread = known.std(axis=0).filled(1.0)
    scores = (known - known.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    return np.asarray(scores.filled(0.0))


def _random_scores(track_count: int, seed: int, seeds: Rows) -> Values:
    # Seeded by the question, because a method must answer the same seeds the same way.
    return np.random.default_rng([seed, *np.sort(seeds).tolist()]).random(track_count)


def _als(playlists: Playlists, seed: int) -> Callable[[Rows], Values]:
    """Fit implicit's ALS; a query is folded in as a new playlist of the seeds."""
    # Imported late: it takes a second.
    from implicit.cpu.als import AlternatingLeastSquares

    # implicit runs its own threads and warns of BLAS threads beside them.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=_ALS_FACTORS,
            regularization=_ALS_REGULARISATION,
            alpha=_ALS_CONFIDENCE,
            iterations=_ALS_ITERATIONS,
            num_threads=_THREADS,
            random_state=seed,
        )
        model.fit(playlists.members.astype(np.float32), show_progress=False)
        # Kept by the model, and needed by every query; one query is too small for threads.
        _ = model.YtY
    model.num_threads = 1
    # A track of no playlist has no signal: its factors only hold what the solver left over.
    known = np.flatnonzero(playlists.counts)
    factors = model.item_factors[known]
    track_count = playlists.members.shape[1]

    def score(seeds: Rows) -> Values:
        ones = np.ones(len(seeds), dtype=np.float32)
        shape = (1, track_count)
        row = scipy.sparse.csr_matrix((ones, (np.zeros(len(seeds), int), seeds)), shape=shape)
        scores = np.zeros(track_count)
        scores[known] = factors @ np.ravel(model.recalculate_user(0, row))
        return scores

    return score
