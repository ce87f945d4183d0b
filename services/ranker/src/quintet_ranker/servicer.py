"""Convert gRPC requests of the ranker to domain objects, and answers back; no decisions."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2, ranker_pb2_grpc
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.query import (
    DEFAULT_LIMIT,
    DEFAULT_MAX_PER_ARTIST,
    Filters,
    Query,
    RankedTrack,
    Reasons,
)
from quintet_modelkit.features import COLUMN, AudioProfile
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.logs import note_answered
from quintet_servicekit.messages import NAME_OF, NUMBER_OF, by_attribute, seed_of
from quintet_servicekit.metrics import DEGRADED
from quintet_text.track_ids import id_of, track_id_of

from quintet_ranker.domain import (
    ModelSource,
    PickOrigin,
    RecommendationAnswer,
    Recommender,
    Trial,
    Variant,
    is_version,
)

# A number of a newer caller that is not listed here means the champion: see `trial_of`.
_VARIANTS: Final = {
    ranker_pb2.VARIANT_CHAMPION: Variant.CHAMPION,
    ranker_pb2.VARIANT_CHALLENGER: Variant.CHALLENGER,
    ranker_pb2.VARIANT_INTERLEAVE: Variant.INTERLEAVE,
    ranker_pb2.VARIANT_SHADOW: Variant.SHADOW,
}
_VARIANT_NUMBERS: Final = {variant: number for number, variant in _VARIANTS.items()}
_ORIGINS: Final = {
    PickOrigin.NOBODY: ranker_pb2.ORIGIN_UNSPECIFIED,
    PickOrigin.CHAMPION: ranker_pb2.ORIGIN_CHAMPION,
    PickOrigin.CHALLENGER: ranker_pb2.ORIGIN_CHALLENGER,
}


class RankerServicer(ranker_pb2_grpc.RankerServiceServicer):
    """The methods of RankerService.

    Args:
        source: The models served.
        recommender: Chooses which models answer a request.
    """

    def __init__(self, source: ModelSource, recommender: Recommender) -> None:
        self._source = source
        self._recommender = recommender

    async def RecommendTracks(
        self, request: ranker_pb2.RecommendTracksRequest, _context: Any
    ) -> ranker_pb2.RecommendTracksResponse:
        """Recommend tracks for seeds."""
        answer = await self._recommender.answer(query_of(request), trial_of(request))
        response = response_of(answer, request.seeds, in_columns=request.reason_columns)
        if self._source.registry_unavailable:
            response.degraded.append(Part.REGISTRY)
        for part in response.degraded:
            DEGRADED.labels(part).inc()
        note_answered(
            model=answer.ranking.model_version, catalogue=answer.ranking.catalogue_version
        )
        return response

    async def GetModel(
        self, _request: ranker_pb2.GetModelRequest, _context: Any
    ) -> ranker_pb2.GetModelResponse:
        """Report the model served and the version rejected last; changes nothing."""
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
            challenger_version=self._source.challenger_version,
            challenger_refused_reason=self._source.challenger_refused_reason,
        )
        response.create_time.FromDatetime(facts.create_time)
        if self._source.load_time is not None:
            response.load_time.FromDatetime(self._source.load_time)
        return response

    async def HoldChallenger(
        self, request: ranker_pb2.HoldChallengerRequest, _context: Any
    ) -> ranker_pb2.HoldChallengerResponse:
        """Start loading a challenger, or keep it for some minutes more; does not wait for it."""
        version = request.challenger_version
        if not is_version(version):
            raise InvalidInput(
                Reason.REQUEST_MALFORMED,
                "challenger_version must be 1 to 128 letters, digits and ._-, beginning with a "
                f"letter or a digit, such as a version that GetModel names; got {version!r}",
                field="challenger_version",
            )
        # No await between the two calls: the reason is that of this version.
        held = self._source.hold_challenger(version) is not None
        reason = "" if held else self._source.challenger_refused_reason
        return ranker_pb2.HoldChallengerResponse(held=held, refused_reason=reason)


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


def trial_of(request: ranker_pb2.RecommendTracksRequest) -> Trial | None:
    """Read which variant of an experiment a request belongs to; None outside of experiments."""
    if not request.HasField("trial"):
        return None
    trial = request.trial
    variant = _VARIANTS.get(trial.variant, Variant.CHAMPION)
    return Trial(variant, trial.challenger_version, trial.draft_key)


def response_of(
    answer: RecommendationAnswer, seeds: Sequence[profile_pb2.Seed], *, in_columns: bool = False
) -> ranker_pb2.RecommendTracksResponse:
    """Write an answer as a message.

    Args:
        answer: The ranked list and the models that made it.
        seeds: The seeds of the request, in order.
        in_columns: Write reasons as columns, if every track has reasons.
    """
    ranking, pool = answer.ranking, answer.ranking.pool
    origins = answer.origins or (PickOrigin.NOBODY,) * len(ranking.tracks)
    response = ranker_pb2.RecommendTracksResponse(
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
        variant=(
            ranker_pb2.VARIANT_UNSPECIFIED
            if answer.variant is None
            else _VARIANT_NUMBERS[answer.variant]
        ),
        ranking_seconds=answer.seconds,
    )
    for track, origin in zip(ranking.tracks, origins, strict=True):
        _add_track(response, track, origin)
    reasons = [track.reasons for track in ranking.tracks if track.reasons is not None]
    if in_columns and len(reasons) == len(ranking.tracks):
        _fill_columns(response.reason_columns, reasons)
        return response
    for written, track in zip(response.tracks, ranking.tracks, strict=True):
        if track.reasons is not None:
            _fill_reasons(written.reasons, track.reasons)
    return response


def _profile(profile: profile_pb2.Profile) -> AudioProfile:
    means, spreads = np.zeros(len(ATTRIBUTES)), np.zeros(len(ATTRIBUTES))
    for item in profile.statistics:
        # A newer profile service may describe an attribute that this ranker does not have.
        if name := NAME_OF.get(item.attribute):
            means[COLUMN[name]], spreads[COLUMN[name]] = item.mean, item.spread
    return AudioProfile(
        np.array(profile.mean, dtype=np.float32),
        np.array(profile.spread, dtype=np.float32),
        np.array(profile.weights, dtype=np.float32),
        means,
        spreads,
        profile.standardiser_version,
    )


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
        ranges=by_attribute("filters", Reason.FILTER_RANGE, ranges),
        genres=tuple(filters.genres),
        explicit=filters.explicit if filters.HasField("explicit") else None,
        excluded_tracks=frozenset(map(track_id_of, filters.excluded_track_ids)),
        excluded_artists=frozenset(id_of("artist", name) for name in filters.excluded_artist_ids),
    )


def _add_track(
    response: ranker_pb2.RecommendTracksResponse, track: RankedTrack, origin: PickOrigin
) -> None:
    """Append a track to a response.

    `add` and field assignments fill a message in place. A separate message would be copied into the
    list, and again with the response, which takes twice as long as everything else here.
    """
    response.tracks.add(
        track_id=track.track_id,
        rank=len(response.tracks) + 1,
        score=track.score,
        similarity=track.similarity,
        channels=track.channels,
        features=track.features,
        origin=_ORIGINS[origin],
    )


def _fill_reasons(written: ranker_pb2.Reasons, reasons: Reasons) -> None:
    # Marks the message as present even if every field is empty.
    written.SetInParent()
    written.sentence = reasons.sentence
    written.closest_seed_id = reasons.closest_seed
    written.closest_seed_similarity = reasons.closest_similarity
    add_contribution = written.contributions.add
    for feature, contribution, value in reasons.contributions:
        add_contribution(feature=feature, contribution=contribution, value=value)
    add_comparison = written.comparisons.add
    for attribute, value, seeds_mean, share in reasons.comparisons:
        add_comparison(
            attribute=NUMBER_OF[attribute],
            value=value,
            seeds_mean=seeds_mean,
            similarity_share=share,
        )


def _fill_columns(written: ranker_pb2.ReasonColumns, reasons: Sequence[Reasons]) -> None:
    written.SetInParent()
    contributions = [item for one in reasons for item in one.contributions]
    written.sentences.extend([one.sentence for one in reasons])
    written.closest_seed_ids.extend([one.closest_seed for one in reasons])
    written.closest_seed_similarities.extend([one.closest_similarity for one in reasons])
    written.contribution_counts.extend([len(one.contributions) for one in reasons])
    written.features.extend([item.feature for item in contributions])
    written.contributions.extend([item.contribution for item in contributions])
    written.contribution_values.extend([item.value for item in contributions])
    # Every track is compared by the same attributes, so the first track's are written once.
    compared = reasons[0].comparisons if reasons else ()
    comparisons = [item for one in reasons for item in one.comparisons]
    written.attributes.extend([NUMBER_OF[item.attribute] for item in compared])
    written.values.extend([item.value for item in comparisons])
    written.seeds_means.extend([item.seeds_mean for item in comparisons])
    written.similarity_shares.extend([item.similarity_share for item in comparisons])
