"""Which facts of a track are stated, and in which order.

The fact that mattered most comes first. Then come the other facts about the same seed, then those
about other seeds, each in the order of weight, so that a sentence names a seed once.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from quintet_explain import Fact, Reference

MOST_RELATIONS: Final = 2
MOST_TARGETS: Final = 2
_WEIGHT: Final = attrgetter("weight")


def selected_relations(relations: Sequence[Fact]) -> list[Fact]:
    """Select the relations that mattered most, strongest first."""
    return sorted(relations, key=_WEIGHT, reverse=True)[:MOST_RELATIONS]


def selected_targets(targets: Sequence[Fact]) -> list[Fact]:
    """Select the targets whose fit mattered most, strongest first."""
    return sorted(targets, key=_WEIGHT, reverse=True)[:MOST_TARGETS]


def ordered(facts: Sequence[Fact], subject: Reference | None) -> tuple[Fact, ...]:
    """Order facts for stating.

    Args:
        facts: Those selected.
        subject: The reference that attributes are compared with.
    """
    if not facts:
        return ()
    first = max(facts, key=_WEIGHT)
    about = first.reference if first.reference is not None else subject

    def order(fact: Fact) -> tuple[bool, bool, float]:
        return (fact is not first, fact.reference not in (about, None), -fact.weight)

    return tuple(sorted(facts, key=order))
