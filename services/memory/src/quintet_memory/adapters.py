"""Read memories from the database, and keep those that were read."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

from quintet_contract.limits import RECENT_HEARD, RECENT_OPINIONS
from quintet_contract.signals import DAY, NO_PREFERENCES, Preferences, preferences_of, summarise
from quintet_servicekit.errors import NotReady, Reason
from quintet_servicekit.metrics import CACHE
from quintet_store import StoreUnavailable, listeners
from quintet_store.reopening import Database
from sqlalchemy import Connection

from quintet_memory.domain import EMPTY, Exclusions, Memory, memory_of

T = TypeVar("T")
# A kept memory is made again after a day, so that its weights stay those of now.
_FRESH_SECONDS: Final = DAY


class _Kept(Generic[T]):
    """What was read of listeners, each at one revision; safe to use from several threads.

    Args:
        most: How many are kept; the least recently used leaves first.
        seconds: Seconds after which an unused one leaves.
        now: The time, in seconds since 1970.
    """

    def __init__(self, most: int, seconds: float, now: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._now = now
        self._lock = threading.Lock()
        # Listener to (last use, time of reading, revision, what was read), the last used last.
        self._kept: OrderedDict[str, tuple[float, float, str, T]] = OrderedDict()

    def find(self, listener: str, revision: str) -> T | None:
        """Find what is kept of a listener; None if it is of another revision or a day old."""
        with self._lock:
            _, read_at, known, value = self._kept.pop(listener, (0.0, 0.0, "", None))
            if value is None or known != revision or self._now() - read_at > _FRESH_SECONDS:
                return None
            self._kept[listener] = (self._now(), read_at, known, value)
            return value

    def keep(self, listener: str, revision: str, value: T) -> None:
        """Keep what was read at a revision."""
        with self._lock:
            self._kept.pop(listener, None)
            self._kept[listener] = (self._now(), self._now(), revision, value)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def sweep(self) -> None:
        """Drop what nobody asked for within `seconds`."""
        with self._lock:
            limit = self._now() - self._seconds
            while self._kept and next(iter(self._kept.values()))[0] < limit:
                self._kept.popitem(last=False)


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
        self._now = now
        self._memories: _Kept[Memory] = _Kept(most, seconds, now)
        self._preferences: _Kept[Preferences] = _Kept(most, seconds, now)

    def get(self, listener: str) -> Memory:
        """Read the memory of a listener; an empty one if there is none.

        Raises:
            NotReady: The database is down.
        """
        with self._reading() as connection:
            revision = listeners.revision_of(connection, listener)
            kept = self._memories.find(listener, revision)
            if not revision:
                return EMPTY
            CACHE.labels("memory", "miss" if kept is None else "hit").inc()
            if kept is not None:
                return kept
            rows = listeners.read_signals(connection, listener)
            banned = listeners.banned_artists(connection, listener)
        memory = memory_of(revision, rows, banned, int(self._now()))
        self._memories.keep(listener, revision, memory)
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

    def preferences(self, listener: str) -> Preferences:
        """Read what ranking uses of a memory; kept like memories.

        Made of the latest signals alone, so that the first read takes a few milliseconds too.

        Args:
            listener: The keyed hash.

        Raises:
            NotReady: The database is down.
        """
        with self._reading() as connection:
            revision = listeners.revision_of(connection, listener)
            # Before the check: what is kept of a deleted listener leaves at once.
            kept = self._preferences.find(listener, revision)
            if not revision:
                return NO_PREFERENCES
            CACHE.labels("preferences", "miss" if kept is None else "hit").inc()
            if kept is not None:
                return kept
            rows = listeners.read_recent(connection, listener, RECENT_HEARD, RECENT_OPINIONS)
        now = int(self._now())
        found = preferences_of(summarise(rows, now), now)
        self._preferences.keep(listener, revision, found)
        return found

    def open(self) -> None:
        """Open the database, so that the first call does not wait for it.

        Raises:
            StoreUnavailable: It is down.
        """
        self._database.opened()

    def sweep(self) -> None:
        """Drop the memories that nobody asked for within `seconds`."""
        self._memories.sweep()
        self._preferences.sweep()

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
