"""Retrieval channels: each finds candidates in its own way, up to its quota.

A channel is a name, a quota (its share of the candidate budget) and a function from a prepared
query to hits. One whose data the catalogue lacks finds nothing and costs nothing. These are the
channels that need no playlists; `collaborative.channels` holds the others, and a recipe says which
of them a model uses. Features and reasons know channels by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.catalogue import Mask, Rows, Weights
from quintet_engine.context import Context
from quintet_engine.vectors import Hits

EMPTY: Final = Hits(np.empty(0, np.int64), np.empty(0, np.float32))
"""What a channel finds that has nothing to find by."""
# The genres of a profile beyond these hold too little of it to be worth a share of the quota.
_MOST_GENRES: Final = 4


@dataclass(frozen=True)
class Channel:
    """One way to find candidates.

    Attributes:
        name: Reported with each track.
        quota: Share of the candidate budget, above 0.
        find: Returns up to so many allowed rows, best first.
    """

    name: str
    quota: float
    find: Callable[[Context, int], Hits]


@dataclass(frozen=True)
class Candidates:
    """The union of what the channels found, rows ascending.

    Attributes:
        rows: int64 (c,), distinct, ascending.
        found: bool (c, channels), which channel found which row.
        closeness: float32 (c, channels), 1 / (1 + place in the channel), 0 where not found.
        names: The channels' names.
    """

    rows: Rows
    found: Mask
    closeness: Weights
    names: tuple[str, ...]

    def channels_of(self, place: int) -> tuple[str, ...]:
        """Returns the names of the channels that found the row at a place."""
        return tuple(n for n, hit in zip(self.names, self.found[place], strict=True) if hit)


def _audio(context: Context, most: int) -> Hits:
    return context.nearest(most)


def _seeds(context: Context, most: int) -> Hits:
    """Finds the neighbours of each seed, an equal part of the quota each, in turns."""
    part = -(-most // len(context.seeds))
    each = context.index.search(context.seed_vectors, part, context.allowed)
    return _in_turns(each, most)


def _artist(context: Context, most: int) -> Hits:
    artists = np.flatnonzero(context.artist_weight)
    return _nearest_of(context, context.catalogue.artist_tracks.of_all(artists), most)


def _album(context: Context, most: int) -> Hits:
    albums = np.flatnonzero(context.album_weight)
    return _nearest_of(context, context.catalogue.album_tracks.of_all(albums), most)


def _genre(context: Context, most: int) -> Hits:
    """Finds what is popular in the profile's genres, each with its share of the quota."""
    weight = context.genre_weight
    genres = np.lexsort((np.arange(len(weight)), -weight))[:_MOST_GENRES]
    genres = genres[weight[genres] > 0]
    each = []
    for genre in genres:
        rows = context.catalogue.genre_tracks.of(int(genre))
        part = int(np.ceil(most * weight[genre] / weight[genres].sum()))
        rows = rows[context.allowed[rows]][:part]
        each.append(Hits(rows, np.arange(len(rows), 0, -1, dtype=np.float32)))
    return _in_turns(each, most)


def _target(context: Context, most: int) -> Hits:
    """Finds what lies near the targets, cosine deciding among equals; skipped without targets."""
    if not context.query.targets:
        return EMPTY
    rows = np.flatnonzero(context.allowed)
    cosine = context.catalogue.unit[rows] @ context.vector
    return Hits.ranked(rows, cosine - target_distance(context, rows), most)


CHANNELS: Final[tuple[Channel, ...]] = (
    Channel("audio", 1.0, _audio),
    Channel("seeds", 0.5, _seeds),
    Channel("artist", 0.25, _artist),
    Channel("album", 0.1, _album),
    Channel("genre", 0.5, _genre),
    Channel("target", 1.0, _target),
)
"""Audio comes first with the full budget: alone it can reach every allowed track."""


def target_distance(context: Context, rows: Rows) -> Weights:
    """Returns the mean distance of rows to all targets, in standard deviations, float32 (k,)."""
    targets = context.query.targets
    gaps = [context.catalogue.distances(name, value, rows) for name, value in targets.items()]
    return np.asarray(np.mean(gaps, axis=0), dtype=np.float32)


def gather(context: Context, channels: Sequence[Channel], quotas: Sequence[int]) -> Candidates:
    """Runs the channels, each up to its quota of rows, and unites what they find."""
    hits = [channel.find(context, most) for channel, most in zip(channels, quotas, strict=True)]
    # As `np.unique`, which builds a table first: a tenth of the time for some thousand rows.
    found = np.sort(np.concatenate([hit.rows for hit in hits]))
    rows = found[np.diff(found, prepend=-1) > 0]
    closeness = np.zeros((len(rows), len(channels)), dtype=np.float32)
    for column, hit in enumerate(hits):
        places = np.searchsorted(rows, hit.rows)
        closeness[places, column] = 1.0 / (1.0 + np.arange(len(places), dtype=np.float32))
    return Candidates(rows, closeness > 0, closeness, tuple(c.name for c in channels))


def _nearest_of(context: Context, rows: Rows, most: int) -> Hits:
    rows = rows[context.allowed[rows]]
    return Hits.ranked(rows, context.catalogue.unit[rows] @ context.vector, most)


def _in_turns(each: Sequence[Hits], most: int) -> Hits:
    """Merges lists place by place, keeping each row's first appearance."""
    if not each:
        return EMPTY
    rows = np.concatenate([hits.rows for hits in each])
    scores: NDArray[np.float32] = np.concatenate([hits.scores for hits in each])
    places = np.concatenate([np.arange(len(hits.rows)) for hits in each])
    order = np.lexsort((rows, places))
    _, first = np.unique(rows[order], return_index=True)
    order = order[np.sort(first)][:most]
    return Hits(rows[order], scores[order])
