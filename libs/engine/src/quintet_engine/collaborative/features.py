"""Features of the pair (candidate, seeds) that a trained model has beside the audible ones.

Counts and scores of playlists are given raw and in relation to how often a track or an artist is
found at all; places among the candidates are shares of their number. Coordinates of the taste space
are no features: they mean something else after every fit.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import normalise_rows

from quintet_engine.catalogue import Rows, Weights
from quintet_engine.channels import Candidates
from quintet_engine.collaborative.affinity import (
    BY_ARTIST,
    BY_CONTEXT,
    BY_TRACK,
    RIDGE,
    VIEWS,
    Affinity,
)
from quintet_engine.collaborative.products import product_of, product_with
from quintet_engine.collaborative.space import TRACK
from quintet_engine.collaborative.tokens import FACTS, SHAPED
from quintet_engine.context import Context
from quintet_engine.pair_features import BUILDERS, Builder, Matrix


def _columns(*columns: NDArray[np.floating]) -> Matrix:
    return np.array(columns, dtype=np.float32).T


def places(values: NDArray[np.floating]) -> Weights:
    """Returns each value's place from the top as a share of their number, 0..1, float32 (k,)."""
    result = np.empty(len(values), np.float32)
    result[_descending(values)] = np.arange(len(values), dtype=np.float32) / max(len(values), 1)
    return result


def _descending(values: NDArray[np.floating]) -> Rows:
    """Returns the places of values, the greatest first, equal ones in the order given, int64 (k,).

    As a stable argsort, several times as fast: value and place make one whole number, and whole
    numbers are sorted by vector instructions.
    """
    bits = (np.float32(0.0) - values.astype(np.float32)).view(np.int32).astype(np.int64)
    # Of negative numbers the greater bits are the smaller number.
    ordered = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    keys = np.sort((ordered << 32) | np.arange(len(values)))
    return np.asarray(keys & 0xFFFFFFFF)


def _sound(context: Context, candidates: Candidates) -> Matrix:
    affinity, rows = context.learned_affinity, candidates.rows
    tokens, seeds, shares = affinity.learned.tokens, affinity.seeds, affinity.shares
    gaps = tokens.sound[rows] - shares @ tokens.sound[seeds]
    units = tokens.sound_units[rows]
    cosine = units @ affinity.sound
    profile = normalise_rows((shares @ tokens.shaped[seeds])[None, :])[0]
    artist_sound = tokens.artist_sound[tokens.artist[rows]]
    seed_sounds = tokens.artist_sound[np.unique(tokens.artist[seeds])]
    return _columns(
        cosine,
        (tokens.sound_units[seeds] @ units.T).max(axis=0),
        np.einsum("ij,ij->i", gaps, gaps),
        artist_sound @ profile,
        (seed_sounds @ artist_sound.T).max(axis=0),
        places(cosine),
        _within(tokens.artist[rows], cosine),
    )


def _within(group: NDArray[np.integer], values: Weights) -> Weights:
    """Returns each value's place from the top within its group, 0 for the best, float32 (k,)."""
    by_value = _descending(values)
    keys = np.sort((group[by_value].astype(np.int64) << 32) | np.arange(len(values)))
    order = by_value[keys & 0xFFFFFFFF]
    sorted_groups = group[order]
    first = np.concatenate(([True], sorted_groups[1:] != sorted_groups[:-1]))[: len(order)]
    numbers = np.arange(len(order))
    result = np.empty(len(order), np.float32)
    result[order] = numbers - np.maximum.accumulate(np.where(first, numbers, 0))
    return result


def _offsets(context: Context, candidates: Candidates) -> Matrix:
    """Returns signed gaps to the seeds' mean, in units of their spread drawn to one."""
    affinity = context.learned_affinity
    shaped, shares = affinity.learned.tokens.shaped, affinity.shares
    seeds = shaped[affinity.seeds]
    mean = shares @ seeds
    count = len(seeds)
    variance = shares @ (seeds - mean) ** 2
    spread = np.sqrt(variance * count / (count + 2) + 2 / (count + 2))
    width = len(SHAPED)
    gaps = (shaped[candidates.rows] - mean) / spread
    return np.asarray(gaps[:, :width], np.float32)


