"""Features learned from playlists: scores of similar playlists, co-occurrence and taste.

Counts and scores are given raw and in relation to how often a track or an artist is on playlists
at all, because a popular track is on many playlists that resemble any seeds. Coordinates of the
taste space are no features: they mean something else after every fit.
"""

from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Rows, Weights
from quintet_engine.channels.channel import Candidates
from quintet_engine.collaborative.affinity import (
    BY_ARTIST,
    BY_CONTEXT,
    BY_TRACK,
    RIDGE,
    VIEWS,
    Affinity,
)
from quintet_engine.collaborative.space import values_of_artists
from quintet_engine.context import Context

from tests.oracle.features.matrix import Builder, Column, Rising
from tests.oracle.features.ranks import places
from tests.oracle.features.tokens import mean_and_seeds
from tests.oracle.products import (
    co_occurrences,
    product_with,
    scores_of_names,
    scores_of_tracks,
    seed_playlists,
    token_scores,
)

# Kinds of token → the name of their features. By shared tracks alone they say nothing new.
_TOKEN_KINDS: Final = (("year", "year"), ("audio", "sound"), ("word", "words"))
_TOKEN_VIEWS: Final = (RIDGE, BY_ARTIST, BY_CONTEXT)


def _by_view(kind: str) -> tuple[str, ...]:
    return tuple(f"{kind}_by_{view}" for view in VIEWS)


_SCORES: Final = (
    *("playlist_count", "artist_entries", "artist_playlists", "artist_density"),
    *_by_view("track"),
    *_by_view("artist"),
    *_by_view("album"),
    *(f"{name}_by_{VIEWS[view]}" for _, name in _TOKEN_KINDS for view in _TOKEN_VIEWS),
    *("track_by_track_rarity", "track_by_ridge_rarity"),
    *("artist_by_ridge_rarity", "artist_by_artist_rarity"),
    *("track_by_ridge_place", "artist_by_ridge_place"),
)
_RISING_SCORES: Final = frozenset({"track_by_track", "artist_by_ridge", "artist_by_artist"})


def _scores(context: Context, candidates: Candidates) -> dict[str, Column]:
    """Score candidates, their artist, album, year, sound and words by the weighted playlists."""
    affinity, rows = context.trained_affinity, candidates.rows
    tokens, space = affinity.model.tokens, affinity.model.space
    artist, album = tokens.artist[rows], tokens.album[rows]
    count = space.counts[rows]
    entries = values_of_artists(space.artist_entries, artist)
    playlists = values_of_artists(space.artist_playlists, artist)
    by_track = scores_of_tracks(affinity, rows).T
    by_artist = scores_of_names(affinity, "artist", artist).T
    by_album = scores_of_names(affinity, "album", album).T
    columns: dict[str, Column] = {
        "playlist_count": count,
        "artist_entries": entries,
        "artist_playlists": playlists,
        "artist_density": entries / tokens.facts[rows][:, 0],  # entries per track of the artist
    }
    for kind, by_view in (("track", by_track), ("artist", by_artist), ("album", by_album)):
        columns.update(zip(_by_view(kind), by_view, strict=True))
    for kind, name in _TOKEN_KINDS:
        matrix = tokens.words_of(rows) if kind == "word" else tokens.tokens_of(kind, rows)
        scores = np.asarray(matrix @ token_scores(affinity, kind), np.float32)
        columns.update({f"{name}_by_{VIEWS[view]}": scores[:, view] for view in _TOKEN_VIEWS})
    # + 1: a track that no playlist holds has score 0, and 0 / 1 is 0.
    rarity, artist_rarity = np.sqrt(count + 1), np.sqrt(playlists + 1)
    return {
        **columns,
        "track_by_track_rarity": by_track[BY_TRACK] / rarity,
        "track_by_ridge_rarity": by_track[RIDGE] / rarity,
        "artist_by_ridge_rarity": by_artist[RIDGE] / artist_rarity,
        "artist_by_artist_rarity": by_artist[BY_ARTIST] / artist_rarity,
        "track_by_ridge_place": places(by_track[RIDGE]),
        "artist_by_ridge_place": places(by_artist[RIDGE]),
    }


class CoOccurrenceFeatures(TypedDict):
    """How often candidates, and their artists, are on playlists together with the seeds.

    The names say "company" for co-occurrence; published bundles are checked by them.
    """

    nearest_company: Rising
    company: Column
    nearest_artist_company: Rising
    artist_company: Rising
    artists_met: Column
    nearest_other_artist_company: Column
    artist_company_place: Column


