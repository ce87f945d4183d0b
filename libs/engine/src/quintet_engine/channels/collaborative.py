"""Channels of a model that learned from playlists, beside those of `channels.content`.

Their quotas are absolute: training retrieves exactly what serving does, whatever the limit, since
features hold places among the candidates.
"""

from typing import Final

import numpy as np

from quintet_engine.catalogue import Rows
from quintet_engine.channels.channel import EMPTY, Channel
from quintet_engine.channels.content import CHANNELS
from quintet_engine.collaborative.affinity import BY_TRACK, RIDGE, Scored
from quintet_engine.context import Context
from quintet_engine.vectors import Hits, leading


def _best(context: Context, scored: Scored, most: int, above: float = -np.inf) -> Hits:
    """Keep the best allowed rows whose score lies above a bound."""
    rows, scores = scored
    # At worst every barred row is among the best: beyond most + barred no row can be needed.
    enough = most + context.barred
    if len(rows) > enough:
        near = leading(scores, enough)
        rows, scores = rows[near], scores[near]
    kept = context.allowed[rows] & (scores > above)
    return Hits.ranked(rows[kept], scores[kept], most)


def _taste(context: Context, most: int) -> Hits:
    affinity = context.trained_affinity
    direction = affinity.taste_direction[None, :]
    return affinity.model.index.search(direction, most, context.allowed)[0]


def _playlists(context: Context, most: int) -> Hits:
    affinity = context.trained_affinity
    scored = Scored(affinity.model.space.listed_tracks, affinity.listed_scores(RIDGE))
    return _best(context, scored, most, above=0.0)


def _together(context: Context, most: int) -> Hits:
    """Find tracks on playlists with the seeds, the nearer in sound first among equals."""
    affinity = context.trained_affinity
    scores = affinity.listed_scores(BY_TRACK)
    co_occurring = scores > 0
    rows = affinity.model.space.listed_tracks[co_occurring]
    # Small enough to decide only among scores that are practically equal.
    ordered = scores[co_occurring] + np.float32(1e-3) * affinity.sound_cosines(rows)
    return _best(context, Scored(rows, ordered), most)


def _related(context: Context, most: int) -> Hits:
    scored = context.trained_affinity.tracks_by_related_artists(most, context.allowed)
    return _best(context, scored, most)


def _content(context: Context, most: int) -> Hits:
    return _best(context, context.trained_affinity.content_scores(), most)


def _sound(context: Context, most: int) -> Hits:
    affinity = context.trained_affinity
    return affinity.model.sounds.search(affinity.sound[None, :], most, context.allowed)[0]


def _artist(context: Context, most: int) -> Hits:
    """Find the most popular tracks of each seed artist, up to `most` of each."""
    affinity, catalogue = context.trained_affinity, context.catalogue
    groups = [catalogue.artist_tracks.of(int(artist)) for artist in affinity.seed_artists]
    return _popular(context, groups, most)


def _album(context: Context, most: int) -> Hits:
    """Find the most popular tracks of each album title of the seeds, up to `most` of each."""
    affinity = context.trained_affinity
    tokens = affinity.model.tokens
    albums = np.unique(tokens.album[affinity.seeds])
    known = albums[albums < tokens.unknown_album]
    groups = [tokens.album_tracks.of(int(album)) for album in known]
    return _popular(context, groups, most)


def _popular(context: Context, groups: list[Rows], most: int) -> Hits:
    """Take the most popular allowed rows of each group, and rank all of them by popularity."""
    popularity = context.catalogue.popularity
    kept = []
    for group in groups:
        rows = group[context.allowed[group]]
        kept.append(rows[np.lexsort((rows, -popularity[rows]))[:most]])
    if not kept:
        return EMPTY
    rows = np.unique(np.concatenate(kept)).astype(np.int64)
    return Hits.ranked(rows, popularity[rows].astype(np.float32), len(rows))


_SHARED: Final = {channel.name: channel for channel in CHANNELS}
BUDGET: Final = 1_000
"""Rows that a quota of 1 stands for."""
# What a smaller budget costs in quality is measured by `make bench-budget`.
TRAINED_CHANNELS: Final[tuple[Channel, ...]] = (
    Channel("audio", 0.15, _SHARED["audio"].find),
    Channel("sound", 0.15, _sound),
    Channel("taste", 1.0, _taste),
    Channel("playlists", 0.3, _playlists),
    Channel("together", 0.15, _together),
    Channel("related", 0.7, _related),
    Channel("artist", 0.3, _artist),
    Channel("album", 0.15, _album),
    Channel("content", 0.2, _content),
    Channel("genre", 0.15, _SHARED["genre"].find),
    Channel("target", 0.3, _SHARED["target"].find),
)