def _kinship(context: Context, candidates: Candidates) -> Matrix:
    """Returns what candidates share with the seeds by name: artist, album, words."""
    affinity, rows = context.learned_affinity, candidates.rows
    tokens, seeds, shares = affinity.learned.tokens, affinity.seeds, affinity.shares
    count = len(seeds)
    artist, album = tokens.artist[rows], tokens.album[rows]
    known = (artist < tokens.unknown_artist)[:, None]
    same_artist = (artist[:, None] == tokens.artist[seeds][None, :]) & known
    titled = (album < tokens.unknown_album)[:, None]
    same_album = (album[:, None] == tokens.album[seeds][None, :]) & titled
    guests = tokens.kinds["artist"]
    any_artist = product_with(guests, rows, seeds)
    words = product_with(tokens.words, rows, seeds)
    return _columns(
        same_artist @ shares * count,
        any_artist @ shares * count,
        same_album @ shares * count,
        (same_album & same_artist) @ shares * count,
        words.T.max(axis=0),
        words @ shares,
    )


def _age_and_fame(context: Context, candidates: Candidates) -> Matrix:
    affinity, rows, catalogue = context.learned_affinity, candidates.rows, context.catalogue
    year, seed_year = catalogue.year[rows], catalogue.year[affinity.seeds]
    known = seed_year[np.isfinite(seed_year)]
    mean_year = float(known.mean()) if len(known) else float("nan")
    # Without a known year every candidate is equally far, and none is near.
    years = known if len(known) else np.array([np.nan], np.float32)
    popularity = catalogue.popularity[rows]
    seed_popularity = catalogue.popularity[affinity.seeds]
    nearest = np.abs(popularity[None, :] - seed_popularity[:, None]).min(axis=0)
    return _columns(
        year,
        year - mean_year,
        np.abs(year[None, :] - years[:, None]).min(axis=0),
        popularity - affinity.shares @ seed_popularity,
        nearest,
        places(popularity),
        *affinity.learned.tokens.facts[rows].T,
    )


def _query(context: Context, candidates: Candidates) -> Matrix:
    """Returns what holds for the query as a whole: trees choose their branch by it."""
    affinity, catalogue = context.learned_affinity, context.catalogue
    tokens, seeds, kernels = affinity.learned.tokens, affinity.seeds, affinity.kernels
    _, by_artist = np.unique(tokens.artist[seeds], return_counts=True)
    count = len(seeds)
    popularity, year = catalogue.popularity[seeds], catalogue.year[seeds]
    year = year[np.isfinite(year)]
    nothing = float("nan")
    artists = np.sort(kernels["artist"])
    known = affinity.learned.space
    values = (
        count,
        len(by_artist) / count,
        len(np.unique(tokens.album[seeds])) / count,
        by_artist.max() / count,
        popularity.std(),
        popularity.mean(),
        year.std() if len(year) else nothing,
        year.mean() if len(year) else nothing,
        len(candidates.rows),
        np.log1p(tokens.facts[seeds, 0]).mean(),
        kernels[TRACK].max(initial=0.0),
        artists[-3:].mean() if len(artists) else 0.0,
        artists.sum(),
        kernels["word"].max(initial=0.0),
        (kernels["year"] * kernels["audio"]).max(initial=0.0),
        (known.counts[seeds] > 0).mean(),
        (_of_artists(known.artist_playlists, tokens.artist[seeds]) > 0).mean(),
        float(np.linalg.norm(affinity.taste)),
    )
    return np.tile(np.array(values, dtype=np.float32), (len(candidates.rows), 1))


def _of_artists(values: Weights, artists: NDArray[np.integer]) -> Weights:
    """Returns a value of each artist, 0 for an unknown one, float32 (k,)."""
    known = artists < len(values)
    return np.where(known, values[np.where(known, artists, 0)], np.float32(0.0))


