"""Retrieval by vector, as the engine asks for it: whoever keeps the vectors, and wherever.

`VectorIndex` is all that channels know. `VectorCollections` is what fills one: built aside, then
swapped in under an alias, so that no search ever meets half a collection. FAISS fills both on one
machine (`index`, `collections`); the ranker has an adapter for Milvus.

A row is a vector's number in the order of adding; one that was deleted is never used again.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import Encoded

from quintet_engine.catalogue import Mask, Rows


def leading(scores: NDArray[np.float32], most: int) -> Rows:
    """Returns the places of the `most` greatest scores, fewer than there are, ascending.

    Those equal to the last of them are among them.
    """
    cut = np.partition(scores, len(scores) - most)[len(scores) - most]
    return np.flatnonzero(scores >= cut)


@dataclass(frozen=True)
class Hits:
    """Rows found, best first, and their cosine; ties in the order of rows."""

    rows: Rows
    scores: NDArray[np.float32]

    @classmethod
    def ranked(cls, rows: Rows, scores: NDArray[np.float32], most: int) -> Self:
        """Returns the best `most` rows, best first, ties by row."""
        if len(rows) > most:
            kept = leading(scores, most)
            rows, scores = rows[kept], scores[kept]
        order = np.lexsort((rows, -scores))[:most]
        return cls(rows[order].astype(np.int64), scores[order].astype(np.float32))


class VectorIndex(Protocol):
    """Nearest neighbours by cosine; safe to ask from several threads at once."""

    def search(self, queries: Encoded, most: int, allowed: Mask | None = None) -> list[Hits]:
        """Returns the rows nearest to each query, best first.

        Never fewer than `most` while as many rows are allowed.

        Args:
            queries: float32 (q, d), unit.
            most: How many rows a query, ≥ 0.
            allowed: bool (n,), rows that may be returned; all where None.
        """
        ...


class VectorCollections(Protocol):
    """Collections of unit vectors by name, and aliases that searches go through."""

    def build(self, name: str, vectors: Encoded) -> None:
        """Makes a new collection of float32 (n, d), ready to be searched once this returns."""
        ...

    def add(self, name: str, first: int, vectors: Encoded) -> None:
        """Adds vectors, float32 (k, d), as the rows `first`, `first` + 1, …, all of them new."""
        ...

    def delete(self, name: str, rows: Rows) -> None:
        """Lets searches that begin later no longer find some rows."""
        ...

    def swap(self, alias: str, name: str) -> None:
        """Lets an alias, new or not, mean a collection from now on, between two searches."""
        ...

    def drop(self, name: str) -> None:
        """Forgets a collection that no alias means."""
        ...

    def index(self, alias: str) -> VectorIndex:
        """Returns what searches whichever collection the alias means at that moment.

        Raises:
            KeyError: Nothing is called so.
        """
        ...
