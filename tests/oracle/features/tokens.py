"""Features from `Tokens`: sound, names, age and popularity, compared with the seeds'.

They need the trained model's token tables but no playlist, so they say as much about a track that
no playlist holds as about a well-known one.
"""

import math
from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray
from quintet_engine.channels.channel import Candidates
from quintet_engine.collaborative.tokens import FACTS, SHAPED
from quintet_engine.context import Context
from quintet_modelkit.features import COLUMN, Encoded, normalise_rows

from tests.oracle.features.matrix import Builder, Column, Falling, Rising
from tests.oracle.features.ranks import places, places_within
from tests.oracle.products import product_with


class SoundFeatures(TypedDict):
    """Closeness in sound, whitened so that what varies within one artist counts little."""

    sound_cosine: Column
    nearest_sound: Rising
    sound_distance: Column
    artist_sound: Column
    nearest_artist_sound: Column
    sound_place: Column
    sound_place_in_artist: Column


def _sound(context: Context, candidates: Candidates) -> SoundFeatures:
    affinity, rows = context.trained_affinity, candidates.rows
    tokens, seeds, shares = affinity.model.tokens, affinity.seeds, affinity.shares
    artist = tokens.artist[rows]
    gaps = tokens.sound[rows] - shares @ tokens.sound[seeds]
    units = tokens.sound_units
    cosine, *by_seed = mean_and_seeds(affinity.sound, units[seeds]) @ units[rows].T
    profile = normalise_rows((shares @ tokens.shaped[seeds])[None, :])[0]
    seed_artists = tokens.artist_sound[np.unique(tokens.artist[seeds])]
    directions = mean_and_seeds(profile, seed_artists)
    by_profile, *by_seed_artist = directions @ tokens.artist_sound[artist].T
    # Tracks that were not analysed have no sound: what compares it is missing.
    silent = ~(units[rows].any(axis=1) & affinity.sound.any())
    return {
        "sound_cosine": np.where(silent, np.nan, cosine),
        "nearest_sound": np.where(silent, np.nan, np.max(by_seed, axis=0)),
        # Squared, to the seeds' mean.
        "sound_distance": np.where(silent, np.nan, np.einsum("ij,ij->i", gaps, gaps)),
        "artist_sound": by_profile,  # the candidate's artist as a whole, to the seeds' mean
        "nearest_artist_sound": np.max(by_seed_artist, axis=0),
        "sound_place": np.where(silent, np.nan, places(cosine)),
        "sound_place_in_artist": np.where(silent, np.nan, places_within(artist, cosine)),
    }


def mean_and_seeds(mean: Encoded, seeds: Encoded) -> Encoded:
    """Stack the mean on the seeds, (1 + s, d): one matrix product then has the cosines to all."""
    return np.concatenate((mean[None, :], seeds))


_OFFSETS: Final = tuple(f"{name}_offset" for name in SHAPED)


def _offsets(context: Context, candidates: Candidates) -> dict[str, Column]:
    """Compute signed gaps to the seeds' mean, in units of the seeds' spread.

    The spread is shrunk towards one standard deviation of the catalogue by as much as two more
    seeds would weigh, since a handful of seeds estimates it badly.
    """
    affinity = context.trained_affinity
    shaped, shares = affinity.model.tokens.shaped, affinity.shares
    seeds = shaped[affinity.seeds]
    mean = shares @ seeds
    count = len(seeds)
    variance = shares @ (seeds - mean) ** 2
    spread = np.sqrt(variance * count / (count + 2) + 2 / (count + 2))
    gaps = (shaped[candidates.rows] - mean) / spread
    if context.catalogue.missing.any():
        lacking = [context.catalogue.lacks(name, candidates.rows) for name in SHAPED]
        gaps[:, : len(SHAPED)][np.stack(lacking, axis=1)] = np.nan
    # The key's two coordinates come last and are left out: a sign means nothing on a circle.
    return dict(zip(_OFFSETS, gaps[:, : len(SHAPED)].T, strict=True))


class SharedNameFeatures(TypedDict):
    """Artists, albums and words that candidates share with the seeds, by name.

    Artists and albums are counted in seed rows: 5 where all of five track seeds share the name.
    """

    same_artist: Rising
    any_artist: Rising
    same_album_title: Column
    same_album: Rising
    nearest_words: Rising
    words: Rising


