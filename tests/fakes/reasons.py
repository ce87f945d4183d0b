"""Reasons of made-up tracks, in the JSON that the ranker sends."""

from collections.abc import Sequence
from typing import Any

from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.query import AudioComparison, FeatureContribution, Reasons
from quintet_explain import Fact, Kind, Reference, ReferenceKind, Relation


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
        f"Song {closest_seed}" if closest_seed else "",
    )


def facts_of(reasons: dict[str, Any]) -> list[Fact]:
    """Reads the facts of a track back from JSON."""
    return [
        Fact(
            Kind(fact["kind"]),
            None if fact["reference"] is None else _reference(fact["reference"]),
            fact["weight"],
            fact["attribute"],
            Relation(fact["relation"]),
            fact["value"],
            fact["other_value"],
            fact["name"],
        )
        for fact in reasons["facts"]
    ]


def _reference(written: dict[str, Any]) -> Reference:
    kind = ReferenceKind(written["kind"])
    return Reference(written["seed"], kind, written["id"], written["name"], written["artist"])