def _playlists(context: Context, candidates: Candidates) -> Matrix:
    """Returns scores of candidates, their artist, album, year, sound and words in each view."""
    affinity, rows = context.learned_affinity, candidates.rows
    tokens = affinity.learned.tokens
    artist, album = tokens.artist[rows], tokens.album[rows]
    space = affinity.learned.space
    count = space.counts[rows]
    tracks = _of_artists(space.artist_entries, artist)
    playlists = _of_artists(space.artist_playlists, artist)
    by_track = affinity.tracks(rows)
    by_artist = affinity.named("artist", artist)
    by_album = affinity.named("album", album)
    views = [RIDGE, BY_ARTIST, BY_CONTEXT]
    content = [
        product_of(matrix, rows, affinity.tokens[kind])[:, views]
        for kind, matrix in (
            ("year", tokens.kinds["year"]),
            ("audio", tokens.kinds["audio"]),
            ("word", tokens.words),
        )
    ]
    rarity, artist_rarity = np.sqrt(count + 1), np.sqrt(playlists + 1)
    normed = (
        by_track[:, BY_TRACK] / rarity,
        by_track[:, RIDGE] / rarity,
        by_artist[:, RIDGE] / artist_rarity,
        by_artist[:, BY_ARTIST] / artist_rarity,
    )
    counts = (count, tracks, playlists, tracks / tokens.facts[rows, 0])
    ranks = (places(by_track[:, RIDGE]), places(by_artist[:, RIDGE]))
    return _columns(
        *counts, *by_track.T, *by_artist.T, *by_album.T, *np.hstack(content).T, *normed, *ranks
    )


def _company(context: Context, candidates: Candidates) -> Matrix:
    """Returns how often candidates, and their artists, stand in playlists with each seed."""
    affinity, rows = context.learned_affinity, candidates.rows
    shares, count = affinity.shares, len(affinity.seeds)
    together = affinity.together(rows)
    held = affinity.shared.sum(axis=0)
    counts = affinity.learned.space.counts[rows]
    rarity = np.sqrt(np.outer(held + np.float32(0.5), counts + np.float32(0.5)))
    artist, share_of = _seed_artist_shares(affinity)
    cosine, met = _artist_cosines(affinity, affinity.learned.tokens.artist[rows], artist)
    own = affinity.learned.tokens.artist[rows][:, None] == artist[None, :]
    company = cosine @ share_of
    return _columns(
        (together.T / rarity).max(axis=0),
        (together > 0) @ shares * count,
        cosine.T.max(axis=0, initial=0.0),
        company,
        met @ share_of,
        np.where(own, np.float32(0.0), cosine).T.max(axis=0, initial=0.0),
        places(company),
    )


def _seed_artist_shares(affinity: Affinity) -> tuple[Rows, Weights]:
    artists = affinity.learned.tokens.artist[affinity.seeds]
    different, places_of = np.unique(artists, return_inverse=True)
    weights = np.bincount(places_of, weights=affinity.shares, minlength=len(different))
    known = different < affinity.learned.tokens.unknown_artist
    return different[known].astype(np.int64), weights[known].astype(np.float32)


def _artist_cosines(
    affinity: Affinity, artists: NDArray[np.integer], seeds: Rows
) -> tuple[Weights, Weights]:
    """Returns the cosine over playlists of artists to seed artists, and if they met."""
    rows = affinity.learned.space.rows["artist"]
    known = artists < rows.shape[0]
    ours = np.where(known, artists, 0).astype(np.int64)
    lengths = np.sqrt(affinity.learned.space.artist_squares[seeds]) + np.float32(1e-9)
    squares = affinity.learned.space.artist_squares[ours]
    shared = product_with(rows, ours, seeds) * known[:, None]
    # 0.02: an artist of one long playlist is not taken for the twin of everyone on it.
    cosine = shared / lengths / np.sqrt(squares + np.float32(0.02))[:, None]
    return np.asarray(cosine, np.float32), (shared > 0).astype(np.float32)


