"""Features of the pair (candidate, seeds) that a trained model has beside the audible ones.

Counts and scores of playlists are given raw and in relation to how often a track or an artist is
found at all; places among the candidates are shares of their number. Coordinates of the taste space
are no features: they mean something else after every fit.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded, normalise_rows

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
from quintet_engine.pair_features import BUILDERS, Builder, Columns


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


def _sound(context: Context, candidates: Candidates) -> Columns:
    affinity, rows = context.learned_affinity, candidates.rows
    tokens, seeds, shares = affinity.learned.tokens, affinity.seeds, affinity.shares
    artist = tokens.artist[rows]
    gaps = tokens.sound[rows] - shares @ tokens.sound[seeds]
    cosine, *by_seed = _to(affinity.sound, tokens.sound_units[seeds]) @ tokens.sound_units[rows].T
    profile = normalise_rows((shares @ tokens.shaped[seeds])[None, :])[0]
    seed_sounds = tokens.artist_sound[np.unique(tokens.artist[seeds])]
    by_artist, *by_seed_artist = _to(profile, seed_sounds) @ tokens.artist_sound[artist].T
    return (
        cosine,
        np.max(by_seed, axis=0),
        np.einsum("ij,ij->i", gaps, gaps),
        by_artist,
        np.max(by_seed_artist, axis=0),
        places(cosine),
        _within(artist, cosine),
    )


def _to(mean: Encoded, seeds: Encoded) -> Encoded:
    """Returns the mean and each seed as rows, so that one product has the cosines to all."""
    return np.concatenate((mean[None, :], seeds))


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


def _offsets(context: Context, candidates: Candidates) -> Columns:
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
    return (gaps[:, :width].T,)


def _kinship(context: Context, candidates: Candidates) -> Columns:
    """Returns what candidates share with the seeds by name: artist, album, words."""
    affinity, rows = context.learned_affinity, candidates.rows
    tokens, seeds, shares = affinity.learned.tokens, affinity.seeds, affinity.shares
    count = len(seeds)
    artist, album = tokens.artist[rows], tokens.album[rows]
    same_artist = (tokens.artist[seeds][:, None] == artist) & (artist < tokens.unknown_artist)
    same_album = (tokens.album[seeds][:, None] == album) & (album < tokens.unknown_album)
    any_artist = product_with(tokens.kinds["artist"], rows, seeds)
    words = np.ascontiguousarray(product_with(tokens.words, rows, seeds).T)
    return (
        shares @ same_artist * count,
        any_artist @ shares * count,
        shares @ same_album * count,
        shares @ (same_album & same_artist) * count,
        words.max(axis=0),
        shares @ words,
    )


def _age_and_fame(context: Context, candidates: Candidates) -> Columns:
    affinity, rows, catalogue = context.learned_affinity, candidates.rows, context.catalogue
    year, seed_year = catalogue.year[rows], catalogue.year[affinity.seeds]
    known = seed_year[np.isfinite(seed_year)]
    mean_year = float(known.mean()) if len(known) else float("nan")
    # Without a known year every candidate is equally far, and none is near.
    years = known if len(known) else np.array([np.nan], np.float32)
    popularity = catalogue.popularity[rows]
    seed_popularity = catalogue.popularity[affinity.seeds]
    nearest = np.abs(popularity - seed_popularity[:, None]).min(axis=0)
    return (
        year,
        year - mean_year,
        np.abs(year - years[:, None]).min(axis=0),
        popularity - affinity.shares @ seed_popularity,
        nearest,
        places(popularity),
        affinity.learned.tokens.facts[rows].T,
    )


def _query(context: Context, candidates: Candidates) -> Columns:
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
    column = np.array(values, dtype=np.float32)[:, None]
    return (np.broadcast_to(column, (len(column), len(candidates.rows))),)


def _of_artists(values: Weights, artists: NDArray[np.integer]) -> Weights:
    """Returns a value of each artist, 0 for an unknown one, float32 (k,)."""
    known = artists < len(values)
    return np.where(known, values[np.where(known, artists, 0)], np.float32(0.0))


def _playlists(context: Context, candidates: Candidates) -> Columns:
    """Returns scores of candidates, their artist, album, year, sound and words in each view."""
    affinity, rows = context.learned_affinity, candidates.rows
    tokens = affinity.learned.tokens
    artist, album = tokens.artist[rows], tokens.album[rows]
    space = affinity.learned.space
    count = space.counts[rows]
    tracks = _of_artists(space.artist_entries, artist)
    playlists = _of_artists(space.artist_playlists, artist)
    by_track = affinity.tracks(rows).T
    by_artist = affinity.named("artist", artist).T
    by_album = affinity.named("album", album).T
    content = []
    for kind, matrix in (
        ("year", tokens.kinds["year"]),
        ("audio", tokens.kinds["audio"]),
        ("word", tokens.words),
    ):
        by_view = product_of(matrix, rows, affinity.tokens[kind])
        content += [by_view[:, view] for view in (RIDGE, BY_ARTIST, BY_CONTEXT)]
    rarity, artist_rarity = np.sqrt(count + 1), np.sqrt(playlists + 1)
    return (
        *(count, tracks, playlists, tracks / tokens.facts[rows, 0]),
        *(by_track, by_artist, by_album, *content),
        by_track[BY_TRACK] / rarity,
        by_track[RIDGE] / rarity,
        by_artist[RIDGE] / artist_rarity,
        by_artist[BY_ARTIST] / artist_rarity,
        places(by_track[RIDGE]),
        places(by_artist[RIDGE]),
    )


def _company(context: Context, candidates: Candidates) -> Columns:
    """Returns how often candidates, and their artists, stand in playlists with each seed."""
    affinity, rows = context.learned_affinity, candidates.rows
    shares, count = affinity.shares, len(affinity.seeds)
    together = np.ascontiguousarray(affinity.together(rows).T)
    held = np.sqrt(affinity.shared.sum(axis=0) + np.float32(0.5))
    rarity = np.sqrt(affinity.learned.space.counts[rows] + np.float32(0.5))
    artist, share_of = _seed_artist_shares(affinity)
    artists = affinity.learned.tokens.artist[rows]
    cosine, met = _artist_cosines(affinity, artists, artist)
    company = share_of @ cosine
    others = np.where(artists == artist[:, None], np.float32(0.0), cosine)
    return (
        (together / held[:, None]).max(axis=0) / rarity,
        shares @ (together > 0) * count,
        cosine.max(axis=0, initial=0.0),
        company,
        share_of @ met,
        others.max(axis=0, initial=0.0),
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
    """Returns the cosine over playlists of artists (k,) to seed artists (s,), and if they met.

    Both are float32 (s, k).
    """
    rows = affinity.learned.space.rows["artist"]
    known = artists < rows.shape[0]
    ours = np.where(known, artists, 0).astype(np.int64)
    lengths = np.sqrt(affinity.learned.space.artist_squares[seeds]) + np.float32(1e-9)
    squares = affinity.learned.space.artist_squares[ours]
    shared = np.ascontiguousarray(product_with(rows, ours, seeds).T) * known
    # 0.02: an artist of one long playlist is not taken for the twin of everyone on it.
    cosine = shared / lengths[:, None] / np.sqrt(squares + np.float32(0.02))
    return np.asarray(cosine, np.float32), (shared > 0).astype(np.float32)


def _taste(context: Context, candidates: Candidates) -> Columns:
    affinity, rows = context.learned_affinity, candidates.rows
    taste, seeds, shaped = affinity.learned.taste, affinity.seeds, affinity.learned.tokens.shaped
    year = context.catalogue.year
    cosine, *each = _to(affinity.taste_direction, taste.of(seeds)) @ taste.of(rows).T
    audible_seeds = taste.audible(shaped[seeds], year[seeds])
    directions = _to(affinity.taste_direction, audible_seeds)
    near_mean, *heard = taste.audible_cosines(shaped[rows], year[rows], directions)
    return (
        cosine,
        np.max(each, axis=0),
        np.min(each, axis=0),
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
