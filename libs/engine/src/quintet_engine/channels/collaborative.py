"""Channels of a model that learned from playlists, beside those of `channels.content`.

Their quotas are absolute: training retrieves exactly what serving does, whatever the limit, since
features hold places among the candidates.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.channels.channel import Channel
from quintet_engine.channels.content import CHANNELS
from quintet_engine.context import Context
from quintet_engine.kernel.layout import Lists, fixed
from quintet_engine.vectors import EMPTY, Hits


def _taste(context: Context, most: int) -> Hits:
    affinity = context.trained_affinity
    direction = affinity.taste_direction[None, :]
    return affinity.model.index.search(direction, most, context.allowed)[0]


def _playlists(context: Context, most: int) -> Hits:
    """Find the tracks that ridge favours most among those on playlists."""
    from quintet_engine.kernel.selecting import best_rows

    affinity = context.trained_affinity
    rows, scores = affinity.model.on_playlists.rows, affinity.listed_scores[0]
    return Hits(*best_rows(rows, scores, context.allowed.bits, most, 0.0))


def _together(context: Context, most: int) -> Hits:
    """Find tracks on playlists with the seeds, the nearer in sound first among equals."""
    from quintet_engine.kernel.playlists import together

    affinity = context.trained_affinity
    found = together(
        *(affinity.model.arrays, affinity.model.on_playlists, affinity.listed_scores[1]),
        *(affinity.sound, context.allowed.bits, most),
    )
    return Hits(*found)


def _related(context: Context, most: int) -> Hits:
    """Find tracks by artists that ridge favours: artist score · popularity · sound."""
    from quintet_engine.kernel.playlists import related

    affinity = context.trained_affinity
    model, sound = affinity.model, affinity.sound
    lists = (model.on_playlists, model.artist_tracks)
    found = related(model.arrays, *lists, affinity.weights, sound, context.allowed.bits, most)
    return Hits(*found)


def _content(context: Context, most: int) -> Hits:
    """Find the tracks of the content pool whose year, sound and words fit the context best."""
    from quintet_engine.kernel.playlists import content
    from quintet_engine.kernel.selecting import best_rows

    affinity = context.trained_affinity
    pool, query = affinity.model.pool, affinity.arrays
    scores = content(pool, query.year_scores, query.cluster_scores, query.word_scores)
    scored = fixed(scores, np.float32)
    return Hits(*best_rows(pool.rows, scored, context.allowed.bits, most, -np.inf))


def _sound(context: Context, most: int) -> Hits:
    affinity = context.trained_affinity
    if not affinity.sound.any():
        return EMPTY
    return affinity.model.sounds.search(affinity.sound[None, :], most, context.comparable)[0]


def _artist(context: Context, most: int) -> Hits:
    """Find the most popular tracks of each seed artist, up to `most` of each."""
    artists = context.trained_affinity.seed_artists
    return _popular(context, context.catalogue.artist_tracks.arrays, artists, most)


def _album(context: Context, most: int) -> Hits:
    """Find the most popular tracks of each album title of the seeds, up to `most` of each."""
    affinity = context.trained_affinity
    lists = affinity.model.tokens.album_tracks.arrays
    return _popular(context, lists, affinity.seed_albums, most)


def _popular(context: Context, lists: Lists, groups: NDArray[np.integer], most: int) -> Hits:
    """Take the most popular allowed rows of each group, and rank all of them by popularity."""
    from quintet_engine.kernel.selecting import popular

    popularity, allowed = context.catalogue.popularity_to_rank, context.allowed.bits
    return Hits(*popular(lists, fixed(groups, np.int64), popularity, allowed, most))


_SHARED: Final = {channel.name: channel for channel in CHANNELS}
BUDGET: Final = 1_000
"""Rows that a quota of 1 stands for."""
MOST_NEIGHBOURS: Final = 1_800
"""Rows that the channel `taste` finds at most. It finds a third of the hidden tracks that no other
channel does, so it has most of the candidates: `make bench-budget`."""
# What a smaller budget costs in quality is measured by `make bench-budget`.
TRAINED_CHANNELS: Final[tuple[Channel, ...]] = (
    Channel("audio", 0.15, _SHARED["audio"].find),
    Channel("sound", 0.05, _sound),
    Channel("taste", MOST_NEIGHBOURS / BUDGET, _taste),
    Channel("playlists", 0.3, _playlists),
    Channel("together", 0.15, _together),
    Channel("related", 0.4, _related),
    Channel("artist", 0.3, _artist),
    Channel("album", 0.15, _album),
    Channel("content", 0.1, _content),
    Channel("genre", 0.15, _SHARED["genre"].find),
    Channel("target", 0.3, _SHARED["target"].find),
)
