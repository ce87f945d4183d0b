"""Features in NumPy that need no playlists: audio, catalogue relations and places in the channels.

Gaps and cosines apply the query's attribute weights: an attribute of weight 0 is ignored.
"""

from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Weights
from quintet_engine.channels.channel import Candidates
from quintet_engine.channels.content import CHANNELS
from quintet_engine.context import Context
from quintet_engine.features.weighting import weighted_units
from quintet_engine.music import tempo_distance, wheel_distance, wheel_place, wheel_places
from quintet_modelkit.features import COLUMN, LINEAR, Encoded

from tests.oracle.features.matrix import Builder, Column, Falling, Rising

# Added to the seeds' spread, in standard deviations of the catalogue: five seeds that agree by
# chance must not make every gap infinite.
_SPREAD_FLOOR: Final = 0.5


def _has_weights(context: Context) -> bool:
    return bool((context.profile.weights != 1).any())


class CosineFeatures(TypedDict):
    """Cosines of the encoded audio attributes, -1..1; NaN where a side was not analysed."""

    profile_cosine: Rising
    nearest_cosine: Rising
    mean_cosine: Rising
    farthest_cosine: Rising
    negative_cosine: Falling


def _cosines(context: Context, candidates: Candidates) -> CosineFeatures:
    plain = context.catalogue.unit[candidates.rows]
    units = weighted_units(context, candidates.rows) if _has_weights(context) else plain
    vectors, shares = _with_direction(context.seed_vectors, context.shares)
    seeds = vectors @ units.T
    negative = np.zeros(len(units), dtype=np.float32)
    if len(context.negative_vectors):
        negative = (context.negative_vectors @ units.T).max(axis=0)
    features: CosineFeatures = {
        # `context.vector` has the weights in it already, so the plain vectors are right here.
        "profile_cosine": plain @ context.vector,
        "nearest_cosine": seeds.max(axis=0),
        "mean_cosine": shares @ seeds,
        "farthest_cosine": seeds.min(axis=0),
        "negative_cosine": negative,  # to the nearest negative seed; 0 without any
    }
    return _where_analysed(context, candidates, features)


def _with_direction(vectors: Encoded, shares: Weights) -> tuple[Encoded, Weights]:
    """Leave out seeds that were not analysed, with shares that sum to one again.

    If that leaves none, all stay: their cosines are then missing anyway.
    """
    known = vectors.any(axis=1)
    if known.all() or not known.any():
        return vectors, shares
    return vectors[known], shares[known] / shares[known].sum()


def _where_analysed(
    context: Context, candidates: Candidates, features: CosineFeatures
) -> CosineFeatures:
    """Make cosines missing where the candidate, or every seed, has no direction."""
    analysed = context.catalogue.analysed
    if analysed is None and context.vector.any():
        return features
    known = (
        np.ones(len(candidates.rows), np.bool_) if analysed is None else analysed[candidates.rows]
    )
    seeds = known & context.seed_vectors.any()
    return {
        "profile_cosine": np.where(
            known & context.vector.any(), features["profile_cosine"], np.nan
        ),
        "nearest_cosine": np.where(seeds, features["nearest_cosine"], np.nan),
        "mean_cosine": np.where(seeds, features["mean_cosine"], np.nan),
        "farthest_cosine": np.where(seeds, features["farthest_cosine"], np.nan),
        "negative_cosine": np.where(known, features["negative_cosine"], np.nan),
    }


_LINEAR_COLUMNS: Final = [COLUMN[name] for name in LINEAR]
_GAPS: Final = tuple(f"{name}_gap" for name in LINEAR)


def _gaps(context: Context, candidates: Candidates) -> dict[str, Column]:
    """Compute |candidate - mean| of each linear attribute, in units of the seeds' spread.

    NaN where the candidate or the profile lacks the attribute.
    """
    width, profile = len(LINEAR), context.profile
    encoded = context.catalogue.encoded[candidates.rows, :width]
    gaps = np.abs(encoded - profile.mean[:width]) / (profile.spread[:width] + _SPREAD_FLOOR)
    gaps = gaps * profile.weights[:width]
    if context.catalogue.missing.any():
        lacking = [context.catalogue.lacks(name, candidates.rows) for name in LINEAR]
        gaps[np.stack(lacking, axis=1)] = np.nan
    gaps[:, np.isnan(profile.raw_mean[_LINEAR_COLUMNS])] = np.nan
    return dict(zip(_GAPS, gaps.T, strict=True))


class RhythmAndKeyFeatures(TypedDict):
    """Whether a candidate can follow the seeds in a mix."""

    key_match: Rising
    best_key_match: Rising
    beat_gap: Falling
    least_beat_gap: Falling


