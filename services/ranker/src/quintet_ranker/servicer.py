"""protobuf to domain and back; no decisions."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet_engine.query import (
    DEFAULT_LIMIT,
    DEFAULT_MAX_PER_ARTIST,
    Filters,
    Query,
    RankedTrack,
    Ranking,
    Reasons,
    Seed,
    SeedKind,
)
from quintet_modelkit.features import ATTRIBUTES, COLUMN, AudioProfile
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.metrics import DEGRADED

from quintet_ranker.domain import Run, Source, recommend

T = TypeVar("T")
# The enum numbers the attributes from 1 in the order of `ATTRIBUTES`; a test compares the names.
_FIRST: Final = 1
_KINDS: Final = {
    "track_id": SeedKind.TRACK,
    "artist_id": SeedKind.ARTIST,
    "genre": SeedKind.GENRE,
}


class RankerServicer(ranker_pb2_grpc.RankerServiceServicer):
    """Answers RecommendTracks and GetModel."""

    def __init__(self, source: Source, run: Run) -> None:
        self._source = source
        self._run = run

    async def RecommendTracks(
        self, request: ranker_pb2.RecommendTracksRequest, _context: Any
    ) -> ranker_pb2.RecommendTracksResponse:
        """Recommends tracks for seeds."""
        ranking = await recommend(self._source, self._run, query_of(request))
        for part in ranking.degraded:
            DEGRADED.labels(part).inc()
        return response_of(ranking, request.seeds)

    async def GetModel(
        self, _request: ranker_pb2.GetModelRequest, _context: Any
    ) -> ranker_pb2.GetModelResponse:
        """Returns what is served and what was refused."""
        facts = self._source.value.facts
        response = ranker_pb2.GetModelResponse(
            versions=ranker_pb2.Versions(
                model_version=facts.model_version,
                index_version=facts.index_version,
                catalogue_version=facts.catalogue_version,
            ),
            kind=facts.kind,
            feature_names=facts.feature_names,
            feature_hash=facts.feature_hash,
            track_count=facts.track_count,
            channels=facts.channels,
            metrics=facts.metrics,
            refused_version=self._source.refused_version,
            refused_reason=self._source.refused_reason,
        )
        response.create_time.FromDatetime(facts.create_time)
        if self._source.load_time is not None:
            response.load_time.FromDatetime(self._source.load_time)
        return response


def query_of(request: ranker_pb2.RecommendTracksRequest) -> Query:
    """Reads a request.

    Raises:
        InvalidInput: An attribute is not known or named twice.
    """
    weights = [(item.attribute, item.weight) for item in request.weights]
    targets = [(item.attribute, item.value) for item in request.targets]
    return Query(
        seeds=tuple(_seed(seed) for seed in request.seeds),
        negative_seeds=tuple(_seed(seed) for seed in request.negative_seeds),
        profile=_profile(request.profile) if request.HasField("profile") else None,
        weights=_by_attribute("weights", Reason.WEIGHT_RANGE, weights),
        targets=_by_attribute("targets", Reason.TARGET_RANGE, targets),
        filters=_filters(request.filters),
        limit=request.limit if request.HasField("limit") else DEFAULT_LIMIT,
        max_per_artist=(
            request.max_per_artist if request.HasField("max_per_artist") else DEFAULT_MAX_PER_ARTIST
        ),
        diversity=request.diversity,
        flow=request.flow,
        reasons=not request.omit_reasons,
        features=request.include_features,
    )


def response_of(
    ranking: Ranking, seeds: Sequence[profile_pb2.Seed]
) -> ranker_pb2.RecommendTracksResponse:
    """Writes an answer; `seeds` are the request's, in order."""
    pool = ranking.pool
    return ranker_pb2.RecommendTracksResponse(
        tracks=[_track(rank, track) for rank, track in enumerate(ranking.tracks, start=1)],
        versions=ranker_pb2.Versions(
            model_version=ranking.model_version,
            index_version=ranking.index_version,
            catalogue_version=ranking.catalogue_version,
        ),
        pool=ranker_pb2.PoolSizes(
            initial=pool.initial,
            after_filtering=pool.after_filtering,
            candidates=pool.candidates,
            after_relinking=pool.after_relinking,
        ),
        seed_pools=[
            ranker_pb2.SeedPool(
                seed=seed,
                initial=one.initial,
                after_filtering=one.after_filtering,
                after_relinking=one.after_relinking,
            )
            for seed, one in zip(seeds, ranking.seed_pools, strict=True)
        ],
        degraded=ranking.degraded,
        feature_names=ranking.feature_names,
    )


