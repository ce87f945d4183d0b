"""Reasons as columns, made from reasons as messages by the contract's own words."""

from collections.abc import Sequence

from quintet.ranker.v1 import ranker_pb2


def columns_of(reasons: Sequence[ranker_pb2.Reasons]) -> ranker_pb2.ReasonColumns:
    """Returns what `reason_columns` holds for tracks with these reasons, at least one."""
    contributions = [item for one in reasons for item in one.contributions]
    comparisons = [item for one in reasons for item in one.comparisons]
    return ranker_pb2.ReasonColumns(
        sentences=[one.sentence for one in reasons],
        closest_seed_ids=[one.closest_seed_id for one in reasons],
        closest_seed_similarities=[one.closest_seed_similarity for one in reasons],
        contribution_counts=[len(one.contributions) for one in reasons],
        features=[item.feature for item in contributions],
        contributions=[item.contribution for item in contributions],
        contribution_values=[item.value for item in contributions],
        attributes=[item.attribute for item in reasons[0].comparisons],
        values=[item.value for item in comparisons],
        seeds_means=[item.seeds_mean for item in comparisons],
        similarity_shares=[item.similarity_share for item in comparisons],
    )
