"""Write ranked lists as messages."""

from collections.abc import Sequence
from typing import Final

from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_engine.query import Discovery, RankedTrack

from quintet_ranker.domain import PickOrigin, RecommendationAnswer, Registered, RegistryState
from quintet_ranker.servicer.requests import VARIANTS

_VARIANT_NUMBERS: Final = {variant: number for number, variant in VARIANTS.items()}
_ORIGINS: Final = {
    PickOrigin.NOBODY: ranker_pb2.ORIGIN_UNSPECIFIED,
    PickOrigin.CHAMPION: ranker_pb2.ORIGIN_CHAMPION,
    PickOrigin.CHALLENGER: ranker_pb2.ORIGIN_CHALLENGER,
}


def response_of(
    answer: RecommendationAnswer, seeds: Sequence[profile_pb2.Seed]
) -> ranker_pb2.RecommendTracksResponse:
    """Write an answer as a message.

    Args:
        answer: The ranked list and the models that made it.
        seeds: The seeds of the request, in order.
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
            unknown_filtered=pool.unknown_filtered,
        ),
        seed_pools=[
            ranker_pb2.SeedPool(
                seed=seed,
                initial=one.initial,
                after_filtering=one.after_filtering,
                after_relinking=one.after_relinking,
            )
            for seed, one in zip(
                seeds if ranking.seed_pools else (), ranking.seed_pools, strict=True
            )
        ],
        degraded=ranking.degraded,
        feature_names=ranking.feature_names,
        variant=(
            ranker_pb2.VARIANT_UNSPECIFIED
            if answer.variant is None
            else _VARIANT_NUMBERS[answer.variant]
        ),
        ranking_seconds=answer.seconds,
        discovery=_discovery(ranking.discovery),
    )
    for track, origin in zip(ranking.tracks, origins, strict=True):
        _add_track(response, track, origin)
    return response


def _discovery(made: Discovery | None) -> ranker_pb2.Discovery | None:
    if made is None:
        return None
    return ranker_pb2.Discovery(
        value=made.value,
        new_count=made.new,
        known_count=made.known,
        from_memory=made.from_memory,
        lacks_new=made.lacks_new,
        lacks_known=made.lacks_known,
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
        known=track.known,
        heard=track.heard,
        reasons_json=b"" if track.explanation is None else track.explanation.json,
    )


_REGISTRY_STATES: Final = {
    RegistryState.UNKNOWN: ranker_pb2.REGISTRY_STATE_UNSPECIFIED,
    RegistryState.UP: ranker_pb2.REGISTRY_STATE_UP,
    RegistryState.UNAVAILABLE: ranker_pb2.REGISTRY_STATE_UNAVAILABLE,
    RegistryState.OFF: ranker_pb2.REGISTRY_STATE_OFF,
}


def models_response(found: Registered) -> ranker_pb2.ListModelsResponse:
    """Write the models of the registry as an answer."""
    answer = ranker_pb2.ListModelsResponse(
        registry=_REGISTRY_STATES[found.state], previous_champion=found.previous_champion
    )
    for model in found.models:
        row = answer.models.add(
            number=model.number,
            model_version=model.model_version,
            kind=model.kind,
            catalogue_version=model.catalogue_version,
            aliases=model.aliases,
            metrics=model.metrics,
        )
        row.create_time.FromDatetime(model.create_time)
        if model.promote_time is not None:
            row.promote_time.FromDatetime(model.promote_time)
    return answer
