"""Memories of listeners as the offline pipeline reads them, by the listeners' ids."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from quintet_contract.limits import MAX_KNOWN_TRACKS, RECENT_HEARD, RECENT_OPINIONS
from quintet_contract.signals import (
    DAY,
    NO_PREFERENCES,
    Preferences,
    preferences_of,
    summarise,
)
from quintet_store import listeners as memory
from quintet_store import open_engine, reading
from sqlalchemy import Connection, Engine

from quintet_training.datasets.feedback import listener_hash
from quintet_training.settings import TrainingSettings


@dataclass(frozen=True)
class Remembered:
    """What a list for a listener leaves out, and what the listener knows and likes.

    `known` are the tracks heard or judged at any time, whose artists the listener knows.
    """

    disliked: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    preferences: Preferences = NO_PREFERENCES


class MemoryReader:
    """Reads memories; the database is opened at the first, so that nobody else needs one.

    Args:
        settings: Where the database is, and the key of listeners' ids.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self._settings = settings
        self._engine: Engine | None = None

    def close(self) -> None:
        """Close the database."""
        if self._engine is not None:
            self._engine.dispose()

    def read(self, listener: str, heard_days: int) -> Remembered:
        """Read what a memory does to a list; nothing for a listener without one.

        Raises:
            DatasetInvalid: The listener's id is invalid.
            AccessFileInvalid: The key that names listeners cannot be read.
            StoreUnavailable: The database cannot be used.
        """
        return self.read_hashed(listener_hash(self._settings, listener), heard_days)

    def read_hashed(self, who: str, heard_days: int, as_of: int | None = None) -> Remembered:
        """Read as `read` does, by the keyed hash of a listener.

        Args:
            who: The keyed hash.
            heard_days: Days within which a track counts as heard.
            as_of: Seconds since 1970: what the listener heard and liked later does not count, so
                that a list of one day stays the same. What was disliked or banned counts always.

        Raises:
            StoreUnavailable: The database cannot be used.
        """
        now = int(time.time()) if as_of is None else as_of
        since = now - heard_days * DAY
        with self.reading() as connection:
            recent = memory.read_recent(connection, who, RECENT_HEARD, RECENT_OPINIONS)
            heard = memory.read_heard(connection, who, since, as_of)
            known = memory.read_known(connection, who, MAX_KNOWN_TRACKS, as_of)
            if as_of is not None:
                recent = [row for row in recent if row[2] < now]
            return Remembered(
                tuple(memory.read_disliked(connection, who)),
                tuple(memory.banned_artists(connection, who)),
                tuple(heard) if heard_days else (),
                tuple(known),
                preferences_of(summarise(recent, now), now),
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction for reading.

        Raises:
            StoreUnavailable: The database cannot be used.
        """
        self._engine = self._engine or open_engine(self._settings.database_url)
        with reading(self._engine) as connection:
            yield connection


@dataclass(frozen=True)
class MemoryInfo:
    """What the memory of a listener holds.

    Attributes:
        signals: Number of signals by source and kind.
        banned: Number of banned artists.
        latest: Time of the latest signal as ISO 8601; empty without any.
    """

    signals: Mapping[str, Mapping[str, int]]
    banned: int
    latest: str


def memory_info(settings: TrainingSettings, listener: str) -> MemoryInfo:
    """Summarise what the memory of a listener holds.

    Raises:
        DatasetInvalid: The listener's id is invalid.
        AccessFileInvalid: The key that names listeners cannot be read.
        StoreUnavailable: The database cannot be used.
    """
    who = listener_hash(settings, listener)
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            rows = memory.read_signals(connection, who)
            banned = memory.banned_artists(connection, who)
    finally:
        engine.dispose()
    counts: dict[str, Counter[str]] = {}
    for _, kind, _, count, source in rows:
        counts.setdefault(source, Counter())[kind] += count
    latest = datetime.fromtimestamp(rows[-1][2], UTC).isoformat() if rows else ""
    return MemoryInfo({name: dict(each) for name, each in counts.items()}, len(banned), latest)
