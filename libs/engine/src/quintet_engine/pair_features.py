"""Features of the pair (candidate, seeds): what the booster ranks by.

A builder names its columns and fills them for all candidates at once. These are the features that
need no playlists; a recipe says which builders a model uses, and their names in order make the
feature hash that a bundle is checked by.
Gaps and cosines honour the attribute weights of the query: an attribute of weight 0 is ignored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import COLUMN, LINEAR, Encoded, Raw, normalise_rows

from quintet_engine.catalogue import Rows
from quintet_engine.channels import CHANNELS, Candidates
from quintet_engine.context import Context

Matrix = NDArray[np.float32]
Columns = Sequence[NDArray[np.floating]]
"""Columns of the matrix: each of them (k,), or several at once (columns, k)."""
# Added to the seeds' spread, so that five seeds that agree by chance do not make a gap infinite.
_SPREAD_FLOOR: Final = 0.5


@dataclass(frozen=True)
class Builder:
    """Some columns of the matrix.

    Attributes:
        names: One a column, in order.
        build: Returns `len(names)` columns, one entry a candidate.
        monotone: 1, -1 or 0 a column: whether a greater value may only raise the score, only
            lower it, or either.
    """

    names: tuple[str, ...]
    build: Callable[[Context, Candidates], Columns]
    monotone: tuple[int, ...]


def weighed_units(context: Context, rows: Rows) -> Encoded:
    """Returns vectors of rows, attribute weights applied, of unit length, (k, 14)."""
    if not _is_weighed(context):
        return context.catalogue.unit[rows]
    return normalise_rows(context.catalogue.encoded[rows] * context.profile.weights)


def _is_weighed(context: Context) -> bool:
    return bool((context.profile.weights != 1).any())


def _cosines(context: Context, candidates: Candidates) -> Columns:
    plain = context.catalogue.unit[candidates.rows]
    units = weighed_units(context, candidates.rows) if _is_weighed(context) else plain
    seeds = context.seed_vectors @ units.T
    negative = np.zeros(len(units), dtype=np.float32)
    if len(context.negative_vectors):
        negative = (context.negative_vectors @ units.T).max(axis=0)
    profile = plain @ context.vector
    return profile, seeds.max(axis=0), context.shares @ seeds, seeds.min(axis=0), negative


def _gaps(context: Context, candidates: Candidates) -> Columns:
    """Returns |candidate - mean| of each linear attribute, in units of the seeds' spread."""
    width, profile = len(LINEAR), context.profile
    encoded = context.catalogue.encoded[candidates.rows, :width]
    gaps = np.abs(encoded - profile.mean[:width]) / (profile.spread[:width] + _SPREAD_FLOOR)
    return ((gaps * profile.weights[:width]).T,)


def wheel_place(key: Raw, mode: Raw) -> Raw:
    """Returns the place on the circle of fifths, 0..12, of keys and their modes.

    Minor keys stand at their relative major (A minor with C major), as on the wheel that disc
    jockeys mix by; NaN where the key is unknown.
    """
    tonic = np.where(mode >= 0.5, key, key + 3)
    return np.where(key >= 0, np.mod(7 * tonic, 12), np.nan)


def wheel_places(raw: Raw) -> Raw:
    """Returns the place on the circle of fifths of rows of raw attributes (n, 14)."""
    return wheel_place(raw[:, COLUMN["key"]], raw[:, COLUMN["mode"]])


def wheel_distance(a: Raw, b: Raw) -> Raw:
    """Returns the steps between places on the wheel, 0..6; NaN where either is unknown."""
    gap = np.abs(a - b)
    return np.asarray(np.minimum(gap, 12 - gap))


def tempo_distance(a: Raw, b: Raw) -> Raw:
    """Returns |log2 of the ratio| of tempi, half and double counting as the same; NaN for none."""
    octaves = np.abs(_octave(a) - _octave(b))
    return np.asarray(np.minimum(octaves, np.abs(octaves - 1.0)))


def _octave(tempo: Raw) -> Raw:
    return np.log2(np.where(tempo > 0, tempo, np.nan))


