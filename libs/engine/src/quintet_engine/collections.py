"""Collections of vectors in the memory of one process, each a FAISS index."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from quintet_modelkit.features import Encoded

from quintet_engine.catalogue import Rows
from quintet_engine.index import FLAT_LIMIT, FaissIndex
from quintet_engine.row_set import RowSet
from quintet_engine.vectors import Hits


@dataclass(frozen=True)
class _Alias:
    """An index that resolves its alias when a search begins."""

    resolve: Callable[[], FaissIndex]

    def search(self, queries: Encoded, most: int, allowed: RowSet | None = None) -> list[Hits]:
        return self.resolve().search(queries, most, allowed)


@dataclass
class FaissCollections:
    """`VectorCollections` of FAISS indices.

    Attributes:
        seed: Of the clusters of large collections.
        flat_limit: Up to so many vectors a collection is searched exactly.
    """

    seed: int = 7
    flat_limit: int = FLAT_LIMIT
    _built: Final[dict[str, FaissIndex]] = field(default_factory=dict)
    _aliases: Final[dict[str, str]] = field(default_factory=dict)
    # Held by writers only. An index never changes, so a search uses the one it got and never waits.
    _changing: Final[threading.Lock] = field(default_factory=threading.Lock)

    def build(self, name: str, vectors: Encoded) -> None:
        """Create a collection; see `VectorCollections.build`."""
        self._built[name] = FaissIndex.build(vectors, seed=self.seed, flat_limit=self.flat_limit)

    def add(self, name: str, first: int, vectors: Encoded) -> None:
        """Add vectors.

        Raises:
            ValueError: `first` is not the next row.
        """
        with self._changing:
            before = self._built[name]
            if first != len(before.vectors):
                raise ValueError(
                    f"first must be {len(before.vectors)}, the next row of {name}; got {first}"
                )
            self._built[name] = before.added(vectors)

    def delete(self, name: str, rows: Rows) -> None:
        """Remove rows from all searches that begin later."""
        with self._changing:
            self._built[name] = self._built[name].without(rows)

    def swap(self, alias: str, name: str) -> None:
        """Point an alias at a collection.

        Raises:
            KeyError: There is no such collection.
        """
        with self._changing:
            self._built[name]  # raises KeyError: an alias always has a collection
            self._aliases[alias] = name

    def drop(self, name: str) -> None:
        """Delete a collection that no alias points at."""
        with self._changing:
            if name not in self._aliases.values():
                self._built.pop(name, None)

    def index(self, alias: str) -> _Alias:
        """Provide an index that searches the collection that the alias points at.

        Raises:
            KeyError: There is no such alias.
        """
        self._aliases[alias]  # raises KeyError now, not at the first search
        return _Alias(lambda: self._built[self._aliases[alias]])
