"""Facts as `kernel.reasons` finds them, with the names that they state, and as objects."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_explain import Fact, Kind, Reference, sentence_of

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.context import Context
from quintet_engine.listening import PARTS
from quintet_engine.reasons.asked import RELATIONS
from quintet_engine.reasons.references import references_of

KINDS: Final = tuple(Kind)
"""By the numbers that `kernel.reasons` gives them."""
_ARTIST_NAMED: Final = [
    KINDS.index(kind) for kind in (Kind.SAME_ARTIST, Kind.ARTISTS_TOGETHER, Kind.LIKED, Kind.PLAYED)
]
_GENRE_NAMED: Final = KINDS.index(Kind.GENRE)
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
        return [sentence_of(facts, self.language) for facts in self.facts]


def statements_of(
    context: Context,
    rows: Rows,
    owners: NDArray[np.int32],
    listened: Rows,
    codes: NDArray[np.int32],
    numbers: NDArray[np.float64],
    sizes: NDArray[np.int32],
) -> Statements:
    """Look up the names that the facts of a list state.

    Args:
        context: The prepared query.
        rows: int64 (k,), the tracks.
        owners: int32 (m,), the seed that each seed row stands for.
        listened: int64, the tracks of the listener's memory that facts refer to.
        codes: From `kernel.reasons.find`; numbers of names become places in `Statements.names`.
        numbers: Likewise.
        sizes: Likewise.
    """
    from quintet_engine.kernel.reasons import KIND, NAME, REFERENCE

    is_fact = _is_fact(codes, sizes)
    flat = codes[is_fact]
    owner = np.repeat(rows, sizes)
    by_artist = np.isin(flat[:, KIND], _ARTIST_NAMED) & (flat[:, NAME] >= 0)
    by_genre = flat[:, KIND] == _GENRE_NAMED
    catalogue: Catalogue = context.catalogue
    names = [
        "",
        *catalogue.credited(owner[by_artist], flat[by_artist, NAME]),
        *(catalogue.genres[number] for number in flat[by_genre, NAME].tolist()),
    ]
    places = np.zeros(len(flat), np.int32)
    places[by_artist] = 1 + np.arange(by_artist.sum())
    places[by_genre] = 1 + by_artist.sum() + np.arange(by_genre.sum())
    codes[is_fact, NAME] = places
    used = np.unique(flat[:, REFERENCE]).tolist()
    references = references_of(context, owners, listened, used)
    language = context.query.language
    return Statements(codes, numbers, sizes, names, references, len(context.seeds), language)


def _is_fact(codes: NDArray[np.int32], sizes: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.asarray(np.arange(codes.shape[1]) < sizes[:, None], np.bool_)
