"""Read memories from the database, and keep those that were read."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from quintet_servicekit.errors import NotReady, Reason
from quintet_servicekit.metrics import CACHE
from quintet_store import StoreUnavailable, listeners
from quintet_store.reopening import Database
from sqlalchemy import Connection

from quintet_memory.domain import DAY, EMPTY, Exclusions, Memory, memory_of

# A kept memory is made again after a day, so that its weights stay those of now.
_FRESH_SECONDS: Final = DAY


class StoredMemories:
    """Memories of listeners; safe to use from several threads.

    A kept memory is used only while its revision is the database's, which is one read of one row.

    Args:
        database: Where the memories are.
        most: Memories that are kept; the least recently used leaves first.
        seconds: Seconds after which an unused one leaves.
        now: The time, in seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        most: int,
        seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._most = most
        self._seconds = seconds
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Memory]] = OrderedDict()

    def get(self, listener: str) -> Memory:
        """Read the memory of a listener; an empty one if there is none.

        Raises:
            NotReady: The database is down.
        """
        with self._reading() as connection:
            revision = listeners.revision_of(connection, listener)
            kept = self._find(listener, revision)
            CACHE.labels("memory", "miss" if kept is None else "hit").inc()
            if kept is not None:
                return kept
            rows = listeners.read_signals(connection, listener)
            banned = listeners.banned_artists(connection, listener)
        memory = memory_of(revision, rows, banned, int(self._now()))
        self._keep(listener, memory)
        return memory

    def exclusions(self, listener: str, since: int, *, heard: bool, known: int = 0) -> Exclusions:
        """Read what a list leaves out, as it is in the database now.

        Not from kept memories: the database finds a few hundred rows of twenty thousand faster
        than a whole memory is read.

        Args:
            listener: The keyed hash.
            since: Tracks heard then or later count, in seconds since 1970.
            heard: Whether heard tracks are wanted.
            known: How many known tracks are wanted at most.

        Raises:
            NotReady: The database is down.
        """
        with self._reading() as connection:
            revision = listeners.revision_of(connection, listener)
            if not revision:
                return Exclusions()
            return Exclusions(
                revision,
                listeners.read_disliked(connection, listener),
                listeners.banned_artists(connection, listener),
                listeners.read_heard(connection, listener, since) if heard else (),
                listeners.read_known(connection, listener, known) if known else (),
            )

    def open(self) -> None:
        """Open the database, so that the first call does not wait for it.

        Raises:
            StoreUnavailable: It is down.
        """
        self._database.opened()

    def sweep(self) -> None:
        """Drop the memories that nobody asked for within `seconds`."""
        with self._lock:
            limit = self._now() - self._seconds
            while self._kept and next(iter(self._kept.values()))[0] < limit:
                self._kept.popitem(last=False)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._database.reading() as connection:
                yield connection
        except StoreUnavailable as fault:
            self._database.failed(fault)
            raise NotReady(
                Reason.STORE_UNAVAILABLE, "The memory cannot be read now; try again soon."
            ) from fault

    def _find(self, listener: str, revision: str) -> Memory | None:
        with self._lock:
            _, memory = self._kept.pop(listener, (0.0, EMPTY))
            if not revision:
                return EMPTY
            if memory.revision != revision or self._now() - memory.as_of > _FRESH_SECONDS:
                return None
            self._kept[listener] = (self._now(), memory)
            return memory

    def _keep(self, listener: str, memory: Memory) -> None:
        with self._lock:
            self._kept[listener] = (self._now(), memory)
            self._kept.move_to_end(listener)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
