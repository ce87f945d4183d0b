"""Store recommended lists and events, and look up what lists a client may speak of."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection, Dialect, select

from quintet_store.bulk import Rows, insert_into, parts
from quintet_store.feedback.sizes import with_bytes
from quintet_store.listeners import remember_events
from quintet_store.tables import FeatureSet, FeedbackEvent, Impression, Recommendation, table_of

_SETS: Final = table_of(FeatureSet)
_LISTS: Final = table_of(Recommendation)
_SHOWN: Final = table_of(Impression)
_EVENTS: Final = table_of(FeedbackEvent)


def add_shown(connection: Connection, sets: Rows, lists: Rows, shown: Rows) -> None:
    """Store feature sets, recommendations and impressions; existing rows stay unchanged.

    Lists get their size here, unless `with_bytes` gave it.
    """
    # Not through a temporary table as imports do it: this runs several times a second, for ever,
    # and each such table would leave its traces in PostgreSQL's catalogue.
    if lists and "bytes" not in lists[0]:
        lists = with_bytes(lists, shown)
    for table, rows in ((_SETS, sets), (_LISTS, lists)):
        if rows:
            insert = insert_into(connection.dialect, table).on_conflict_do_nothing()
            connection.execute(insert, [dict(row) for row in rows])
    if shown:
        _add_impressions(connection, shown)


def _add_impressions(connection: Connection, shown: Rows) -> None:
    """Insert impressions, some fifty per list, each with the same columns.

    SQLAlchemy compiles the statement, but the driver takes the rows: converting the parameters of
    each row in SQLAlchemy took a third of the time.
    """
    statement, names = _impression_statement(connection.dialect, tuple(shown[0]))
    values = itemgetter(*names) if names else dict
    connection.exec_driver_sql(statement, [values(row) for row in shown])


@lru_cache(maxsize=4)
def _impression_statement(dialect: Dialect, columns: tuple[str, ...]) -> tuple[str, Sequence[str]]:
    """Compile the INSERT, with the order of its parameters if the driver takes them by position.

    Columns that are not named get their defaults.
    """
    insert = insert_into(dialect, _SHOWN).on_conflict_do_nothing()
    compiled = insert.compile(dialect=dialect, column_keys=columns)
    return str(compiled), compiled.positiontup or ()


def add_events(connection: Connection, rows: Rows) -> int:
    """Store events, each with every column, in the memories too, and count those that are new."""
    if not rows:
        return 0
    insert = insert_into(connection.dialect, _EVENTS).on_conflict_do_nothing()
    statement = insert.returning(_EVENTS.c.client, _EVENTS.c.event_id)
    added = {
        (str(row[0]), str(row[1]))
        for row in connection.execute(statement, [dict(row) for row in rows])
    }
    # In the same transaction: a memory never lacks an event that is stored.
    remember_events(connection, [row for row in rows if (row["client"], row["event_id"]) in added])
    return len(added)


def listeners_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Look up the listeners of recorded recommendations, by recommendation id."""
    return {
        str(row[0]): str(row[1])
        for part in parts(ids)
        for row in connection.execute(
            select(_LISTS.c.recommendation_id, _LISTS.c.listener).where(
                _LISTS.c.recommendation_id.in_(part)
            )
        )
    }


def shown_tracks(connection: Connection, ids: Iterable[str]) -> set[tuple[str, str]]:
    """Look up the (recommendation id, track id) pairs shown in recommendations."""
    return {
        (str(row[0]), str(row[1]))
        for part in parts(ids)
        for row in connection.execute(
            select(_SHOWN.c.recommendation_id, _SHOWN.c.track_id).where(
                _SHOWN.c.recommendation_id.in_(part)
            )
        )
    }
