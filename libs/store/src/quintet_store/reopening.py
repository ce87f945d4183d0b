"""A server's connection to the database, which may be down at any time."""

import threading
import time
from contextlib import AbstractContextManager, suppress
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from quintet_store.database import StoreUnavailable, open_engine, reading, writing

# For so long after a failure, calls fail at once instead of waiting for the database again.
_RETRY_SECONDS: Final = 0.5


class _RecentlyFailed(StoreUnavailable):
    """The database failed less than `_RETRY_SECONDS` ago and was not tried again."""


class Database:
    """The database, opened at first use and again after a failure."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._idle: Connection | None = None
        self._failure: StoreUnavailable | None = None
        self._retry_at = 0.0

    def writing(self) -> AbstractContextManager[Connection]:
        """Open a connection in one transaction; raises StoreUnavailable if the database is down."""
        return writing(self.opened())

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a connection that sees one state; raises StoreUnavailable without a database."""
        return reading(self.opened())

    @property
    def failing(self) -> bool:
        """Whether the last attempt to use it failed."""
        return self._engine is None and self._failure is not None

    def failed(self, fault: StoreUnavailable) -> None:
        """Close the database after a failure, so that it is opened and migrated again."""
        if isinstance(fault, _RecentlyFailed):
            return  # or frequent calls would postpone the next attempt for ever
        # The engine is dropped as well: a server that came back may have another schema version.
        with self._lock:
            self._close()
            self._failure, self._retry_at = fault, time.monotonic() + _RETRY_SECONDS

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._idle is not None:
            self._idle.close()
        if self._engine is not None:
            self._engine.dispose()
        self._idle = self._engine = None

    def opened(self) -> Engine:
        """Open the engine if needed; raises StoreUnavailable if the database is down."""
        # Held while opening too: two threads that both migrate would only lock each other out.
        with self._lock:
            if self._engine is None:
                if self._failure is not None and time.monotonic() < self._retry_at:
                    raise _RecentlyFailed(str(self._failure))
                self._engine = open_engine(self._url, serving=True)
                if self._engine.dialect.name == "sqlite":
                    # The last connection to be closed writes the log back into the file, which
                    # costs two more syncs; while this one is open, no other is the last.
                    with suppress(SQLAlchemyError):
                        self._idle = self._engine.connect()
            return self._engine
