"""The pool of tracks that are searched by year, sound and words.

It holds all of a small catalogue and the best-known tracks of a large one, so that a query's cost
does not grow with the long tail.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quintet_engine.catalogue import Rows, Weights
from quintet_engine.collaborative.tokens import Tokens

EVERYTHING: Final = 50_000
"""Up to so many tracks the pool is the whole catalogue."""
# Above that: the most popular tracks in all, and so many of each year and of each kind of sound.
_POPULAR: Final = 20_000
_OF_EACH: Final[Mapping[str, int]] = {"year": 250, "audio": 100}


@dataclass(frozen=True)
class ContentPool:
    """The tracks searched by content; k of them.

    Attributes:
        rows: int64 (k,), ascending.
        popularity: float32 (k,), standard scores.
    """

    rows: Rows
    popularity: Weights

    @classmethod
    def of(cls, tokens: Tokens, popularity: NDArray[np.floating]) -> Self:
        """Choose all tracks, or the most popular: in all, of each year and of each sound."""
        rows = np.arange(len(popularity))
        if len(rows) > EVERYTHING:
            order = np.lexsort((rows, -popularity))
            parts = [order[:_POPULAR]]
            parts += [_first_of_each(tokens.kinds[kind], order, n) for kind, n in _OF_EACH.items()]
            rows = np.unique(np.concatenate(parts))
        return cls.among(rows, popularity)

    @classmethod
    def among(cls, rows: Rows, popularity: NDArray[np.floating]) -> Self:
        """Make a pool of given rows, int64 (k,), ascending, such as a saved pool's."""
        return cls(rows, _standard(popularity[rows]))


def _first_of_each(matrix: sp.csr_matrix, order: Rows, most: int) -> Rows:
    """Find, for each token, the first tracks in an order whose heaviest token it is.

    Args:
        matrix: sparse (n, tokens).
        order: int64 (n,), rows.
        most: How many tracks per token.
    """
    # Indexing copies: SciPy's `max` sorts its matrix in place, and a mapped one is read-only.
    ordered = matrix[order]
    greatest = np.asarray(ordered.max(axis=1).todense()).ravel()
    entries = ordered.tocoo()
    heaviest = entries.data >= greatest[entries.row]
    owner, place = entries.col[heaviest], entries.row[heaviest]
    by_owner = np.lexsort((place, owner))
    owner, place = owner[by_owner], place[by_owner]
    # Number each token's tracks from 0, and keep those below `most`.
    starts = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
    number = np.arange(len(owner)) - np.repeat(starts, np.diff(np.append(starts, len(owner))))
    return np.asarray(order[place[number < most]], dtype=np.int64)


def _standard(values: NDArray[Any]) -> Weights:
    return np.asarray((values - values.mean()) / (values.std() + 1e-9), dtype=np.float32)
