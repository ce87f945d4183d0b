"""Collections of vectors in the memory of one process, each a FAISS index."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from quintet_modelkit.features import Encoded

from quintet_engine.catalogue import Mask, Rows
from quintet_engine.index import FLAT_LIMIT, FaissIndex
from quintet_engine.vectors import Hits


@dataclass(frozen=True)
class _Alias:
    """Searches what an alias means when the search begins."""

    meant: Callable[[], FaissIndex]

    def search(self, queries: Encoded, most: int, allowed: Mask | None = None) -> list[Hits]:
        return self.meant().search(queries, most, allowed)


@dataclass
class FaissCollections:
    """`VectorCollections` of FAISS indices.

    Attributes:
        seed: For the clusters of large collections.
        flat_limit: Up to so many vectors a collection is searched exactly.
    """

    seed: int = 7
    flat_limit: int = FLAT_LIMIT
    _built: Final[dict[str, FaissIndex]] = field(default_factory=dict)
    _aliases: Final[dict[str, str]] = field(default_factory=dict)
    # Of those who change something; a search takes an index as it is and never waits.
    _changing: Final[threading.Lock] = field(default_factory=threading.Lock)

    def build(self, name: str, vectors: Encoded) -> None:
        """Makes a new collection; see `VectorCollections.build`."""
        self._built[name] = FaissIndex.build(vectors, seed=self.seed, flat_limit=self.flat_limit)

    def add(self, name: str, first: int, vectors: Encoded) -> None:
        """Adds vectors.

        Raises:
            ValueError: `first` is not the next row.
        """
        with self._changing:
            before = self._built[name]
            if first != len(before.vectors):
                raise ValueError(f"the next row of {name} is {len(before.vectors)}, not {first}")
            self._built[name] = before.added(vectors)

    def delete(self, name: str, rows: Rows) -> None:
        """Lets searches no longer find some rows."""
        with self._changing:
            self._built[name] = self._built[name].without(rows)

    def swap(self, alias: str, name: str) -> None:
        """Lets an alias mean a collection."""
        with self._changing:
            self._built[name]  # an alias never means nothing
            self._aliases[alias] = name

    def drop(self, name: str) -> None:
        """Forgets a collection that no alias means."""
        with self._changing:
            if name not in self._aliases.values():
                self._built.pop(name, None)

    def index(self, alias: str) -> _Alias:
        """Returns what searches the collection the alias means."""
        self._aliases[alias]
        return _Alias(lambda: self._built[self._aliases[alias]])
