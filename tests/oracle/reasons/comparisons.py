"""Comparisons of a track with one seed: attributes, tempo and key.

An attribute is worth a word where it differs from the seed's, or where both are notable: far from
the catalogue's mean on the same side. Two tracks that are both not acoustic are not "equally
acoustic". An attribute that the query weighs 0, or aims at a target, is not compared.
"""

import math
from collections.abc import Mapping
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.context import Context
from quintet_engine.music import tempo_distance, wheel_distance, wheel_places
from quintet_engine.reasons.families import PLACE
from quintet_explain import Fact, Kind, Reference, ReferenceKind, Relation
from quintet_explain.sentences import wordable
from quintet_modelkit.features import COLUMN, Raw

from tests.oracle.reasons.relations import Effects

ALIKE: Final = 0.25
"""Differences up to this many standard deviations are called alike."""
DIFFERENT: Final = 0.75
"""Differences from this many standard deviations on are worth naming."""
NOTABLE: Final = 0.75
"""Values this many standard deviations from the catalogue's mean are notable."""
SAME_TEMPO: Final = 0.08
"""Tempi within 8 % are the same range."""
MOST_ALIKE: Final = 2
MOST_DIFFERENT: Final = 2
# `SAME_TEMPO` in octaves, as `tempo_distance` measures.
_SAME_OCTAVES: Final = -math.log2(1 - SAME_TEMPO)
_COMPARED: Final = (
    *("energy", "acousticness", "danceability", "valence", "instrumentalness"),
    *("speechiness", "liveness", "loudness"),
)
# How two values may be related, by the number that arrays use.
_RELATIONS: Final = (Relation.NONE, Relation.MORE, Relation.LESS, Relation.HIGH, Relation.LOW)
_WEIGHT: Final = attrgetter("weight")
# The attributes that each kind of comparison reads: weight 0 for one of them silences it.
_READ_BY_KEY: Final = ("key", "mode")