def _shared_names(context: Context, candidates: Candidates) -> SharedNameFeatures:
    affinity, rows = context.trained_affinity, candidates.rows
    tokens, seeds, shares = affinity.model.tokens, affinity.seeds, affinity.shares
    count = len(seeds)
    artist, album = tokens.artist[rows], tokens.album[rows]
    # Two unknown names are not the same name.
    same_artist = (tokens.artist[seeds][:, None] == artist) & (artist < tokens.unknown_artist)
    same_album = (tokens.album[seeds][:, None] == album) & (album < tokens.unknown_album)
    # Only these rows' tokens are made: first the candidates', then the seeds'.
    both, places = np.concatenate((rows, seeds)), np.arange(len(rows) + len(seeds))
    first, second = places[: len(rows)], places[len(rows) :]
    any_artist = product_with(tokens.tokens_of("artist", both), first, second)
    words = np.ascontiguousarray(product_with(tokens.words_of(both), first, second).T)
    return {
        "same_artist": shares @ same_artist * count,  # the first artist
        "any_artist": any_artist @ shares * count,  # guests as well
        "same_album_title": shares @ same_album * count,  # "Greatest Hits" of anybody
        "same_album": shares @ (same_album & same_artist) * count,
        "nearest_words": words.max(axis=0),  # tf-idf cosine of titles and album titles
        "words": shares @ words,
    }


class AgeAndPopularityFeatures(TypedDict):
    """Year and popularity against the seeds', and `FACTS` of the candidate's artist and album."""

    year: Column
    year_offset: Column
    nearest_year_gap: Falling
    popularity_offset: Column
    nearest_popularity_gap: Falling
    popularity_place: Column
    artist_tracks: Column
    artist_popularity_rank: Column
    artist_popularity: Column
    album_tracks: Column
    album_artists: Column


def _age_and_popularity(context: Context, candidates: Candidates) -> AgeAndPopularityFeatures:
    affinity, rows, catalogue = context.trained_affinity, candidates.rows, context.catalogue
    year, seed_year = catalogue.year[rows], catalogue.year[affinity.seeds]
    known = seed_year[np.isfinite(seed_year)]
    mean_year = float(known.mean()) if len(known) else float("nan")
    # Without a known seed year the gap is NaN for all: LightGBM treats it as missing.
    years = known if len(known) else np.array([np.nan], np.float32)
    popularity = catalogue.columns[rows, COLUMN["popularity"]]
    typical, seed_popularity = _known_popularity(context)
    facts = affinity.model.tokens.facts[rows].T
    return {
        "year": year,
        "year_offset": year - mean_year,
        "nearest_year_gap": np.abs(year - years[:, None]).min(axis=0),
        "popularity_offset": popularity - typical,
        "nearest_popularity_gap": np.abs(popularity - seed_popularity[:, None]).min(axis=0),
        "popularity_place": np.where(
            np.isnan(popularity), np.nan, places(catalogue.popularity[rows])
        ),
        "artist_tracks": facts[_FACT["artist_tracks"]],
        "artist_popularity_rank": facts[_FACT["artist_popularity_rank"]],
        "artist_popularity": facts[_FACT["artist_popularity"]],
        "album_tracks": facts[_FACT["album_tracks"]],
        "album_artists": facts[_FACT["album_artists"]],
    }


def _known_popularity(context: Context) -> tuple[float, NDArray[np.float64]]:
    """Take the seeds' weighted mean popularity, and the known ones; a single NaN without any."""
    affinity, column = context.trained_affinity, COLUMN["popularity"]
    popularity = context.catalogue.columns[affinity.seeds, column]
    known = ~np.isnan(popularity)
    if known.all():
        return float(affinity.shares @ popularity), popularity
    if not known.any():
        return math.nan, np.array([np.nan])
    shares = affinity.shares[known]
    return float(shares @ popularity[known] / shares.sum()), popularity[known]


_FACT: Final = {name: place for place, name in enumerate(FACTS)}

SOUND: Final = Builder.of(SoundFeatures, _sound)
OFFSETS: Final = Builder.unconstrained(_OFFSETS, _offsets)
SHARED_NAMES: Final = Builder.of(SharedNameFeatures, _shared_names)
AGE_AND_POPULARITY: Final = Builder.of(AgeAndPopularityFeatures, _age_and_popularity)
