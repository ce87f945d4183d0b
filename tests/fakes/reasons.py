"""Reasons of made-up tracks, in the columns that the ranker sends."""

from collections.abc import Sequence

from quintet.ranker.v1 import ranker_pb2
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.query import AudioComparison, FeatureContribution, Reasons
from quintet_explain import Fact, Reference, ReferenceKind
from quintet_servicekit.messages import NAME_OF, NUMBER_OF
from quintet_servicekit.reasons import (
    KIND_NUMBERS,
    REFERENCE_NAMES,
    RELATION_NUMBERS,
    runs,
    write_facts,
)


def reasons_of(
    sentence: str,
    facts: Sequence[Fact] = (),
    closest_seed: str = "",
    similarity: float = 0.0,
    contributions: int = 0,
) -> Reasons:
    """Returns reasons with a sentence; values count up, so that no two are mixed up unseen."""
    return Reasons(
        sentence,
        tuple(facts),
        closest_seed,
        similarity,
        tuple(FeatureContribution(f"f{n}", -n, contributions + n) for n in range(contributions)),
        tuple(AudioComparison(name, n, n / 2, n / 4) for n, name in enumerate(ATTRIBUTES)),
    )


def columns_of(reasons: Sequence[Reasons]) -> ranker_pb2.Reasons:
    """Returns the columns of a list's reasons."""
    contributions = [item for one in reasons for item in one.contributions]
    comparisons = [item for one in reasons for item in one.comparisons]
    columns = ranker_pb2.Reasons(
        sentences=[one.sentence for one in reasons],
        closest_seed_ids=[one.closest_seed for one in reasons],
        closest_seed_similarities=[one.closest_similarity for one in reasons],
        contribution_counts=[len(one.contributions) for one in reasons],
        features=[item.feature for item in contributions],
        contributions=[item.contribution for item in contributions],
        contribution_values=[item.value for item in contributions],
        attributes=[NUMBER_OF[name] for name in ATTRIBUTES],
        values=[item.value for item in comparisons],
        seeds_means=[item.seeds_mean for item in comparisons],
        similarity_shares=[item.similarity_share for item in comparisons],
    )
    write_facts(columns, [one.facts for one in reasons])
    return columns


def facts_of(columns: ranker_pb2.Reasons) -> list[list[Fact]]:
    """Reads the facts of each track back from the columns."""
    kinds = {number: kind for kind, number in KIND_NUMBERS.items()}
    relations = {number: relation for relation, number in RELATION_NUMBERS.items()}
    references = [
        Reference(
            each.seed, ReferenceKind(REFERENCE_NAMES[each.kind]), each.id, each.name, each.artist
        )
        for each in columns.references
    ]
    facts = [
        Fact(
            kinds[kind],
            None if columns.fact_references[n] < 0 else references[columns.fact_references[n]],
            columns.fact_weights[n],
            NAME_OF.get(columns.fact_attributes[n], ""),
            relations[columns.fact_relations[n]],
            columns.fact_values[n],
            columns.fact_other_values[n],
            columns.fact_names[n],
        )
        for n, kind in enumerate(columns.fact_kinds)
    ]
    return [facts[run] for run in runs(columns.fact_counts)]
