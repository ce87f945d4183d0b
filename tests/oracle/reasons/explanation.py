"""Put together why each track of a list is in it: facts, sentence, contributions, comparisons."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_engine.catalogue import Rows
from quintet_engine.context import Context
from quintet_engine.features.weighting import weighted_units
from quintet_engine.query import AudioComparison, FeatureContribution, Reasons, SeedKind
from quintet_engine.reasons import Ranked
from quintet_engine.reasons.families import PLACE, SOUND
from quintet_explain import Fact, Kind, Reference, ReferenceKind, sentence_of
from quintet_modelkit.features import COLUMN, DIMENSIONS, dimensions_of

from tests.oracle.reasons.comparisons import ALIKE, Comparer
from tests.oracle.reasons.families import effects_of_booster, effects_of_cosine
from tests.oracle.reasons.liked import LikedFinder
from tests.oracle.reasons.relations import Effects, RelationFinder
from tests.oracle.reasons.selection import ordered, selected_relations, selected_targets

MOST_CONTRIBUTIONS: Final = 6
"""How many feature contributions a track has at most, the strongest."""
# Sums the encoded coordinates of each attribute (key has two): (14 coordinates, 14 attributes).
_DIMENSIONS_OF: Final = np.array(
    [[float(d in dimensions_of(name)) for name in ATTRIBUTES] for d in range(DIMENSIONS)],
    dtype=np.float32,
)


def explain(context: Context, ranked: Ranked) -> list[Reasons]:
    """Explain the rows of a list."""
    rows, catalogue = ranked.rows, context.catalogue
    raw = catalogue.columns[rows]
    cosines = np.clip(weighted_units(context, rows) @ context.seed_vectors.T, -1.0, 1.0)
    shares = np.asarray((catalogue.unit[rows] * context.vector) @ _DIMENSIONS_OF, np.float64)
    explainer = _Explainer(context, ranked, cosines, shares)
    strongest = _strongest(ranked.contributions, ranked.matrix, ranked.names)
    means = context.seeds_mean.tolist()
    closest = _closest_track(context, rows, cosines, explainer.references)
    result = []
    for place, (values, parts) in enumerate(zip(raw.tolist(), shares.tolist(), strict=True)):
        facts = explainer.facts(place)
        seed, title, similarity = closest[place]
        result.append(
            Reasons(
                sentence_of(facts, context.query.language),
                facts,
                seed,
                similarity,
                strongest[place] if strongest else (),
                tuple(map(AudioComparison, ATTRIBUTES, values, means, parts)),
                title,
            )
        )
    return result


class _Explainer:
    """Finds the facts of each row of one list."""

    def __init__(
        self,
        context: Context,
        ranked: Ranked,
        cosines: NDArray[np.float32],
        shares: NDArray[np.float64],
    ) -> None:
        self._context, self._rows = context, ranked.rows
        self._raw = context.catalogue.columns[ranked.rows]
        self._cosines = cosines
        self._relations = RelationFinder(context, ranked.rows, cosines)
        self.references = self._relations.references
        self._comparer = Comparer(context, self._raw)
        self._effects = _effects(ranked, shares)
        self._liked: LikedFinder | None = None
        if context.listener is not None and ranked.adjustment.listener:
            self._liked = LikedFinder(
                context.listener, context.catalogue, ranked.rows, ranked.adjustment
            )
        self._targets = {
            name: (values.tolist(), context.catalogue.distances(name, target, ranked.rows).tolist())
            for name, values in ranked.adjustment.targets.items()
            for target in (context.query.targets[name],)
        }

    def facts(self, place: int) -> tuple[Fact, ...]:
        """Find the facts of a row, in the order in which they are stated."""
        effects = self._effects[place]
        relations = selected_relations(self._relations.of(place, effects))
        targets = selected_targets(self._target_facts(place, effects))
        subject = self._subject(place, relations)
        comparisons = self._comparer.of(place, subject, effects)
        liked = [] if self._liked is None else self._liked.of(place, effects.total)
        found = [*targets, *relations, *liked, *comparisons]
        if not found:
            nearest = self._relations.nearest(place, effects)
            found = [] if nearest is None else [nearest]
        return ordered(found, subject)

    def _subject(self, place: int, relations: list[Fact]) -> Reference:
        """Choose the seed that attributes are compared with.

        That of the strongest relation, if it is a seed itself; else the nearest in sound.
        """
        for fact in relations[:1]:
            if fact.reference is not None and fact.reference.kind is not ReferenceKind.MEMBER:
                return fact.reference
        return self._relations.references[int(self._cosines[place].argmax())]

    def _target_facts(self, place: int, effects: Effects) -> list[Fact]:
        """State the fit to targets where it raised the score, or is too close to hear."""
        facts = []
        for name, (effect, distances) in self._targets.items():
            if effect[place] > 0 or distances[place] <= ALIKE:
                weight = effect[place] / effects.total if effects.total else 0.0
                value = float(self._raw[place, COLUMN[name]])
                if math.isnan(value):
                    continue
                target = self._context.query.targets[name]
                facts.append(Fact(Kind.TARGET, None, weight, name, value=value, other_value=target))
        return facts


def _effects(ranked: Ranked, shares: NDArray[np.float64]) -> list[Effects]:
    """Compute the effects of each row's families, in the unit of the final score."""
    if ranked.contributions is None:
        effects, totals = effects_of_cosine(shares, ATTRIBUTES)
    else:
        effects, totals = effects_of_booster(ranked.contributions, ranked.names)
    adjustment = ranked.adjustment
    effects, totals = effects / adjustment.spread, totals / adjustment.spread
    if adjustment.sound is not None:
        effects[:, PLACE[SOUND]] += adjustment.sound
        totals = totals + np.abs(adjustment.sound)
    for values in (*adjustment.targets.values(), *adjustment.listener.values()):
        totals = totals + np.abs(values)
    shares = effects / np.where(totals > 0, totals, 1.0)[:, None]
    return [Effects(*row) for row in zip(shares.tolist(), totals.tolist(), strict=True)]


