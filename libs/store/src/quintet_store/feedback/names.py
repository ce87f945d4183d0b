"""Names by which feedback is stored: of times, of groups of rows, and of what was deleted."""

import hashlib
from datetime import UTC, datetime
from typing import Final

GROUP_PREFIX: Final = "feedback:"
"""Prefix of the ids of playlists built from feedback, before the id of their group."""


UNDONE: Final = "undone"
"""Kind of an event that its client has undone: only its key, listener and times are left."""


DELETED_LISTENER: Final = "deleted"
"""What a source of music names instead of the hash of a listener who was deleted."""


HISTORY: Final = "history"
"""Kind of an import of a listener's history, whose file name is the listener's group."""


def stamp(moment: datetime) -> str:
    """Format a time for storage: ISO 8601 in UTC with milliseconds, so that text sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def listener_group(listener: str) -> str:
    """Return the id of a listener's playlist from feedback, which does not reveal the hash."""
    return f"listener-{hashlib.sha256(listener.encode()).hexdigest()[:16]}"
