"""The columns that carry a list's reasons from the ranker: numbers of the proto's enums, slices.

`quintet.ranker.v1.Reasons` is the one form of reasons between processes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final

from quintet.ranker.v1 import ranker_pb2
from quintet_explain import Fact, Kind, Reference, ReferenceKind, Relation

from quintet_servicekit.messages import NUMBER_OF

KIND_NUMBERS: Final = {kind: ranker_pb2.FactKind.Value(f"FACT_KIND_{kind.name}") for kind in Kind}
RELATION_NUMBERS: Final = {
    relation: ranker_pb2.FactRelation.Value(
        f"FACT_RELATION_{relation.name if relation else 'UNSPECIFIED'}"
    )
    for relation in Relation
}
REFERENCE_NUMBERS: Final = {
    kind: ranker_pb2.FactReferenceKind.Value(f"FACT_REFERENCE_KIND_{kind.name}")
    for kind in ReferenceKind
}
# Plain texts, which JSON writers take faster than enum members; a newer ranker may send others.
KIND_NAMES: Final[Mapping[int, str]] = {number: kind.value for kind, number in KIND_NUMBERS.items()}
RELATION_NAMES: Final[Mapping[int, str]] = {
    number: relation.value for relation, number in RELATION_NUMBERS.items()
}
REFERENCE_NAMES: Final[Mapping[int, str]] = {
    number: kind.value for kind, number in REFERENCE_NUMBERS.items()
}

# The columns with one value per track, and those with one run of values per track.
_BY_TRACK: Final = (
    *("sentences", "closest_seed_ids", "closest_seed_similarities"),
    *("contribution_counts", "fact_counts"),
)
_COUNTED: Final = {
    "contribution_counts": ("features", "contributions", "contribution_values"),
    "fact_counts": (
        *("fact_kinds", "fact_weights", "fact_attributes", "fact_relations"),
        *("fact_values", "fact_other_values", "fact_names"),
    ),
}
_BY_ATTRIBUTE: Final = ("values", "seeds_means", "similarity_shares")


def write_facts(columns: ranker_pb2.Reasons, facts_of_tracks: Sequence[Sequence[Fact]]) -> None:
    """Write the facts of a list's tracks, each reference once."""
    facts = [fact for facts in facts_of_tracks for fact in facts]
    places: dict[Reference, int] = {}
    references = []
    for fact in facts:
        if fact.reference is None:
            references.append(-1)
        else:
            references.append(places.setdefault(fact.reference, len(places)))
    columns.fact_counts.extend([len(each) for each in facts_of_tracks])
    columns.fact_kinds.extend([KIND_NUMBERS[fact.kind] for fact in facts])
    columns.fact_references.extend(references)
    columns.fact_weights.extend([fact.weight for fact in facts])
    columns.fact_attributes.extend(
        [NUMBER_OF[fact.attribute] if fact.attribute else 0 for fact in facts]  # type: ignore[misc]
    )
    columns.fact_relations.extend([RELATION_NUMBERS[fact.relation] for fact in facts])
    columns.fact_values.extend([fact.value for fact in facts])
    columns.fact_other_values.extend([fact.other_value for fact in facts])
    columns.fact_names.extend([fact.name for fact in facts])
    for seed, kind, name_id, name, artist in places:
        columns.references.add(
            seed=seed, kind=REFERENCE_NUMBERS[kind], id=name_id, name=name, artist=artist
        )


def runs(counts: Iterable[int]) -> Iterator[slice]:
    """Find each track's run in a column, from the number of values that each track has."""
    return (slice(begin, end) for begin, end in pairwise(accumulate(counts, initial=0)))


def append_reasons(columns: ranker_pb2.Reasons, other: ranker_pb2.Reasons, track: int) -> None:
    """Append the reasons of one track of another response, for a list made of two responses.

    Args:
        columns: The reasons that grow by one track.
        other: The reasons of the other response.
        track: The place of the track in the other response.
    """
    for counts, names in _COUNTED.items():
        run = list(runs(getattr(other, counts)))[track]
        for name in names:
            getattr(columns, name).extend(getattr(other, name)[run])
        if counts == "fact_counts":
            _append_references(columns, other, run)
    for name in _BY_TRACK:
        getattr(columns, name).append(getattr(other, name)[track])
    width = len(other.attributes)
    if not columns.attributes:
        columns.attributes.extend(other.attributes)
    for name in _BY_ATTRIBUTE:
        values = getattr(other, name)[track * width : (track + 1) * width]
        getattr(columns, name).extend(values)


def _append_references(columns: ranker_pb2.Reasons, other: ranker_pb2.Reasons, run: slice) -> None:
    """Append the references of a track's facts, as places in the joined table."""
    for place in other.fact_references[run]:
        if place < 0:
            columns.fact_references.append(place)
            continue
        reference = other.references[place]
        if reference not in columns.references:
            columns.references.append(reference)
        columns.fact_references.append(list(columns.references).index(reference))