def _seed(seed: profile_pb2.Seed) -> Seed:
    chosen = seed.WhichOneof("kind")
    name = str(getattr(seed, chosen)) if chosen else ""
    kind = _KINDS[chosen] if chosen else SeedKind.TRACK
    return Seed(kind, name, seed.weight if seed.HasField("weight") else 1.0)


def _profile(profile: profile_pb2.Profile) -> AudioProfile:
    means, spreads = np.zeros(len(ATTRIBUTES)), np.zeros(len(ATTRIBUTES))
    for item in profile.statistics:
        if _FIRST <= item.attribute < _FIRST + len(ATTRIBUTES):
            means[item.attribute - _FIRST] = item.mean
            spreads[item.attribute - _FIRST] = item.spread
    return AudioProfile(
        np.array(profile.mean, dtype=np.float32),
        np.array(profile.spread, dtype=np.float32),
        np.array(profile.weights, dtype=np.float32),
        means,
        spreads,
        profile.standardiser_version,
    )


def _by_attribute(field: str, reason: Reason, items: Iterable[tuple[int, T]]) -> dict[str, T]:
    values: dict[str, T] = {}
    for index, (number, value) in enumerate(items):
        if not _FIRST <= number < _FIRST + len(ATTRIBUTES):
            raise InvalidInput(
                reason,
                f"{field}[{index}].attribute must be one of the fourteen; got {number}",
                field=f"{field}[{index}].attribute",
            )
        name = ATTRIBUTES[number - _FIRST]
        if name in values:
            raise InvalidInput(reason, f"{field} names {name} twice", field=f"{field}.{name}")
        values[name] = value
    return values


def _filters(filters: ranker_pb2.Filters) -> Filters:
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
        ranges=_by_attribute("filters", Reason.FILTER_RANGE, ranges),
        genres=tuple(filters.genres),
        explicit=filters.explicit if filters.HasField("explicit") else None,
        excluded_tracks=frozenset(filters.excluded_track_ids),
        excluded_artists=frozenset(filters.excluded_artist_ids),
    )


def _track(rank: int, track: RankedTrack) -> ranker_pb2.RankedTrack:
    return ranker_pb2.RankedTrack(
        track_id=track.track_id,
        rank=rank,
        score=track.score,
        similarity=track.similarity,
        channels=track.channels,
        reasons=None if track.reasons is None else _reasons(track.reasons),
        features=track.features,
    )


def _reasons(reasons: Reasons) -> ranker_pb2.Reasons:
    return ranker_pb2.Reasons(
        sentence=reasons.sentence,
        closest_seed_id=reasons.closest_seed,
        closest_seed_similarity=reasons.closest_similarity,
        contributions=[
            ranker_pb2.FeatureContribution(
                feature=item.feature, contribution=item.contribution, value=item.value
            )
            for item in reasons.contributions
        ],
        comparisons=[
            ranker_pb2.AudioComparison(
                attribute=profile_pb2.Attribute.ValueType(COLUMN[item.attribute] + _FIRST),
                value=item.value,
                seeds_mean=item.seeds_mean,
                similarity_share=item.similarity_share,
            )
            for item in reasons.comparisons
        ],
    )
