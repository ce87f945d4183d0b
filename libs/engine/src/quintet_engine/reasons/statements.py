"""Facts as `kernel.reasons` finds them, with the names that they state, and as objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_explain import Fact, Kind, Reference
from quintet_explain.sentences import clause_of, joined, needs_name

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.context import Context
from quintet_engine.kernel.layout import fixed
from quintet_engine.listening import PARTS
from quintet_engine.reasons.asked import RELATIONS
from quintet_engine.reasons.references import references_of

KINDS: Final = tuple(Kind)
"""By the numbers that `kernel.reasons` gives them."""
STATED: Final = (*ATTRIBUTES, *PARTS, "")
"""What facts have as their attribute, by number: attributes, links to liked tracks. The last one is
for none, whose number is -1."""


@dataclass(frozen=True)
class Statements:
    """The facts of k tracks.

    Attributes:
        codes: int32 (k, facts, `CODES`); the name is a place in `names`.
        numbers: float64 (k, facts, `NUMBERS`).
        sizes: int32 (k,), how many facts each track has.
        names: The names that facts state; the first is for none.
        references: What facts refer to, by number; all seeds are among them.
        seeds: How many seeds there are.
        language: The language of the sentences.
    """

    codes: NDArray[np.int32]
    numbers: NDArray[np.float64]
    sizes: NDArray[np.int32]
    names: list[str]
    references: dict[int, Reference]
    seeds: int
    language: str

    @cached_property
    def facts(self) -> list[tuple[Fact, ...]]:
        """The facts of each track, in the order in which they are stated."""
        is_fact = _is_fact(self.codes, self.sizes)
        references: dict[int, Reference | None] = {**self.references, -1: None}
        kinds, referred, attributes, relations, names = self.codes[is_fact].T.tolist()
        weights, values, others = self.numbers[is_fact].T.tolist()
        # By columns, so that the loops are those of `map` and `zip`.
        columns = (
            *(map(KINDS.__getitem__, kinds), map(references.__getitem__, referred), weights),
            *(map(STATED.__getitem__, attributes), map(RELATIONS.__getitem__, relations)),
            *(values, others, map(self.names.__getitem__, names)),
        )
        facts = list(map(Fact._make, zip(*columns, strict=True)))
        ends = np.cumsum(self.sizes).tolist()
        return [tuple(facts[a:b]) for a, b in zip([0, *ends], ends, strict=False)]

    @cached_property
    def sentences(self) -> list[str]:
        """The facts of each track as one sentence."""
        from quintet_engine.kernel.clauses import clauses

        averages = np.zeros(max(self.references, default=0) + 1, np.uint8)
        for number, reference in self.references.items():
            averages[number] = needs_name(Kind.SOUND, reference)
        first: dict[str, int] = {}
        same = [first.setdefault(name, place) for place, name in enumerate(self.names)]
        places, amounts, begins = clauses(
            *(self.codes, self.numbers, self.sizes),
            *(fixed(averages, np.uint8), fixed(same, np.int32)),
        )
        texts = [
            clause_of(self.facts[track], fact, "known" if known else "new", self.language)
            for track, fact, known in begins.tolist()
        ]
        return [
            joined([texts[number] for number in numbers[:amount]], self.language)
            for numbers, amount in zip(places.tolist(), amounts.tolist(), strict=True)
        ]


def statements_of(
    context: Context,
    owners: NDArray[np.int32],
    listened: Rows,
    numbers: Sequence[NDArray[Any]],
    named: NDArray[np.int32],
    used: NDArray[np.uint8],
) -> tuple[Statements, NDArray[np.int32]]:
    """Look up the names that the facts of a list state.

    Args:
        context: The prepared query.
        owners: int32 (m,), the seed that each seed row stands for.
        listened: int64, the tracks of the listener's memory that facts refer to.
        numbers: From `kernel.describing.describe`: codes, numbers and sizes come first.
        named: Likewise.
        used: Likewise.

    Returns:
        The facts, and the place of each reference in `Statements.references`, int32 (references,).
    """
    codes, values, sizes, *_ = numbers
    references = references_of(context, owners, listened, np.flatnonzero(used).tolist())
    places = np.zeros(max(len(used), 1), np.int32)
    places[list(references)] = range(len(references))
    names = _names(context.catalogue, named)
    language, seeds = context.query.language, len(context.seeds)
    return Statements(codes, values, sizes, names, references, seeds, language), places


def _names(catalogue: Catalogue, named: NDArray[np.int32]) -> list[str]:
    """Look up names by `kernel.describing`'s numbers of them; the first is for none."""
    rows, numbers = named.T
    is_genre = rows < 0
    if not is_genre.any():
        return ["", *catalogue.credited(rows, numbers)]
    names = np.empty(len(named), object)
    names[is_genre] = [catalogue.genres[number] for number in numbers[is_genre].tolist()]
    names[~is_genre] = catalogue.credited(rows[~is_genre], numbers[~is_genre])
    return ["", *names.tolist()]


def _is_fact(codes: NDArray[np.int32], sizes: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.asarray(np.arange(codes.shape[1]) < sizes[:, None], np.bool_)
