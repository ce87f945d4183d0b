"""Retrieval by vector, as the engine needs it, for any storage of the vectors.

`VectorIndex` is all that channels use. `VectorCollections` fills one: a collection is built in the
background and then swapped in under an alias, so that no search sees half a collection. FAISS
implements both in one process (`index`, `collections`); the ranker has an adapter for Milvus.

A row is a vector's number in the order of adding; the number of a deleted row is never used again.
"""

from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded

from quintet_engine.catalogue import Rows
from quintet_engine.row_set import RowSet


def leading(scores: NDArray[np.float32], most: int) -> Rows:
    """Find the places of the `most` greatest scores, ascending, with all that equal the last.

    Args:
        scores: (n,).
        most: 1 ≤ most < n.
    """
    cut = np.partition(scores, len(scores) - most)[len(scores) - most]
    return np.flatnonzero(scores >= cut)


@dataclass(frozen=True)
class Hits:
    """Rows found, int32 or int64, best first, and their cosines; ties in the order of rows."""

    rows: NDArray[np.integer]
    scores: NDArray[np.float32]

    @classmethod
    def ranked(cls, rows: Rows, scores: NDArray[np.float32], most: int) -> Self:
        """Keep the best `most` rows, best first, ties by row."""
        if len(rows) <= most and (scores[1:] < scores[:-1]).all():
            # As FAISS gives them, mostly: without equal scores there is nothing to order.
            return cls(rows.astype(np.int64), scores.astype(np.float32))
        if len(rows) > most:
            kept = leading(scores, most)
            rows, scores = rows[kept], scores[kept]
        order = np.lexsort((rows, -scores))[:most]
        return cls(rows[order].astype(np.int64), scores[order].astype(np.float32))


EMPTY: Final = Hits(np.empty(0, np.int64), np.empty(0, np.float32))
"""The hits of a search that has nothing to search by."""


class VectorIndex(Protocol):
    """Nearest neighbours by cosine; safe to call from several threads."""

    def search(self, queries: Encoded, most: int, allowed: RowSet | None = None) -> list[Hits]:
        """Find the rows nearest to each query, best first.

        Never fewer than `most` while as many rows are allowed.

        Args:
            queries: float32 (q, d), unit.
            most: How many rows per query, ≥ 0.
            allowed: The rows that may be returned; all if None.
        """
        ...


class VectorCollections(Protocol):
    """Collections of unit vectors by name, and aliases that searches use."""

    def build(self, name: str, vectors: Encoded) -> None:
        """Create a collection of float32 (n, d); it can be searched once this returns."""
        ...

    def add(self, name: str, first: int, vectors: Encoded) -> None:
        """Add vectors, float32 (k, d), as the rows `first`, `first` + 1, …, all of them new."""
        ...

    def delete(self, name: str, rows: Rows) -> None:
        """Remove rows from all searches that begin later."""
        ...

    def swap(self, alias: str, name: str) -> None:
        """Point an alias, new or not, at a collection, between two searches."""
        ...

    def drop(self, name: str) -> None:
        """Delete a collection that no alias points at."""
        ...

    def index(self, alias: str) -> VectorIndex:
        """Provide an index that searches the collection an alias points at when a search begins.

        Raises:
            KeyError: There is no such alias.
        """
        ...
