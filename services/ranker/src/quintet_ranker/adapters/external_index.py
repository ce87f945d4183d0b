"""Vectors kept elsewhere, with the index of this process behind them.

A bundle brings its own FAISS indices and is proved with them. Where vectors are kept elsewhere as
well, searches go there, and whatever goes wrong there, this process answers: a listener waits for
one search that runs out of time, then nobody waits until a thread has reached the other side
again. Answers made meanwhile say so in `degraded`.

Each index is a collection of its own, found by an alias that names its version, so rankers that
serve different models never meet each other's rows. Whoever finds the alias missing fills a new
collection and lets the alias mean it once it is whole.
"""

import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Final, Protocol

from quintet_engine.catalogue import Mask
from quintet_engine.index import FaissIndex
from quintet_engine.vectors import Hits, VectorCollections, VectorIndex
from quintet_modelkit.features import Encoded
from quintet_servicekit.degradation import Part

_log = logging.getLogger(__name__)
DEGRADED: Final = Part.INDEX
"""What an answer does without where vectors kept elsewhere were not asked."""
_PREFIX: Final = "quintet"
_local: ContextVar[list[str] | None] = ContextVar("local", default=None)


class VectorsUnavailable(Exception):
    """Whoever keeps the vectors does not answer, or not in time, or refuses."""


class NamedCollections(VectorCollections, Protocol):
    """Collections that outlive the process, so it can ask what is there."""

    def names(self, prefix: str) -> list[str]:
        """Returns the collections whose names begin so, in alphabetical order."""
        ...

    def meaning(self, alias: str) -> str | None:
        """Returns the collection that an alias means; None where there is no such alias."""
        ...

    def forget(self, name: str) -> None:
        """Forgets a collection and the aliases that mean it."""
        ...


@contextlib.contextmanager
def noted() -> Iterator[list[str]]:
    """Gives a list that names what answers made in the context had to do without."""
    parts: list[str] = []
    token = _local.set(parts)
    try:
        yield parts
    finally:
        _local.reset(token)


def published(
    collections: NamedCollections, kind: str, version: str, vectors: Encoded, kept: int
) -> VectorIndex:
    """Returns the index of a version; builds it first where nobody has.

    Args:
        collections: Where.
        kind: What the vectors are, such as "audio".
        version: Of the vectors: the same version, the same rows.
        vectors: float32 (n, d), unit.
        kept: How many versions of a kind stay, this one among them.

    Raises:
        VectorsUnavailable: Nobody answers.
    """
    family = f"{_PREFIX}_{kind}_"
    alias = family + version.replace("-", "_")
    if collections.meaning(alias) is None:
        # Named by time, so that two who build at once do not meet, and the oldest goes first.
        name = f"{family}at_{time.time_ns()}"
        collections.build(name, vectors)
        collections.swap(alias, name)
        for old in collections.names(f"{family}at_")[:-kept]:
            _forget(collections, old)
    return collections.index(alias)


def _forget(collections: NamedCollections, name: str) -> None:
    # A ranker that still asks for it answers by itself, and builds it again.
    try:
        collections.forget(name)
    except VectorsUnavailable as fault:
        _log.warning("an old collection stays: %s", fault)


class ExternalIndex:
    """A `VectorIndex` that asks elsewhere while that answers, and the local index otherwise.

    Args:
        local: The index of this process.
        connect: Returns the index elsewhere; blocks; raises `VectorsUnavailable`.
        retry_seconds: Between tries.
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
        """Whether searches go elsewhere now."""
        return self._remote is not None

    def search(self, queries: Encoded, most: int, allowed: Mask | None = None) -> list[Hits]:
        """Returns the rows nearest to each query; see `VectorIndex.search`."""
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
                return  # another request lost it before
            self._remote = None
        _log.warning("neighbours are found here: %s", fault)
        self._reach()

    def _reach(self) -> None:
        # Not held by its thread: the thread ends with the model that the index belongs to.
        arguments = (weakref.ref(self), self._connect, self._retry_seconds)
        threading.Thread(target=_reach, args=arguments, name="vectors", daemon=True).start()

    def found(self, remote: VectorIndex) -> None:
        """Lets searches go elsewhere from now on."""
        self._remote = remote


def _reach(
    index: "weakref.ref[ExternalIndex]",
    connect: Callable[[], VectorIndex],
    seconds: float,
) -> None:
    told = ""
    while (waiting := index()) is not None:
        del waiting
        try:
            remote = connect()
        except VectorsUnavailable as fault:
            if str(fault) != told:
                _log.warning("vectors cannot be reached: %s", fault)
            told = str(fault)
            time.sleep(seconds)
            continue
        if (held := index()) is not None:
            held.found(remote)
            _log.info("neighbours are found elsewhere")
        return
