"""Channels that need no playlists: audio, artist, album, genre and targets."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.catalogue import Rows
from quintet_engine.channels.channel import Channel, target_distance
from quintet_engine.context import Context
from quintet_engine.vectors import EMPTY, Hits

# A profile's fifth genre and those after it rarely have a weight that is worth a share.
_MOST_GENRES: Final = 4


def _audio(context: Context, most: int) -> Hits:
    return context.nearest(most)


def _seeds(context: Context, most: int) -> Hits:
    """Find the neighbours of each seed, an equal part of the quota each, in turns."""
    # Negated twice to round up, so that the parts together reach the quota.
    part = -(-most // len(context.seeds))
    vectors = context.seed_vectors[context.seed_vectors.any(axis=1)]  # a zero vector has no side
    if not len(vectors):
        return EMPTY
    return _in_turns(context.index.search(vectors, part, context.comparable), most)


def _artist(context: Context, most: int) -> Hits:
    artists = np.flatnonzero(context.artist_weight)
    return _nearest_among(context, context.catalogue.artist_tracks.of_all(artists), most)


def _album(context: Context, most: int) -> Hits:
    albums = np.flatnonzero(context.album_weight)
    return _nearest_among(context, context.catalogue.album_tracks.of_all(albums), most)


def _genre(context: Context, most: int) -> Hits:
    """Find popular tracks of the profile's genres, each genre with its share of the quota."""
    numbers, weights = context.genres
    order = np.argsort(-weights, kind="stable")[:_MOST_GENRES]
    order = order[weights[order] > 0]
    total, each = weights[order].sum(), []
    for place in order.tolist():
        rows = context.catalogue.genre_tracks.of(int(numbers[place]))
        part = int(np.ceil(most * weights[place] / total))
        rows = rows[context.allowed.has(rows)][:part]
        # `genre_tracks` has the most popular first; only the order of these scores matters.
        each.append(Hits(rows, np.arange(len(rows), 0, -1, dtype=np.float32)))
    return _in_turns(each, most)


def _target(context: Context, most: int) -> Hits:
    """Find tracks near the targets, cosine deciding among equals; nothing without targets."""
    if not context.query.targets:
        return EMPTY
    rows = context.allowed.rows
    cosine = context.catalogue.unit[rows] @ context.vector
    return Hits.ranked(rows, cosine - target_distance(context, rows), most)


CHANNELS: Final[tuple[Channel, ...]] = (
    # Audio has the full budget: it alone can reach every allowed track.
    Channel("audio", 1.0, _audio),
    Channel("seeds", 0.5, _seeds),
    Channel("artist", 0.25, _artist),
    Channel("album", 0.1, _album),
    Channel("genre", 0.5, _genre),
    Channel("target", 1.0, _target),
)
"""The channels of the bootstrap model, with their quotas."""


def _nearest_among(context: Context, rows: Rows, most: int) -> Hits:
    rows = rows[context.allowed.has(rows)]
    return Hits.ranked(rows, context.catalogue.unit[rows] @ context.vector, most)


def _in_turns(each: Sequence[Hits], most: int) -> Hits:
    """Merge lists place by place, keeping each row's first appearance."""
    if not each:
        return EMPTY
    rows = np.concatenate([hits.rows for hits in each])
    scores: NDArray[np.float32] = np.concatenate([hits.scores for hits in each])
    places = np.concatenate([np.arange(len(hits.rows)) for hits in each])
    order = np.lexsort((rows, places))
    _, first = np.unique(rows[order], return_index=True)
    order = order[np.sort(first)][:most]
    return Hits(rows[order], scores[order])
