"""Delete a listener's data, and keep it deleted when an older state comes back."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, and_, case, delete, select, update

from quintet_store.bulk import Rows, insert_into
from quintet_store.feedback.derived_playlists import delete_groups, delete_history
from quintet_store.feedback.locks import hold_events, hold_feedback, hold_listener
from quintet_store.feedback.names import DELETED_LISTENER, UNDONE, listener_group
from quintet_store.listeners import forget_memory
from quintet_store.saved_lists import delete_lists_of
from quintet_store.tables import (
    DeletedListener,
    FeedbackEvent,
    MusicSource,
    Recommendation,
    table_of,
)

_LISTS: Final = table_of(Recommendation)
_EVENTS: Final = table_of(FeedbackEvent)
_DELETIONS: Final = table_of(DeletedListener)
_SOURCES: Final = table_of(MusicSource)


@dataclass(frozen=True)
class Deleted:
    """Count what a deletion removed.

    Attributes:
        events: Feedback events, without what is left of those that were undone.
        recommendations: Recommendations that no longer name the listener.
        playlists: Playlists made of feedback and of imported histories.
        signals: Rows of the memory, banned artists included.
    """

    events: int
    recommendations: int
    playlists: int
    signals: int = 0


def delete_listener(connection: Connection, listener: str, until: str) -> Deleted:
    """Delete a listener's events, memory, saved lists and derived playlists.

    Recommendations of the listener no longer name them.

    The deletion is kept, by the keyed hash alone, so that `repeat_deletions` can apply it to an
    older state that a backup brings back.

    Args:
        connection: In a transaction that writes.
        listener: The keyed hash.
        until: What was received until then, as `stamp` writes it; later feedback stays.
    """
    if not listener:
        return Deleted(0, 0, 0)
    hold_feedback(connection)
    hold_listener(connection, listener)
    hold_events(connection, exclusive=True)
    mine_lists = and_(_LISTS.c.listener == listener, _LISTS.c.shown_at <= until)
    mine_events = and_(_EVENTS.c.listener == listener, _EVENTS.c.received_at <= until)
    columns = (
        (_LISTS.c.recommendation_id, mine_lists),
        (_EVENTS.c.recommendation_id, mine_events),
    )
    groups = {
        str(row[0])
        for column, mine in columns
        for row in connection.execute(select(column).where(mine))
    }
    playlists = delete_groups(connection, {*groups, listener_group(listener)})
    playlists += delete_history(connection, listener, until)
    signals = forget_memory(connection, listener, until)
    delete_lists_of(connection, listener, until)
    _unlink_sources(connection, listener, until)
    connection.execute(delete(_EVENTS).where(mine_events, _EVENTS.c.kind == UNDONE))
    events = connection.execute(delete(_EVENTS).where(mine_events))
    lists = connection.execute(update(_LISTS).where(mine_lists).values(listener=""))
    row = {"listener": listener, "deleted_at": until}
    statement = insert_into(connection.dialect, _DELETIONS)
    later = case(
        (statement.excluded.deleted_at > _DELETIONS.c.deleted_at, statement.excluded.deleted_at),
        else_=_DELETIONS.c.deleted_at,
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["listener"], set_={"deleted_at": later}),
        [row],
    )
    return Deleted(events.rowcount, lists.rowcount, playlists, signals)


def deletions(connection: Connection) -> dict[str, str]:
    """Read the listeners deleted so far, as keyed hashes, each with the time of the deletion."""
    return {str(row[0]): str(row[1]) for row in connection.execute(select(_DELETIONS))}


def repeat_deletions(connection: Connection, more: Mapping[str, str]) -> Deleted:
    """Apply deletions to a state from before them, such as a restored backup's.

    Args:
        connection: In a transaction that writes.
        more: Keyed hash to time, besides the deletions that the database has.
    """
    events = lists = playlists = signals = 0
    both = deletions(connection)
    for listener, until in more.items():
        both[listener] = max(until, both.get(listener, ""))
    # All of them before the lock of events, as a deletion does: else the two could deadlock.
    hold_feedback(connection)
    for listener in sorted(both):
        hold_listener(connection, listener)
    for listener, until in sorted(both.items()):
        done = delete_listener(connection, listener, until)
        events, lists = events + done.events, lists + done.recommendations
        playlists, signals = playlists + done.playlists, signals + done.signals
    return Deleted(events, lists, playlists, signals)


def without_deleted(connection: Connection, rows: Rows) -> list[Mapping[str, Any]]:
    """Filter events that wait on the disk to those of listeners not deleted since.

    Deletions wait until the transaction ends, so that they delete what it stores.
    """
    hold_events(connection)
    gone = deletions(connection)
    return [row for row in rows if str(row["received_at"]) > gone.get(row["listener"] or "", "")]


def _unlink_sources(connection: Connection, listener: str, until: str) -> None:
    """Stop sources that feed a listener's memory from naming the listener."""
    query = select(_SOURCES.c.name, _SOURCES.c.options).where(_SOURCES.c.added_at <= until)
    for name, options in connection.execute(query).all():
        if options.get("listener") == listener:
            changed = {**options, "listener": DELETED_LISTENER}
            mine = update(_SOURCES).where(_SOURCES.c.name == name)
            connection.execute(mine.values(options=changed))


def remove_rejected(quarantine: Path, listener: str) -> None:
    """Delete the rows that imports of a listener's histories rejected.

    Args:
        quarantine: The folder of rejected rows; those of a listener are in one of their group.
        listener: The keyed hash.

    Raises:
        OSError: They cannot be deleted.
    """
    folder = quarantine / listener_group(listener)
    if listener and folder.exists():
        shutil.rmtree(folder)
