"""Delete feedback that is too old, and lists that take too much room."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, delete, exists, or_, select, tuple_

from quintet_store.bulk import parts
from quintet_store.database import reading, writing
from quintet_store.feedback.derived_playlists import delete_playlists
from quintet_store.feedback.names import GROUP_PREFIX, stamp
from quintet_store.feedback.sizes import recorded_bytes
from quintet_store.listeners import forget_inactive
from quintet_store.tables import (
    FeedbackEvent,
    Import,
    Impression,
    Playlist,
    Recommendation,
    ShadowComparison,
    table_of,
)

_SHOWN: Final = table_of(Impression)
_LISTS: Final = table_of(Recommendation)
_EVENTS: Final = table_of(FeedbackEvent)
_PLAYLISTS: Final = table_of(Playlist)
_IMPORTS: Final = table_of(Import)
_SHADOWS: Final = table_of(ShadowComparison)


@dataclass(frozen=True)
class Pruned:
    """Count what retention deleted."""

    events: int = 0
    recommendations: int = 0
    playlists: int = 0

    def plus(self, other: "Pruned") -> "Pruned":
        """Add two counts."""
        return Pruned(
            self.events + other.events,
            self.recommendations + other.recommendations,
            self.playlists + other.playlists,
        )


def trim_to(engine: Engine, most: int, part: int = 500) -> Pruned:
    """Delete recorded lists until they take at most `most` bytes, in small transactions.

    The oldest lists without feedback go first; those with feedback, which training learns from,
    only when no other is left. Their events stay. A file of SQLite does not shrink, but the room
    is used again.

    Args:
        engine: The database.
        most: Bytes, as `list_bytes` counts them.
        part: Lists in one transaction.

    Raises:
        StoreUnavailable: The database failed; what was deleted until then stays deleted.
    """
    with reading(engine) as connection:
        surplus = recorded_bytes(connection) - most
    lists = 0
    has_event = exists().where(_EVENTS.c.recommendation_id == _LISTS.c.recommendation_id)
    while surplus > 0:
        with writing(engine) as connection:
            query = (
                select(_LISTS.c.recommendation_id, _LISTS.c.bytes)
                .order_by(_LISTS.c.shown_at, _LISTS.c.recommendation_id)
                .limit(part)
            )
            rows = connection.execute(query.where(~has_event)).all()
            rows = rows or connection.execute(query).all()
            chosen = []
            for name, size in rows:
                if surplus <= 0:
                    break
                chosen.append(str(name))
                # A row of a release that did not count sizes must not keep this from ending.
                surplus -= max(int(size), 1)
            _delete_lists(connection, chosen)
        if not chosen:
            break
        lists += len(chosen)
    return Pruned(recommendations=lists)


def _delete_lists(connection: Connection, ids: Sequence[str]) -> None:
    for part in parts(ids):
        # Impressions first: they refer to their list.
        for table in (_SHOWN, _LISTS):
            connection.execute(delete(table).where(table.c.recommendation_id.in_(part)))


def prune(connection: Connection, cutoff: str, most: int) -> Pruned:
    """Delete up to `most` events received and recommendations shown before a time.

    Playlists built from feedback are deleted with their import, once that is older.
    """
    old = select(_LISTS.c.recommendation_id).where(_LISTS.c.shown_at < cutoff)
    old = old.order_by(_LISTS.c.shown_at, _LISTS.c.recommendation_id).limit(most)
    ids = [str(row[0]) for row in connection.execute(old)]
    _delete_lists(connection, ids)
    key = (_EVENTS.c.client, _EVENTS.c.event_id)
    oldest = select(*key).where(_EVENTS.c.received_at < cutoff)
    oldest = oldest.order_by(_EVENTS.c.received_at, *key).limit(most)
    events = connection.execute(delete(_EVENTS).where(tuple_(*key).in_(oldest)))
    connection.execute(delete(_SHADOWS).where(_SHADOWS.c.recorded_at < cutoff))
    return Pruned(events.rowcount, len(ids), _prune_playlists(connection, cutoff))


def prune_before(engine: Engine, cutoff: datetime, most: int = 500) -> Pruned:
    """Delete all feedback older than a time, in small transactions that let other writers in.

    The memory of a listener stays as long as signals arrive, and is deleted a retention after the
    last one: dislikes and banned artists of an active listener count for ever.

    Raises:
        StoreUnavailable: The database failed; rows deleted until then stay deleted.
    """
    total = Pruned()
    while True:
        with writing(engine) as connection:
            part = prune(connection, stamp(cutoff), most)
            forgotten = forget_inactive(connection, stamp(cutoff), most)
        total = total.plus(part)
        if max(part.events, part.recommendations, forgotten) < most:
            return total


def _prune_playlists(connection: Connection, cutoff: str) -> int:
    query = (
        select(_PLAYLISTS.c.playlist_id)
        .select_from(_PLAYLISTS.join(_IMPORTS))
        .where(_IMPORTS.c.imported_at < cutoff)
        .where(
            or_(
                _PLAYLISTS.c.playlist_id.startswith(GROUP_PREFIX, autoescape=True),
                _PLAYLISTS.c.playlist_id.contains(f":{GROUP_PREFIX}", autoescape=True),
            )
        )
    )
    return delete_playlists(connection, [str(row[0]) for row in connection.execute(query)])