def _co_occurrence(context: Context, candidates: Candidates) -> CoOccurrenceFeatures:
    affinity, rows = context.trained_affinity, candidates.rows
    shares, count = affinity.shares, len(affinity.seeds)
    together = np.ascontiguousarray(co_occurrences(affinity, rows).T)
    # Cosine of the two tracks' playlists; 0.5 keeps a track of one playlist from being its twin.
    seed_lengths = np.sqrt(seed_playlists(affinity).sum(axis=0) + np.float32(0.5))
    lengths = np.sqrt(affinity.model.space.counts[rows] + np.float32(0.5))
    seed_artists, artist_shares = _seed_artist_shares(affinity)
    artists = affinity.model.tokens.artist[rows]
    cosine, met = _artist_cosines(affinity, artists, seed_artists)
    weighted = artist_shares @ cosine
    others = np.where(artists == seed_artists[:, None], np.float32(0.0), cosine)
    return {
        "nearest_company": (together / seed_lengths[:, None]).max(axis=0) / lengths,
        "company": shares @ (together > 0) * count,  # seeds that share a playlist with it
        "nearest_artist_company": cosine.max(axis=0, initial=0.0),
        "artist_company": weighted,
        "artists_met": artist_shares @ met,
        "nearest_other_artist_company": others.max(axis=0, initial=0.0),
        "artist_company_place": places(weighted),
    }


def _seed_artist_shares(affinity: Affinity) -> tuple[Rows, Weights]:
    """Sum the seeds' shares by first artist: the known artists, ascending, and their shares."""
    artists = affinity.model.tokens.artist[affinity.seeds]
    different, numbers = np.unique(artists, return_inverse=True)
    weights = np.bincount(numbers, weights=affinity.shares, minlength=len(different))
    known = different < affinity.model.tokens.unknown_artist
    return different[known].astype(np.int64), weights[known].astype(np.float32)


def _artist_cosines(
    affinity: Affinity, artists: NDArray[np.integer], seed_artists: Rows
) -> tuple[Weights, Weights]:
    """Compute the cosine over playlists of artists (k,) to seed artists (s,), and whether they met.

    Both are float32 (s, k).
    """
    space = affinity.model.space
    rows = space.rows["artist"]
    known = artists < rows.shape[0]
    # An unknown artist has no row: row 0 is read instead and multiplied by False.
    numbers = np.where(known, artists, 0).astype(np.int64)
    seed_lengths = np.sqrt(space.artist_squares[seed_artists]) + np.float32(1e-9)
    squares = space.artist_squares[numbers]
    shared = np.ascontiguousarray(product_with(rows, numbers, seed_artists).T) * known
    # 0.02: an artist of one long playlist is not taken for the twin of everyone on it.
    cosine = shared / seed_lengths[:, None] / np.sqrt(squares + np.float32(0.02))
    return np.asarray(cosine, np.float32), (shared > 0).astype(np.float32)


class TasteFeatures(TypedDict):
    """Cosines in the taste space, of the places learned and of those predicted from audio."""

    taste_cosine: Rising
    nearest_taste: Rising
    farthest_taste: Rising
    audible_taste: Column
    audible_taste_mean: Column
    nearest_audible_taste: Column
    taste_place: Column


def _taste(context: Context, candidates: Candidates) -> TasteFeatures:
    affinity, rows = context.trained_affinity, candidates.rows
    taste, seeds, shaped = affinity.model.taste, affinity.seeds, affinity.model.tokens.shaped
    year, direction = context.catalogue.year, affinity.taste_direction
    cosine, *by_seed = mean_and_seeds(direction, taste.of(seeds)) @ taste.of(rows).T
    predicted_seeds = taste.audible(shaped[seeds], year[seeds])
    by_audio, *by_audio_of_seed = taste.audible_cosines(
        shaped[rows], year[rows], mean_and_seeds(direction, predicted_seeds)
    )
    return {
        "taste_cosine": cosine,
        "nearest_taste": np.max(by_seed, axis=0),
        "farthest_taste": np.min(by_seed, axis=0),
        "audible_taste": by_audio,  # predicted place to the seeds' learned mean
        "audible_taste_mean": affinity.shares @ np.array(by_audio_of_seed),
        "nearest_audible_taste": np.max(by_audio_of_seed, axis=0),
        "taste_place": places(cosine),
    }


SCORES: Final = Builder(_SCORES, _scores, tuple(int(name in _RISING_SCORES) for name in _SCORES))
CO_OCCURRENCE: Final = Builder.of(CoOccurrenceFeatures, _co_occurrence)
TASTE: Final = Builder.of(TasteFeatures, _taste)
