"""Search vectors in an external database, and fall back to the index of this process.

A bundle contains FAISS indices and is checked with them. If an external database is configured,
searches go there. When it fails, this process answers: one request waits until its search times
out, and no other waits until a thread has reached the database again. Answers of that time contain
`index` in `degraded`.

Each index is a separate collection. An alias that contains the version points to it, so rankers
that serve different models never read each other's rows. A ranker that finds no alias fills a new
collection and sets the alias once the collection is complete.
"""

import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Final, Protocol

from quintet_engine.index import FaissIndex
from quintet_engine.row_set import RowSet
from quintet_engine.vectors import Hits, VectorCollections, VectorIndex
from quintet_modelkit.features import Encoded
from quintet_servicekit.degradation import Part

_log = logging.getLogger(__name__)
DEGRADED: Final = Part.INDEX
"""What `degraded` contains if the local index answered instead of the external one."""
# The names of our collections and aliases begin so; a database may be shared with other programs.
_PREFIX: Final = "quintet"
# A context variable: requests on several threads must not share their marks.
_local: ContextVar[list[str] | None] = ContextVar("local", default=None)


class VectorsUnavailable(Exception):
    """The external database did not answer in time, or answered with an error."""


class NamedCollections(VectorCollections, Protocol):
    """Collections that outlive the process, so that their names can be listed."""

    def names(self, prefix: str) -> list[str]:
        """List the collections whose names begin with a prefix, in alphabetical order."""
        ...

    def meaning(self, alias: str) -> str | None:
        """Look up the collection of an alias; None if there is no such alias."""
        ...

    def forget(self, name: str) -> None:
        """Delete a collection and the aliases that point to it."""
        ...


@contextlib.contextmanager
def noted() -> Iterator[list[str]]:
    """Collect the parts that answers within the context lack, as a list of their names."""
    parts: list[str] = []
    token = _local.set(parts)
    try:
        yield parts
    finally:
        _local.reset(token)


def published(
    collections: NamedCollections, kind: str, version: str, vectors: Encoded, kept: int
) -> VectorIndex:
    """Open the index of a version, and build it first if no ranker has.

    Args:
        collections: The external database.
        kind: The kind of vectors, such as "audio".
        version: The version of the vectors; the same version has the same rows.
        vectors: float32 (n, d), of unit length.
        kept: How many versions of a kind stay, this one included.

    Raises:
        VectorsUnavailable: The database did not answer in time, or answered with an error.
    """
    family = f"{_PREFIX}_{kind}_"
    alias = family + version.replace("-", "_")
    if collections.meaning(alias) is None:
        # Named by time in ns: two rankers that build at once use different names, and the oldest
        # collection comes first in alphabetical order.
        name = f"{family}at_{time.time_ns()}"
        collections.build(name, vectors)
        collections.swap(alias, name)
        for old in collections.names(f"{family}at_")[:-kept]:
            _forget(collections, old)
    return collections.index(alias)


def _forget(collections: NamedCollections, name: str) -> None:
    # A ranker that still uses the collection answers by its local index, and builds it again.
    try:
        collections.forget(name)
    except VectorsUnavailable as fault:
        _log.warning("old collection not deleted: %s", fault)


class ExternalIndex:
    """A `VectorIndex` in an external database, or the local index while that is unavailable.

    Args:
        local: The index of this process.
        connect: Opens the external index; blocks; raises `VectorsUnavailable`.
        retry_seconds: Seconds between attempts to reach it. Constant, because a search costs
            nothing while the database is unavailable.
    """

    def __init__(
        self, local: FaissIndex, connect: Callable[[], VectorIndex], retry_seconds: float
    ) -> None:
        self.local = local
        self._connect = connect
        self._retry_seconds = retry_seconds
        self._remote: VectorIndex | None = None
        self._changing = threading.Lock()
        self._reach()

    @property
    def reached(self) -> bool:
        """Whether searches use the external index now."""
        return self._remote is not None

    def search(self, queries: Encoded, most: int, allowed: RowSet | None = None) -> list[Hits]:
        """Find the rows nearest to each query; see `VectorIndex.search`."""
        remote = self._remote
        if remote is not None:
            try:
                return remote.search(queries, most, allowed)
            except VectorsUnavailable as fault:
                self._lose(remote, fault)
        parts = _local.get()
        if parts is not None and DEGRADED not in parts:
            parts.append(DEGRADED)
        return self.local.search(queries, most, allowed)

    def _lose(self, remote: VectorIndex, fault: VectorsUnavailable) -> None:
        with self._changing:
            if self._remote is not remote:
                return  # another request noticed the failure first
            self._remote = None
        _log.warning("external index unavailable, the local index answers: %s", fault)
        self._reach()

    def _reach(self) -> None:
        # The thread has only a weak reference, so it ends when the model is dropped.
        arguments = (weakref.ref(self), self._connect, self._retry_seconds)
        threading.Thread(target=_reach, args=arguments, name="vectors", daemon=True).start()

    def found(self, remote: VectorIndex) -> None:
        """Use the external index from now on."""
        self._remote = remote


def _reach(
    index: "weakref.ref[ExternalIndex]",
    connect: Callable[[], VectorIndex],
    seconds: float,
) -> None:
    # One line per kind of failure, not one for each attempt.
    logged = ""
    while (waiting := index()) is not None:
        # A strong reference during `connect` and the pause would keep a dropped model in memory.
        del waiting
        try:
            remote = connect()
        except VectorsUnavailable as fault:
            if str(fault) != logged:
                _log.warning("external index cannot be reached: %s", fault)
            logged = str(fault)
            time.sleep(seconds)
            continue
        if (held := index()) is not None:
            held.found(remote)
            _log.info("external index answers")
        return