def _rhythm_and_key(context: Context, candidates: Candidates) -> RhythmAndKeyFeatures:
    columns, rows = context.catalogue.columns, candidates.rows
    places = wheel_place(columns[rows, COLUMN["key"]], columns[rows, COLUMN["mode"]])
    steps = wheel_distance(places[None, :], wheel_places(context.seed_raw)[:, None])
    tempo = COLUMN["tempo"]
    octaves = tempo_distance(columns[rows, tempo][None, :], context.seed_raw[:, tempo, None])
    # A value that analysis could not find (key -1, tempo 0), or that a seed lacks, counts as half
    # the greatest distance (6 steps, half an octave): neither a match nor a clash.
    key = 1.0 - np.where(np.isnan(steps), 3.0, steps) / 6.0
    gap = np.where(np.isnan(octaves), 0.25, octaves)
    catalogue = context.catalogue
    no_key = catalogue.lacks("key", rows) | catalogue.lacks("mode", rows)
    no_tempo = catalogue.lacks("tempo", rows)
    # What the candidate lacks is missing.
    return {
        # 1 for the same key, 0 for the opposite one.
        "key_match": np.where(no_key, np.nan, context.shares @ key),
        "best_key_match": np.where(no_key, np.nan, key.max(axis=0)),
        "beat_gap": np.where(no_tempo, np.nan, context.shares @ gap),  # octaves, 0..0.5
        "least_beat_gap": np.where(no_tempo, np.nan, gap.min(axis=0)),
    }


class RelationFeatures(TypedDict):
    """What the catalogue says that a candidate shares with the seeds, 0..1."""

    artist_share: Rising
    album_share: Rising
    genre_share: Rising
    genre_cosine: Rising


def _relations(context: Context, candidates: Candidates) -> RelationFeatures:
    catalogue, rows = context.catalogue, candidates.rows
    albums, genres = catalogue.album[rows], catalogue.track_genres
    genre_counts = np.maximum(genres.starts[rows + 1] - genres.starts[rows], 1)
    # A query without genres has length 0, and every product with it is 0 as well.
    length = float(np.linalg.norm(context.genre_weight)) or 1.0
    return {
        # The share of seeds by the candidate's artist that has most of them.
        "artist_share": catalogue.track_artists.greatest(rows, context.artist_weight),
        "album_share": np.where(albums >= 0, context.album_weight[albums], 0.0),
        "genre_share": genres.greatest(rows, context.genre_weight),
        # Between the seeds' genre weights and the candidate's genres, each counting 1.
        "genre_cosine": genres.total(rows, context.genre_weight) / (np.sqrt(genre_counts) * length),
    }


class ReleaseFeatures(TypedDict):
    """Age, popularity and content flag against the seeds."""

    year_gap: Falling
    explicit_gap: Falling
    popularity: Column
    popularity_gap: Falling
    seed_agreement: Column


def _release(context: Context, candidates: Candidates) -> ReleaseFeatures:
    catalogue, rows = context.catalogue, candidates.rows
    shares = context.shares.astype(np.float64)
    seed_years = np.array([_known_mean(catalogue.year[view.rows]) for view in context.seeds])
    explicit = shares @ [float(catalogue.explicit[view.rows].mean()) for view in context.seeds]
    popularity = catalogue.columns[rows, COLUMN["popularity"]]
    vectors, known_shares = _with_direction(context.seed_vectors, context.shares)
    agreement, weights = vectors @ vectors.T, known_shares.astype(np.float64)
    return {
        "year_gap": np.abs(catalogue.year[rows] - _known_mean(seed_years)),  # NaN if unknown
        "explicit_gap": np.abs(catalogue.explicit[rows] - explicit),
        "popularity": popularity,  # 0..100; NaN if unknown, as its gap
        "popularity_gap": np.abs(popularity - context.popularity),
        # The seeds' mean cosine to each other; the same for all candidates.
        "seed_agreement": float(weights @ agreement @ weights),
    }


def _known_mean(values: NDArray[np.floating]) -> float:
    """Average what is not NaN; NaN if no value is known."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


# Training queries have no targets, so a place in the target channel could not be learned from.
_RANKED_CHANNELS: Final = tuple(channel.name for channel in CHANNELS if channel.name != "target")
_CLOSENESS: Final = tuple(f"{name}_closeness" for name in _RANKED_CHANNELS)


def _closeness(_context: Context, candidates: Candidates) -> dict[str, Column]:
    """Compute 1 / (1 + place) of each candidate in each channel; 0 if it was not found."""
    columns = candidates.closeness[:, [candidates.names.index(name) for name in _RANKED_CHANNELS]]
    return dict(zip(_CLOSENESS, columns.T, strict=True))


AUDIO_AND_CATALOGUE: Final[tuple[Builder, ...]] = (
    Builder.of(CosineFeatures, _cosines),
    Builder(_GAPS, _gaps, (-1,) * len(_GAPS)),
    Builder.of(RhythmAndKeyFeatures, _rhythm_and_key),
    Builder.of(RelationFeatures, _relations),
    Builder.of(ReleaseFeatures, _release),
)
"""The groups that every kind of model has. Their order decides the feature hash of bundles."""
BUILDERS: Final = (
    *AUDIO_AND_CATALOGUE,
    Builder(_CLOSENESS, _closeness, (1,) * len(_CLOSENESS)),
)
"""The groups of the bootstrap model, which has no playlists to learn from."""
