"""Export a listener's records, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, select, tuple_

from quintet_store.feedback.names import UNDONE
from quintet_store.listeners import BANNED, SIGNALS
from quintet_store.saved_lists import SAVED
from quintet_store.tables import FeedbackEvent, Impression, Recommendation, table_of

_LISTS: Final = table_of(Recommendation)
_SHOWN: Final = table_of(Impression)
_EVENTS: Final = table_of(FeedbackEvent)


@dataclass(frozen=True)
class Cursor:
    """Mark a place in a listener's export: the table, and the key of the last row returned."""

    stage: int = 0
    key: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Page:
    """A part of a listener's export.

    Attributes:
        records: (kind, column to value); kinds are recommendation, impression, event, signal,
            banned_artist and saved_list.
        next: Where the next part begins; None after the last.
    """

    records: Sequence[tuple[str, Mapping[str, Any]]]
    next: Cursor | None


def _of_listener(stage: int, listener: str) -> tuple[str, Select[Any], list[Any]]:
    """Select one kind of a listener's rows, with the columns that order them."""
    if stage == 0:
        query = select(_LISTS).where(_LISTS.c.listener == listener)
        return "recommendation", query, [_LISTS.c.recommendation_id]
    if stage == 1:
        joined = _SHOWN.join(_LISTS)
        query = select(_SHOWN).select_from(joined).where(_LISTS.c.listener == listener)
        return "impression", query, [_SHOWN.c.recommendation_id, _SHOWN.c.position]
    if stage == 2:
        query = select(_EVENTS).where(_EVENTS.c.listener == listener, _EVENTS.c.kind != UNDONE)
        return "event", query, [_EVENTS.c.client, _EVENTS.c.event_id]
    kind, table = (("signal", SIGNALS), ("banned_artist", BANNED), ("saved_list", SAVED))[stage - 3]
    key = [column for column in table.primary_key.columns if column.name != "listener"]
    return kind, select(table).where(table.c.listener == listener), key


_STAGES: Final = 6


def export_page(connection: Connection, listener: str, cursor: Cursor, size: int) -> Page:
    """Read up to `size` of a listener's records, from a place on."""
    records: list[tuple[str, Mapping[str, Any]]] = []
    for stage in range(cursor.stage, _STAGES):
        kind, query, key = _of_listener(stage, listener)
        if stage == cursor.stage and cursor.key:
            # By key, not by OFFSET: rows added or deleted between two pages shift no row.
            query = query.where(tuple_(*key) > tuple_(*cursor.key))
        room = size - len(records)
        rows = connection.execute(query.order_by(*key).limit(room)).mappings().all()
        records += [(kind, dict(row)) for row in rows]
        if len(rows) == room:
            last = tuple(rows[-1][column.name] for column in key) if rows else cursor.key
            return Page(records, Cursor(stage, last))
    return Page(records, None)
