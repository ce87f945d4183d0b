"""Count what recorded lists take on the disk."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, func, select

from quintet_store.bulk import Rows
from quintet_store.database import read_as_it_is
from quintet_store.tables import Recommendation, table_of

_LISTS: Final = table_of(Recommendation)

# Bytes of a row beside its texts and features; the migration that added the sizes has the same.
_LIST_BYTES: Final = 600


# Options of a request and the sizes of its stages, as JSON; lists of older releases have none.
_OPTIONS_BYTES: Final = 300


_SHOWN_BYTES: Final = 200


def list_bytes(shown: Rows) -> int:
    """Estimate what a list and its impressions take on the disk, in bytes.

    The rows' own bytes, and `_LIST_BYTES` and `_SHOWN_BYTES` for numbers, keys and indexes, as
    measured on SQLite; PostgreSQL takes about as much.
    """
    return _LIST_BYTES + sum(
        _SHOWN_BYTES + len(row["features"]) + len(row["channels"]) + len(row["track_id"])
        for row in shown
    )


def with_bytes(lists: Rows, shown: Rows) -> list[dict[str, Any]]:
    """Add to each list's row the size of the list, which `trim_to` counts by."""
    of_list: dict[str, list[Mapping[str, Any]]] = {}
    for row in shown:
        of_list.setdefault(row["recommendation_id"], []).append(row)
    return [
        {
            **row,
            "bytes": list_bytes(of_list.get(row["recommendation_id"], []))
            + (_OPTIONS_BYTES if row.get("options") else 0),
        }
        for row in lists
    ]


def recorded_bytes(connection: Connection) -> int:
    """Sum the sizes of all recorded lists, in bytes; some 50 ms for 100,000 lists."""
    return int(connection.execute(select(func.coalesce(func.sum(_LISTS.c.bytes), 0))).scalar_one())


def stored_bytes(url: str) -> int:
    """Read the size of the recorded lists without creating or migrating a database; 0 if none.

    Raises:
        StoreUnavailable: The database is damaged or cannot be reached.
    """
    # Before that revision, sizes were not counted.
    return read_as_it_is(url, "0004", recorded_bytes, 0)
