"""Facts as `kernel.reasons` finds them, with the names that they state, and as objects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_explain import Fact, Kind, Reference
from quintet_explain.facts import CLOSE_COSINE
from quintet_explain.sentences import clause_of, joined, needs_name, outlined

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.context import Context
from quintet_engine.listening import PARTS
from quintet_engine.reasons.asked import RELATIONS
from quintet_engine.reasons.references import references_of

KINDS: Final = tuple(Kind)
"""By the numbers that `kernel.reasons` gives them."""
_SOUND, _TARGET = KINDS.index(Kind.SOUND), KINDS.index(Kind.TARGET)
_COMPARISONS: Final = frozenset(
    KINDS.index(kind) for kind in (Kind.ATTRIBUTE, Kind.TEMPO, Kind.KEY)
)
_COUNTED: Final = frozenset(KINDS.index(kind) for kind in (Kind.TOGETHER, Kind.ARTISTS_TOGETHER))
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
        writer = _Writer(self)
        rows, sizes = self.codes.tolist(), self.sizes.tolist()
        return [
            writer.sentence(place, rows[place][:size], self.numbers[place].tolist())
            for place, size in enumerate(sizes)
        ]


class _Writer:
    """Writes the sentences of a list; each clause once, since many tracks have the same.

    Args:
        statements: The facts.
    """

    def __init__(self, statements: Statements) -> None:
        self._statements, self._clauses = statements, dict[tuple[Any, ...], str]()
        references = statements.references.items()
        self._averages = {number for number, each in references if needs_name(Kind.SOUND, each)}

    def sentence(self, place: int, codes: list[list[int]], numbers: list[list[float]]) -> str:
        """Write the sentence of the track at a place, with these facts."""
        statements, texts = self._statements, []
        mentions = [
            (
                kind in _COMPARISONS,
                reference if reference >= 0 else None,
                reference in self._averages and (kind == _SOUND or kind in _COMPARISONS),
            )
            for kind, reference, *_ in codes
        ]
        for first, form in outlined(mentions):
            key = (form, *self._said(codes, numbers, first))
            text = self._clauses.get(key)
            if text is None:
                text = clause_of(statements.facts[place], first, form, statements.language)
                self._clauses[key] = text
            texts.append(text)
        return joined(texts, statements.language)

    def _said(
        self, codes: list[list[int]], numbers: list[list[float]], first: int
    ) -> Iterable[Any]:
        """List what the clause that begins with a fact depends on."""
        kind, reference, attribute, _, name = codes[first]
        if kind in _COMPARISONS:
            return [
                part
                for each, other, compared, relation, _ in codes
                if other == reference and each in _COMPARISONS
                for part in (each, other, compared, relation)
            ]
        _, value, wanted = numbers[first]
        if kind == _SOUND:
            return kind, reference, value >= CLOSE_COSINE
        if kind in _COUNTED:
            return kind, reference, value, self._statements.names[name]
        if kind == _TARGET:
            return kind, attribute, value, wanted
        return kind, reference, attribute, self._statements.names[name]


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