def _taste(context: Context, candidates: Candidates) -> Matrix:
    affinity, rows = context.learned_affinity, candidates.rows
    taste, seeds, shaped = affinity.learned.taste, affinity.seeds, affinity.learned.tokens.shaped
    year = context.catalogue.year
    mean, found = affinity.taste_direction, taste.of(rows)
    each = taste.of(seeds) @ found.T
    cosine = found @ mean
    audible_seeds = taste.audible(shaped[seeds], year[seeds])
    directions = np.concatenate((mean[None, :], audible_seeds))
    near_mean, *heard = taste.audible_cosines(shaped[rows], year[rows], directions)
    return _columns(
        cosine,
        each.max(axis=0),
        each.min(axis=0),
        near_mean,
        affinity.shares @ np.array(heard),
        np.max(heard, axis=0),
        places(cosine),
    )


_CONTENT = tuple(
    f"{kind}_by_{VIEWS[view]}"
    for kind in ("year", "sound", "words")
    for view in (RIDGE, BY_ARTIST, BY_CONTEXT)
)
_SOUND = (
    "sound_cosine",
    "nearest_sound",
    "sound_distance",
    "artist_sound",
    "nearest_artist_sound",
    "sound_place",
    "sound_place_in_artist",
)
_PLAYLISTS = (
    "playlist_count",
    "artist_entries",
    "artist_playlists",
    "artist_density",
    *(f"track_by_{view}" for view in VIEWS),
    *(f"artist_by_{view}" for view in VIEWS),
    *(f"album_by_{view}" for view in VIEWS),
    *_CONTENT,
    "track_by_track_rarity",
    "track_by_ridge_rarity",
    "artist_by_ridge_rarity",
    "artist_by_artist_rarity",
    "track_by_ridge_place",
    "artist_by_ridge_place",
)
_RISING = frozenset(
    {
        "track_by_track",
        "artist_by_ridge",
        "artist_by_artist",
    }
)


def _signs(names: tuple[str, ...], rising: frozenset[str]) -> tuple[int, ...]:
    return tuple(int(name in rising) for name in names)


COLLABORATIVE: Final[tuple[Builder, ...]] = (
    Builder(_SOUND, _sound, (0, 1, 0, 0, 0, 0, 0)),
    Builder(tuple(f"{name}_offset" for name in SHAPED), _offsets, (0,) * len(SHAPED)),
    Builder(
        ("same_artist", "any_artist", "same_album_title", "same_album", "nearest_words", "words"),
        _kinship,
        (1, 1, 0, 1, 1, 1),
    ),
    Builder(
        (
            "year",
            "year_offset",
            "nearest_year_gap",
            "popularity_offset",
            "nearest_popularity_gap",
            "popularity_place",
            *FACTS,
        ),
        _age_and_fame,
        (0, 0, -1, 0, -1, 0, 0, 0, 0, 0, 0),
    ),
    Builder(
        (
            "seed_count",
            "seed_artist_share",
            "seed_album_share",
            "seed_main_artist",
            "seed_popularity_spread",
            "seed_popularity",
            "seed_year_spread",
            "seed_year",
            "candidate_count",
            "seed_artist_tracks",
            "playlist_match",
            "artist_match",
            "artist_matches",
            "word_match",
            "context_match",
            "seeds_in_playlists",
            "seed_artists_in_playlists",
            "taste_agreement",
        ),
        _query,
        (0,) * 18,
    ),
    Builder(_PLAYLISTS, _playlists, _signs(_PLAYLISTS, _RISING)),
    Builder(
        (
            "nearest_company",
            "company",
            "nearest_artist_company",
            "artist_company",
            "artists_met",
            "nearest_other_artist_company",
            "artist_company_place",
        ),
        _company,
        (1, 0, 1, 1, 0, 0, 0),
    ),
    Builder(
        (
            "taste_cosine",
            "nearest_taste",
            "farthest_taste",
            "audible_taste",
            "audible_taste_mean",
            "nearest_audible_taste",
            "taste_place",
        ),
        _taste,
        (1, 1, 1, 0, 0, 0, 0),
    ),
)

# Places in channels are for the model without playlists; here each channel's score is a feature.
TRAINED_BUILDERS: Final = (*BUILDERS[:-1], *COLLABORATIVE)
