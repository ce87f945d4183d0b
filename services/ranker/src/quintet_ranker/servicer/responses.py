"""Write ranked lists as messages."""

from collections.abc import Sequence
from typing import Final

from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_engine.query import RankedTrack, Reasons
from quintet_servicekit.messages import NUMBER_OF
from quintet_servicekit.reasons import write_facts

from quintet_ranker.domain import PickOrigin, RecommendationAnswer
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
    )
    for track, origin in zip(ranking.tracks, origins, strict=True):
        _add_track(response, track, origin)
    reasons = [track.reasons for track in ranking.tracks if track.reasons is not None]
    if reasons:
        _fill_reasons(response.reasons, reasons)
    return response


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


def _fill_reasons(written: ranker_pb2.Reasons, reasons: Sequence[Reasons]) -> None:
    contributions = [item for one in reasons for item in one.contributions]
    written.sentences.extend([one.sentence for one in reasons])
    written.closest_seed_ids.extend([one.closest_seed for one in reasons])
    written.closest_seed_similarities.extend([one.closest_similarity for one in reasons])
    written.contribution_counts.extend([len(one.contributions) for one in reasons])
    written.features.extend([item.feature for item in contributions])
    written.contributions.extend([item.contribution for item in contributions])
    written.contribution_values.extend([item.value for item in contributions])
    # Every track is compared by the same attributes, so the first track's are written once.
    compared = reasons[0].comparisons
    comparisons = [item for one in reasons for item in one.comparisons]
    written.attributes.extend([NUMBER_OF[item.attribute] for item in compared])
    written.values.extend([item.value for item in comparisons])
    written.seeds_means.extend([item.seeds_mean for item in comparisons])
    written.similarity_shares.extend([item.similarity_share for item in comparisons])
    write_facts(written, [one.facts for one in reasons])
