"""What a list of recommendations is worth; the RecSys Challenge 2018 defines the first ones.

With G the held-out tracks of a playlist, R the ranked list (at most 500 tracks) and `|G|` their
number (Zamani, Schedl, Lamere and Chen, "An analysis of approaches taken in the ACM RecSys
Challenge 2018", ACM TIST 10(5), 2019, section 4.2):

- R-precision: the share of G among the first `|G|` of R. With the artist part, each distinct
  artist that G and those first tracks have in common adds 0.25: (|G ∩ R'| + 0.25·|A(G) ∩ A(R')|)
  / |G|. A perfect list is therefore worth more than 1.
- NDCG: binary gain, discount 1/log2(1 + rank); the ideal list holds min(|G|, 500) hits.
- Clicks: how often ten new tracks must be asked for before one of G is seen,
  floor((rank of the first hit - 1) / 10), and 51 where none of 500 is.

Recall and the reciprocal rank are the usual ones. Novelty is the mean self-information
(Vargas and Castells, "Rank and relevance in novelty and diversity metrics", RecSys 2011), and
calibration is Steck's C_KL ("Calibrated recommendations", RecSys 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from quintet_engine.catalogue import Catalogue, Mask, Rows

Values = NDArray[np.float64]

METRICS: Final = (
    "r_precision",
    "r_precision_artists",
    "ndcg",
    "clicks",
    "recall",
    "mrr",
    "novelty",
    "artist_diversity",
    "calibration",
)
"""What `Yardstick.score` measures, in its order; coverage is of a whole run (`coverage`)."""

LOWER_IS_BETTER: Final = frozenset({"clicks", "calibration"})
# Both from the challenge: see the head of this module.
ARTIST_CREDIT: Final = 0.25
_TRACKS_A_CLICK: Final = 10
# Steck's smoothing: this share of the wanted distribution is mixed into the list's.
_CALIBRATION_SMOOTHING: Final = 0.01


def r_precision(hits: Mask, relevant: int) -> float:
    """Compute R-precision: the share of the held-out tracks among as many first places, 0..1.

    Args:
        hits: Which places of the list hold a held-out track, bool (k,).
        relevant: How many tracks were held out, ≥ 1.
    """
    return float(hits[:relevant].sum() / relevant)


def r_precision_artists(
    ranked: Rows, truth: Rows, first_artist: NDArray[np.int32], hits: Mask
) -> float:
    """Compute R-precision with the challenge's credit for artists, 0..1.25.

    Args:
        ranked: The list, best first, int64 (k,).
        truth: The held-out tracks, int64 (t,), t ≥ 1, distinct.
        first_artist: First artist of each row of the catalogue, -1 where unknown.
        hits: Which places of the list hold a held-out track, bool (k,).
    """
    wanted = np.unique(first_artist[truth])
    found = first_artist[ranked[: len(truth)]]
    # -1 is no artist: two unknown ones have nothing in common.
    shared = np.isin(wanted[wanted >= 0], found).sum()
    return r_precision(hits, len(truth)) + float(ARTIST_CREDIT * shared / len(truth))


def ndcg(hits: Mask, relevant: int, limit: int) -> float:
    """Compute the normalised discounted cumulative gain of the first `limit` places, 0..1."""
    # Ranks begin with 1, so discounts begin with log2(2).
    discount = 1.0 / np.log2(np.arange(2, limit + 2))
    gains = discount[np.flatnonzero(hits[:limit])]
    return float(gains.sum() / discount[: min(relevant, limit)].sum())


def clicks(hits: Mask, limit: int) -> float:
    """Count how often ten more must be asked for until a hit; `limit / 10 + 1` for never."""
    first = np.flatnonzero(hits[:limit])
    return float(first[0] // _TRACKS_A_CLICK if len(first) else limit // _TRACKS_A_CLICK + 1)


def recall(hits: Mask, relevant: int) -> float:
    """Compute the share of the held-out tracks that are anywhere in the list, 0..1."""
    return float(hits.sum() / relevant)


def reciprocal_rank(hits: Mask) -> float:
    """Compute one over the rank of the first hit, 0..1; 0 without a hit."""
    first = np.flatnonzero(hits)
    return float(1.0 / (first[0] + 1)) if len(first) else 0.0


def self_information(train: Sequence[Rows], track_count: int) -> Values:
    """Compute how surprising each track is: -log2 of its share of the training playlists.

    In bits, float64 (n,), ≥ 0.

    One playlist that holds everything is added, so that a track in none has a finite value.
    """
    # The empty array keeps `concatenate` defined without any playlist.
    held = np.bincount(np.concatenate([np.zeros(0, np.int64), *train]), minlength=track_count)
    return np.asarray(-np.log2((held + 1.0) / (len(train) + 1.0)))


def calibration(wanted: Values, given: Values) -> float:
    """Compute how far a list's mix of genres is from a playlist's: KL(wanted ‖ given), in nats.

    The given distribution is smoothed with the wanted one, so that the result is finite.

    Args:
        wanted: Weight of each genre in the playlist, float64 (g,), ≥ 0.
        given: Weight of each genre in the list, float64 (g,), ≥ 0; all 0 is the worst case.

    Returns:
        0 for the same mix, at most -ln 0.01; NaN where the playlist's genres are unknown.
    """
    total = wanted.sum()
    if total <= 0:
        return float("nan")
    target = wanted / total
    mix = given / given.sum() if given.sum() > 0 else given
    smooth = (1 - _CALIBRATION_SMOOTHING) * mix + _CALIBRATION_SMOOTHING * target
    # The limit of x · ln x at 0 is 0: genres that are not wanted add nothing.
    known = target > 0
    # Rounding can leave the same mix a hair below zero.
    return max(0.0, float(target[known] @ np.log(target[known] / smooth[known])))


def coverage(lists: Sequence[Rows], track_count: int) -> float:
    """Compute the share of the catalogue that is in at least one list, 0..1."""
    seen = np.zeros(track_count, dtype=np.bool_)
    for rows in lists:
        seen[rows] = True
    return float(seen.mean()) if track_count else 0.0


@dataclass(frozen=True)
class Yardstick:
    """What lists are measured with: the same for every method of a run.

    Attributes:
        first_artist: First artist of each row, int32 (n,), -1 where unknown.
        information: Self-information of each row, bits, float64 (n,).
        genres: Sparse (n, g), the genres of each row, each row's weights summing to 1 or 0.
        limit: Length of the longest list.
    """

    first_artist: NDArray[np.int32]
    information: Values
    genres: Any
    limit: int

    @classmethod
    def of(cls, catalogue: Catalogue, train: Sequence[Rows], limit: int) -> Self:
        """Build it from a catalogue and the playlists that methods may learn from."""
        information = self_information(train, len(catalogue))
        return cls(catalogue.first_artist, information, _genre_weights(catalogue), limit)

    def score(self, ranked: Rows, seeds: Rows, truth: Rows) -> Values:
        """Measure one list.

        Args:
            ranked: The list, best first, int64 (k,), k ≤ limit, distinct.
            seeds: The rows that the list was asked with.
            truth: The held-out rows, at least one, distinct.

        Returns:
            float64 (9,), in the order of `METRICS`; NaN for what cannot be known.
        """
        # Computed once: six of the metrics read it.
        hits = np.isin(ranked, truth)
        relevant = len(truth)
        return np.array(
            [
                r_precision(hits, relevant),
                r_precision_artists(ranked, truth, self.first_artist, hits),
                ndcg(hits, relevant, self.limit),
                clicks(hits, self.limit),
                recall(hits, relevant),
                reciprocal_rank(hits),
                float(self.information[ranked].mean()) if len(ranked) else np.nan,
                self._artist_diversity(ranked),
                # Seeds belong to the taste that a list should match.
                calibration(
                    self._genres_of(np.concatenate((seeds, truth))), self._genres_of(ranked)
                ),
            ]
        )

    def _artist_diversity(self, ranked: Rows) -> float:
        """Compute distinct artists over tracks, 0..1; each unknown artist counts as one."""
        if not len(ranked):
            return float("nan")
        artists = self.first_artist[ranked]
        unknown = artists < 0
        return float((len(np.unique(artists[~unknown])) + unknown.sum()) / len(ranked))

    def _genres_of(self, rows: Rows) -> Values:
        return np.asarray(self.genres[rows].sum(axis=0), dtype=np.float64).ravel()


def _genre_weights(catalogue: Catalogue) -> Any:
    groups = catalogue.track_genres
    sizes = groups.sizes()
    # Steck's p(genre | item): a track counts for each of its genres in equal parts.
    weights = np.repeat(1.0 / np.maximum(sizes, 1), sizes)
    shape = (len(catalogue), max(1, len(catalogue.genre_names)))
    return scipy.sparse.csr_matrix((weights, groups.members, groups.starts), shape=shape)