def _rhythm_and_key(context: Context, candidates: Candidates) -> Columns:
    columns, rows = context.catalogue.columns, candidates.rows
    places = wheel_place(columns[rows, COLUMN["key"]], columns[rows, COLUMN["mode"]])
    steps = wheel_distance(places[None, :], wheel_places(context.seed_raw)[:, None])
    tempo = COLUMN["tempo"]
    ratio = tempo_distance(columns[rows, tempo][None, :], context.seed_raw[:, tempo, None])
    # An unknown value is taken to lie half-way: neither a match nor a clash.
    key = 1.0 - np.where(np.isnan(steps), 3.0, steps) / 6.0
    gap = np.where(np.isnan(ratio), 0.25, ratio)
    shares = context.shares
    return shares @ key, key.max(axis=0), shares @ gap, gap.min(axis=0)


def _relations(context: Context, candidates: Candidates) -> Columns:
    catalogue, rows = context.catalogue, candidates.rows
    artist = catalogue.track_artists.greatest(rows, context.artist_weight)
    albums = catalogue.album[rows]
    album = np.where(albums >= 0, context.album_weight[albums], 0.0)
    genre = catalogue.track_genres.greatest(rows, context.genre_weight)
    genres = catalogue.track_genres
    sizes = np.maximum(genres.starts[rows + 1] - genres.starts[rows], 1)
    length = float(np.linalg.norm(context.genre_weight)) or 1.0
    cosine = catalogue.track_genres.total(rows, context.genre_weight) / (np.sqrt(sizes) * length)
    return artist, album, genre, cosine


def _facts(context: Context, candidates: Candidates) -> Columns:
    catalogue, rows = context.catalogue, candidates.rows
    shares = context.shares.astype(np.float64)
    seed_years = np.array([_mean_known(catalogue.year[view.rows]) for view in context.seeds])
    year = np.abs(catalogue.year[rows] - _mean_known(seed_years))
    explicit = shares @ [float(catalogue.explicit[view.rows].mean()) for view in context.seeds]
    popularity = catalogue.popularity[rows]
    typical = float(shares @ context.seed_raw[:, COLUMN["popularity"]])
    agreement = context.seed_vectors @ context.seed_vectors.T
    return (
        year,
        np.abs(catalogue.explicit[rows] - explicit),
        popularity,
        np.abs(popularity - typical),
        np.full(len(rows), shares @ agreement @ shares),
    )


def _mean_known(values: NDArray[np.floating]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _closeness(_context: Context, candidates: Candidates) -> Columns:
    return (candidates.closeness[:, [candidates.names.index(name) for name in _PLACED]].T,)


# Targets are no part of training, so a place in their channel is no feature.
_PLACED: Final = tuple(channel.name for channel in CHANNELS if channel.name != "target")
_COSINES = ("profile_cosine", "nearest_cosine", "mean_cosine", "farthest_cosine", "negative_cosine")
BUILDERS: Final[tuple[Builder, ...]] = (
    Builder(_COSINES, _cosines, (1, 1, 1, 1, -1)),
    Builder(tuple(f"{name}_gap" for name in LINEAR), _gaps, (-1,) * len(LINEAR)),
    Builder(
        ("key_match", "best_key_match", "beat_gap", "least_beat_gap"),
        _rhythm_and_key,
        (1, 1, -1, -1),
    ),
    Builder(
        ("artist_share", "album_share", "genre_share", "genre_cosine"), _relations, (1, 1, 1, 1)
    ),
    Builder(
        ("year_gap", "explicit_gap", "popularity", "popularity_gap", "seed_agreement"),
        _facts,
        (-1, -1, 0, -1, 0),
    ),
    Builder(tuple(f"{name}_closeness" for name in _PLACED), _closeness, (1,) * len(_PLACED)),
)


def build(context: Context, candidates: Candidates, builders: Sequence[Builder]) -> Matrix:
    """Returns the feature matrix, float32 (candidates, features), columns as the builders say.

    It lies in memory column by column, as it is made and as the compiled forest reads it.
    """
    width = sum(len(builder.names) for builder in builders)
    matrix = np.empty((width, len(candidates.rows)), dtype=np.float32)
    first = 0
    for builder in builders:
        for columns in builder.build(context, candidates):
            last = first + (1 if columns.ndim == 1 else len(columns))
            matrix[first:last] = columns
            first = last
    return matrix.T
