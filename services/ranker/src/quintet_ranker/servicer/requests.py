"""Read requests for recommendations as queries of the engine."""

from typing import Final

import numpy as np
from quintet.memory.v1 import memory_pb2
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_contract.attributes import ATTRIBUTES
from quintet_contract.limits import DEFAULT_DISCOVERY
from quintet_contract.signals import NO_PREFERENCES, Preferences
from quintet_engine.query import (
    DEFAULT_LANGUAGE,
    DEFAULT_LIMIT,
    DEFAULT_MAX_PER_ARTIST,
    Filters,
    Query,
    Seasonal,
    SongVersion,
    Variants,
)
from quintet_modelkit.features import COLUMN, AudioProfile
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.messages import NAME_OF, VERSION_NUMBERS, by_attribute, seed_of
from quintet_text.track_ids import id_of, track_id_of

from quintet_ranker.domain import Trial, Variant

# A number of a newer caller that is not listed here means the champion: see `trial_of`.
VARIANTS: Final = {
    ranker_pb2.VARIANT_CHAMPION: Variant.CHAMPION,
    ranker_pb2.VARIANT_CHALLENGER: Variant.CHALLENGER,
    ranker_pb2.VARIANT_INTERLEAVE: Variant.INTERLEAVE,
    ranker_pb2.VARIANT_SHADOW: Variant.SHADOW,
}
# An unknown number of a newer caller means the default.
SONG_VARIANTS: Final = {ranker_pb2.SONG_VARIANTS_ALLOW: Variants.ALLOW}
SEASONAL: Final = {ranker_pb2.SEASONAL_SONGS_ALLOW: Seasonal.ALLOW}


def query_of(request: ranker_pb2.RecommendTracksRequest) -> Query:
    """Read a request as a query; fields that are not set get the engine's defaults.

    Raises:
        InvalidInput: An attribute is unknown or occurs twice.
    """
    weights = [(item.attribute, item.weight) for item in request.weights]
    targets = [(item.attribute, item.value) for item in request.targets]
    return Query(
        seeds=tuple(seed_of(seed) for seed in request.seeds),
        negative_seeds=tuple(seed_of(seed) for seed in request.negative_seeds),
        profile=_profile(request.profile) if request.HasField("profile") else None,
        weights=by_attribute("weights", Reason.WEIGHT_RANGE, weights),
        targets=by_attribute("targets", Reason.TARGET_RANGE, targets),
        filters=filters_of(request.filters),
        limit=request.limit if request.HasField("limit") else DEFAULT_LIMIT,
        max_per_artist=(
            request.max_per_artist if request.HasField("max_per_artist") else DEFAULT_MAX_PER_ARTIST
        ),
        diversity=request.diversity,
        flow=request.flow,
        variants=SONG_VARIANTS.get(request.variants, Variants.EXCLUDE),
        seasonal=SEASONAL.get(request.seasonal, Seasonal.EXCLUDE),
        reasons=not request.omit_reasons,
        features=request.include_features,
        seed_pools=request.include_seed_pools,
        language=request.language or DEFAULT_LANGUAGE,
        discovery=request.discovery if request.HasField("discovery") else DEFAULT_DISCOVERY,
        known_tracks=tuple(map(track_id_of, request.known_track_ids)),
        preferences=preferences_of(request.preferences),
        heard=frozenset(map(track_id_of, request.heard_track_ids)),
    )


def trial_of(request: ranker_pb2.RecommendTracksRequest) -> Trial | None:
    """Read which variant of an experiment a request belongs to; None outside of experiments."""
    if not request.HasField("trial"):
        return None
    trial = request.trial
    variant = VARIANTS.get(trial.variant, Variant.CHAMPION)
    return Trial(variant, trial.challenger_version, trial.draft_key)


def _profile(profile: profile_pb2.Profile) -> AudioProfile:
    means, spreads = np.full(len(ATTRIBUTES), np.nan), np.full(len(ATTRIBUTES), np.nan)
    known = np.ones(len(ATTRIBUTES))
    for item in profile.statistics:
        # A newer profile service may describe an attribute that this ranker does not have.
        if name := NAME_OF.get(item.attribute):
            column = COLUMN[name]
            # An older profile service sends no share, and only profiles that know everything.
            known[column] = item.known if item.HasField("known") else 1.0
            means[column] = item.mean if item.HasField("mean") or known[column] else np.nan
            spreads[column] = item.spread if item.HasField("spread") or known[column] else np.nan
    return AudioProfile(
        np.array(profile.mean, dtype=np.float32),
        np.array(profile.spread, dtype=np.float32),
        np.array(profile.weights, dtype=np.float32),
        means,
        spreads,
        profile.standardiser_version,
        known,
    )


def preferences_of(sent: memory_pb2.Preferences) -> Preferences:
    """Read what a listener heard, liked and skipped; the common empty one if nothing was sent."""
    if not sent.track_ids:
        return NO_PREFERENCES
    return Preferences(
        sent.track_ids, sent.plays, sent.skips, sent.opinions, sent.days, sent.skipped
    )


def filters_of(filters: ranker_pb2.Filters) -> Filters:
    """Read the conditions on tracks.

    Raises:
        InvalidInput: An attribute is unknown or occurs twice, or a version is unknown.
    """
    ranges = [
        (
            item.attribute,
            (
                item.min if item.HasField("min") else None,
                item.max if item.HasField("max") else None,
            ),
        )
        for item in filters.ranges
    ]
    return Filters(
        ranges=by_attribute("filters", Reason.FILTER_RANGE, ranges),
        genres=tuple(filters.genres),
        explicit=filters.explicit if filters.HasField("explicit") else None,
        excluded_tracks=frozenset(map(track_id_of, filters.excluded_track_ids)),
        excluded_artists=frozenset(id_of("artist", name) for name in filters.excluded_artist_ids),
        sources=tuple(filters.sources),
        years=(
            filters.min_year if filters.HasField("min_year") else None,
            filters.max_year if filters.HasField("max_year") else None,
        ),
        excluded_genres=tuple(filters.excluded_genres),
        artists=tuple(id_of("artist", name) for name in filters.artist_ids),
        excluded_versions=frozenset(map(_version, filters.excluded_versions)),
    )


def _version(number: int) -> SongVersion:
    # A condition that is not applied would return what the caller excluded.
    for version, known in VERSION_NUMBERS.items():
        if known == number:
            return version
    allowed = ", ".join(VERSION_NUMBERS)
    raise InvalidInput(
        Reason.FILTER_RANGE,
        f"excluded_versions must be of {allowed}; got the number {number}",
        field="filters.excluded_versions",
    )
