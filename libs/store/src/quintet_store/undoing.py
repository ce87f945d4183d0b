"""Undo an event of feedback: what it left in events, memory and training rows is removed.

The event's key stays, so that a client that sends the event again, or a spool that still holds it,
brings nothing back.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, select, update

from quintet_store.feedback import UNDONE, feedback_playlists, hold_feedback, listener_group
from quintet_store.feedback_rows import POSITIVE, remove_track
from quintet_store.listeners import forget_signal, signal_of
from quintet_store.tables import FeedbackEvent, Recommendation, table_of

_EVENTS: Final = table_of(FeedbackEvent)
_LISTS: Final = table_of(Recommendation)


@dataclass(frozen=True)
class Undone:
    """What an undo found.

    Attributes:
        kind: What the event was; "undone" if it had been undone before.
        listener: The keyed hash of its listener; empty for none.
    """

    kind: str
    listener: str


def undo_event(connection: Connection, client: str, event_id: str, at: str) -> Undone | None:
    """Undo an event; None if this client has sent none of this id. Repeating changes nothing.

    Args:
        connection: In a transaction that writes.
        client: Who sent the event.
        event_id: Its id at the client.
        at: Now, as `feedback.stamp` writes it.
    """
    hold_feedback(connection)
    mine = and_(_EVENTS.c.client == client, _EVENTS.c.event_id == event_id)
    query = select(_EVENTS).where(mine)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update()
    event = connection.execute(query).mappings().one_or_none()
    if event is None:
        return None
    undone = Undone(str(event["kind"]), str(event["listener"]))
    if undone.kind == UNDONE:
        return undone
    nothing = {"recommendation_id": "", "track_id": "", "position": None, "dwell_ms": None}
    connection.execute(update(_EVENTS).where(mine).values(kind=UNDONE, **nothing))
    _forget_in_memory(connection, event, at)
    if undone.kind in POSITIVE:
        _forget_in_training(connection, event)
    return undone


def _forget_in_memory(connection: Connection, event: Any, at: str) -> None:
    """Remove the signal of an event, unless another event gives the same one."""
    if not event["listener"]:
        return
    others = select(_EVENTS).where(
        _EVENTS.c.listener == event["listener"], _EVENTS.c.track_id == event["track_id"]
    )
    signal = signal_of(event)
    if all(signal_of(each) != signal for each in connection.execute(others).mappings()):
        forget_signal(connection, event["listener"], signal, at)


def _forget_in_training(connection: Connection, event: Any) -> None:
    """Remove the track from the playlists built from feedback, where no other event holds it."""
    named, track = event["recommendation_id"], event["track_id"]
    groups = set()
    if not _is_held(connection, _EVENTS.c.recommendation_id == named, track):
        query = select(_LISTS.c.seeds).where(_LISTS.c.recommendation_id == named)
        seeds = connection.execute(query).scalar_one_or_none() or ()
        # A seed is in the playlist of its list in any case.
        if all(seed.get("track_id") != track for seed in seeds):
            groups.add(named)
    listener = event["listener"]
    if listener and not _is_held(connection, _EVENTS.c.listener == listener, track):
        groups.add(listener_group(listener))
    for playlist in feedback_playlists(connection, groups):
        remove_track(connection, playlist, track)


def _is_held(connection: Connection, of_group: Any, track: str) -> bool:
    """Check whether an event that was not undone puts the track into a group's playlist."""
    query = select(_EVENTS.c.event_id).where(
        of_group, _EVENTS.c.track_id == track, _EVENTS.c.kind.in_(POSITIVE)
    )
    return connection.execute(query.limit(1)).first() is not None