def _closest_track(
    context: Context, rows: Rows, cosines: NDArray[np.float32], references: Sequence[Reference]
) -> list[tuple[str, str, float | None]]:
    """Find each row's nearest seed track, its title and the cosine.

    "", "" and None without a seed track that was analysed, and for a row that was not.
    """
    none = ("", "", None)
    tracks = np.flatnonzero(
        [
            view.seed.kind is SeedKind.TRACK and bool(vector.any())
            for view, vector in zip(context.seeds, context.seed_vectors, strict=True)
        ]
    )
    if not len(tracks):
        return [none] * len(rows)
    places = tracks[cosines[:, tracks].argmax(axis=1)]
    greatest = cosines[:, tracks].max(axis=1).tolist()
    nearest = [references[place] for place in places.tolist()]
    analysed = context.catalogue.analysed
    known = [True] * len(rows) if analysed is None else analysed[rows].tolist()
    return [
        (seed.id, seed.name, cosine) if is_known else none
        for seed, cosine, is_known in zip(nearest, greatest, known, strict=True)
    ]


def _strongest(
    contributions: NDArray[np.float64] | None, values: NDArray[np.float32], names: tuple[str, ...]
) -> list[tuple[FeatureContribution, ...]]:
    """Select the strongest contributions of each row; an empty list if no booster ranked."""
    if contributions is None:
        return []
    shares = contributions[:, :-1]
    sizes, most = -np.abs(shares), min(MOST_CONTRIBUTIONS, shares.shape[1])
    # Partition first: sorting only the few greatest takes a fraction of the time.
    first = np.argpartition(sizes, most - 1, axis=1)[:, :most]
    by_size = np.argsort(np.take_along_axis(sizes, first, axis=1), axis=1, kind="stable")
    order = np.take_along_axis(first, by_size, axis=1)
    picked = np.take_along_axis(shares, order, axis=1).tolist()
    seen = np.take_along_axis(values, order, axis=1).tolist()
    return [
        # A list first: a generator costs a call for each of its items.
        tuple(
            [
                FeatureContribution(names[feature], share, value)
                for feature, share, value in zip(*row, strict=True)
                if share != 0
            ]
        )
        for row in zip(order.tolist(), picked, seen, strict=True)
    ]
