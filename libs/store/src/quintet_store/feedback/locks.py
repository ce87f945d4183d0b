"""Locks of one listener and of all feedback, held until a transaction ends."""

from typing import Final

from sqlalchemy import Connection, func, select, text

# The key of an advisory lock: 64 bits, of which locks of listeners have 63 random ones.
_FEEDBACK_LOCK: Final = -1
_EVENTS_LOCK: Final = -2


def hold_listener(connection: Connection, listener: str) -> None:
    """Let no other transaction that asks import or delete the data of a listener until the end.

    A deletion thus waits for an import that runs, and deletes what it brought. SQLite has one
    writer at a time anyway.

    Args:
        connection: In a transaction that writes.
        listener: The keyed hash.
    """
    if connection.dialect.name == "postgresql":
        # 63 bits of the hash: the key of an advisory lock is a signed 64-bit integer.
        key = int(listener[:16] or "0", 16) >> 1
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def hold_feedback(connection: Connection, *, exclusive: bool = False) -> None:
    """Let deletions and undos of feedback wait for an import of feedback that ends, or it for them.

    An import takes it exclusively before its last check, so that nothing is deleted between the
    check and its commit. SQLite has one writer at a time anyway.

    Args:
        connection: In a transaction that writes.
        exclusive: For the import.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if exclusive else func.pg_advisory_xact_lock_shared
        connection.execute(select(lock(_FEEDBACK_LOCK)))


def hold_events(connection: Connection, *, exclusive: bool = False) -> None:
    """Let a deletion wait for events that are being stored, and new ones for the deletion.

    Without it, a deletion does not see the rows of a transaction that has not ended, and they would
    be stored after it. Who stores events takes it before the time at which they were received, or
    before the deletions are read; a deletion takes it exclusively, as its last lock. SQLite has one
    writer at a time anyway.

    Args:
        connection: In a transaction that writes.
        exclusive: For the deletion.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if exclusive else func.pg_advisory_xact_lock_shared
        connection.execute(select(lock(_EVENTS_LOCK)))