class Comparer:
    """Compares the rows of one list with the seeds.

    Args:
        context: The prepared query.
        raw: float64 (k, 14), the rows' attributes.
    """

    def __init__(self, context: Context, raw: Raw) -> None:
        self._seeds = context.seed_raw
        self._raw = raw
        deviations, centres = context.catalogue.deviations, context.catalogue.centres
        self._scores = ((raw - centres) / deviations).tolist()
        self._seed_scores = ((self._seeds - centres) / deviations).tolist()
        tempo = COLUMN["tempo"]
        self._octaves = tempo_distance(raw[:, None, tempo], self._seeds[None, :, tempo])
        self._steps = wheel_distance(wheel_places(raw)[:, None], wheel_places(self._seeds)[None, :])
        silent = silenced(context.query.weights, context.query.targets)
        self._attributes = [name for name in _COMPARED if name not in silent]
        self._relations = self._attribute_relations()
        self._compares_tempo = "tempo" not in silent
        self._compares_key = not silent.intersection(_READ_BY_KEY)

    def of(self, place: int, reference: Reference, effects: Effects) -> list[Fact]:
        """Compare a row with a seed: at most two facts in common and two differences.

        What is alike has to have raised the score; a difference has to have changed it.
        """
        facts = [
            *self._attribute_facts(place, reference, effects),
            *self._tempo_facts(place, reference, effects),
            *self._key_facts(place, reference, effects),
        ]
        differs = (Relation.MORE, Relation.LESS)
        alike = [fact for fact in facts if fact.relation not in differs and fact.weight > 0]
        different = [fact for fact in facts if fact.relation in differs and fact.weight]
        return [
            *sorted(alike, key=_WEIGHT, reverse=True)[:MOST_ALIKE],
            *_heaviest(different)[:MOST_DIFFERENT],
        ]

    def _attribute_facts(self, place: int, reference: Reference, effects: Effects) -> list[Fact]:
        relations = self._relations[place][reference.seed]
        return [
            self._fact(Kind.ATTRIBUTE, place, reference, effects, name, _RELATIONS[relation])
            for name, relation in zip(self._attributes, relations, strict=True)
            if relation and effects.shares[PLACE[name]]
        ]

    def _attribute_relations(self) -> list[list[list[int]]]:
        """Relate all rows to all seeds at once: [row][seed][attribute], places in `_RELATIONS`."""
        columns = [COLUMN[name] for name in self._attributes]
        ours = np.array(self._scores)[:, None, columns]
        theirs = np.array(self._seed_scores)[None, :, columns]
        relations = relations_of(ours, theirs)
        # Without a word there is nothing to state.
        worded = np.array(
            [[name in wordable(each) for name in self._attributes] for each in _RELATIONS], np.bool_
        )
        is_worded = worded[relations, np.arange(len(columns))]
        listed: list[list[list[int]]] = np.where(is_worded, relations, 0).tolist()
        return listed

    def _tempo_facts(self, place: int, reference: Reference, effects: Effects) -> list[Fact]:
        # NaN compares as false, so an unknown tempo is not mentioned.
        if not self._compares_tempo or not self._octaves[place, reference.seed] <= _SAME_OCTAVES:
            return []
        column = COLUMN["tempo"]
        ratio = self._raw[place, column] / self._seeds[reference.seed, column]
        relation = _tempo_relation(
            ratio, self._scores[place][column], self._seed_scores[reference.seed][column]
        )
        return [self._fact(Kind.TEMPO, place, reference, effects, "tempo", relation)]

    def _key_facts(self, place: int, reference: Reference, effects: Effects) -> list[Fact]:
        # The mean of many keys is no key.
        is_track = reference.kind is ReferenceKind.TRACK
        fits = is_track and self._steps[place, reference.seed] <= 1
        if not self._compares_key or not fits:
            return []
        return [self._fact(Kind.KEY, place, reference, effects, "key", Relation.SAME)]

    def _fact(
        self,
        kind: Kind,
        place: int,
        reference: Reference,
        effects: Effects,
        attribute: str,
        relation: Relation,
    ) -> Fact:
        column = COLUMN[attribute]
        return Fact(
            kind,
            reference,
            effects.shares[PLACE[attribute]],
            attribute,
            relation,
            float(self._raw[place, column]),
            float(self._seeds[reference.seed, column]),
        )


def _heaviest(facts: list[Fact]) -> list[Fact]:
    """Order facts by the size of their weight, whichever its sign."""
    if len(facts) < 2:
        return facts
    return sorted(facts, key=lambda fact: -abs(fact.weight))


def silenced(weights: Mapping[str, float], targets: Mapping[str, float]) -> set[str]:
    """List the attributes that are not compared: the ranking ignores them, or aims elsewhere."""
    return {name for name in ATTRIBUTES if weights.get(name) == 0 or name in targets}


def relations_of(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> NDArray[np.int64]:
    """Relate values in standard deviations from the catalogue's mean, as places in `_RELATIONS`.

    NONE where they neither differ nor are notable.
    """
    gap = ours - theirs
    alike = np.abs(gap) <= ALIKE
    conditions = [
        gap >= DIFFERENT,
        gap <= -DIFFERENT,
        alike & (np.minimum(ours, theirs) >= NOTABLE),
        alike & (np.maximum(ours, theirs) <= -NOTABLE),
    ]
    return np.select(conditions, [1, 2, 3, 4], 0)


def _tempo_relation(ratio: float, ours: float, theirs: float) -> Relation:
    """Relate two tempi that are the same, or one of them double the other."""
    if ratio > 1.5:
        return Relation.DOUBLE
    if ratio < 0.75:
        return Relation.HALF
    if min(ours, theirs) >= NOTABLE:
        return Relation.HIGH
    return Relation.LOW if max(ours, theirs) <= -NOTABLE else Relation.SAME
