"""Features of (candidate, listener): how near a track is to what the listener likes.

They are columns of a model that learned from listeners, and what the rule of `pull` reads. NaN
stands for what cannot be said: no liked track, a track that nobody analysed, a model without a
taste space.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quintet_engine.catalogue import Catalogue, Rows, Weights
from quintet_engine.listening.view import NEAREST, ListenerView, Side

NAMES: Final = (
    # Cosines, -1..1: to the mean of the liked tracks, to the nearest of them, and to the mean of
    # the unwanted ones; in the taste space and in sound.
    "liked_taste",
    "nearest_liked_taste",
    "unwanted_taste",
    "liked_sound",
    "nearest_liked_sound",
    "unwanted_sound",
    # Of the candidate's artists, the greatest: liking and skip rate, 0..1, and how recently the
    # artist was heard, 1 for now. Of its genres, the greatest liking, -1..1.
    "artist_liking",
    "artist_skip_rate",
    "artist_recency",
    "genre_liking",
)


class PairFeatures(NamedTuple):
    """The features of candidates and one listener, float32 (c,) each; named as in `NAMES`."""

    liked_taste: Weights
    nearest_liked_taste: Weights
    unwanted_taste: Weights
    liked_sound: Weights
    nearest_liked_sound: Weights
    unwanted_sound: Weights
    artist_liking: Weights
    artist_skip_rate: Weights
    artist_recency: Weights
    genre_liking: Weights


def pair_features(view: ListenerView, catalogue: Catalogue, rows: Rows) -> PairFeatures:
    """Compute the features of some rows for one listener; a few milliseconds for 2,000 rows."""
    unit = catalogue.unit[rows]
    # A row that was not analysed has no direction.
    heard = np.asarray(unit.any(axis=1), np.bool_)
    taste = None if view.model is None else view.model.taste.of(rows)
    everywhere = np.ones(len(rows), np.bool_)
    artists, genres = catalogue.track_artists, catalogue.track_genres
    return PairFeatures(
        _to_mean(taste, view.liked.taste, everywhere),
        _to_nearest(taste, _places(view, view.liked), everywhere),
        _to_mean(taste, view.unwanted.taste, everywhere),
        _to_mean(unit, view.liked.sound, heard),
        _to_nearest(unit, catalogue.unit[view.liked.rows[:NEAREST]], heard),
        _to_mean(unit, view.unwanted.sound, heard),
        artists.greatest(rows, view.artist_liking),
        artists.greatest(rows, view.artist_skip_rate),
        artists.greatest(rows, view.artist_recency),
        genres.greatest(rows, view.genre_liking),
    )


def _places(view: ListenerView, side: Side) -> NDArray[np.float32] | None:
    return None if view.model is None else view.model.taste.of(side.rows[:NEAREST])


def _to_mean(
    vectors: NDArray[np.float32] | None,
    mean: NDArray[np.float32] | None,
    known: NDArray[np.bool_],
) -> Weights:
    if vectors is None or mean is None or not mean.any():
        return np.full(len(known), np.nan, np.float32)
    return np.where(known, vectors @ mean, np.float32(np.nan)).astype(np.float32)


def _to_nearest(
    vectors: NDArray[np.float32] | None,
    liked: NDArray[np.float32] | None,
    known: NDArray[np.bool_],
) -> Weights:
    if vectors is None or liked is None or not liked.any():
        return np.full(len(known), np.nan, np.float32)
    nearest = (vectors @ liked.T).max(axis=1)
    return np.where(known, nearest, np.float32(np.nan)).astype(np.float32)
