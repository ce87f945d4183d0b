"""Store and read what listeners did with tracks: their memory, by bound parameters only.

Listeners are keyed hashes throughout. A memory is fed by feedback, by imported histories and by
media servers; it has at most `MAX_SIGNALS` rows, and at most `MAX_LISTENERS` listeners have one.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from operator import itemgetter
from typing import Any, Final

from quintet_contract.limits import (
    HEARD_KINDS,
    LEAST_PLAYED_MS,
    MAX_BANNED_ARTISTS,
    MAX_LISTENERS,
    MAX_SIGNALS,
    OPINION_KINDS,
    SIGNAL_KINDS,
)
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    delete,
    func,
    select,
    tuple_,
    update,
)

from quintet_store.bulk import Rows, insert_into
from quintet_store.tables import BannedArtist, Listener, ListenerSignal, table_of

LISTENERS: Final = table_of(Listener)
SIGNALS: Final = table_of(ListenerSignal)
BANNED: Final = table_of(BannedArtist)
MAX_SOURCE: Final = 64
"""Characters of the name of a source."""
FEEDBACK: Final = "feedback"
"""Source of the signals that listeners gave to Quintet itself."""
# A full memory is cut down to this share, so that not every further signal cuts again.
_KEPT: Final = 0.95
_ROWS_AT_ONCE: Final = 500
_ROW: Final = ("track_id", "kind", "at", "count", "source")
"""The columns of `quintet_contract.signals.SignalRow`."""


@dataclass(frozen=True)
class Signal:
    """One thing that a listener did with a track.

    Attributes:
        track_id: A track of the catalogue.
        kind: One of `SIGNAL_KINDS`.
        at: Seconds since 1970.
        count: Plays that the row stands for.
    """

    track_id: str
    kind: str
    at: int
    count: int = 1


def remember(
    connection: Connection,
    listener: str,
    signals: Iterable[Signal],
    *,
    source: str,
    licence: str,
    received_at: str,
    replace: bool = False,
) -> int:
    """Add signals to a listener's memory, and count those that were not there.

    A signal that the same source gave before changes nothing, so that a file may be imported again.

    Args:
        connection: In a transaction that writes.
        listener: The keyed hash; empty for none, whose signals are not kept.
        signals: What the listener did; unbounded, the newest are kept.
        source: Where they come from, such as "lastfm" or the name of a media server.
        licence: Licence of the rows.
        received_at: Now, as `feedback.stamp` writes it.
        replace: Whether the signals are all that the source knows: others of it are deleted, as
            where a media server no longer has a star.
    """
    if not listener:
        return 0
    kept = nlargest(MAX_SIGNALS, signals, key=_priority)
    removed = 0
    if replace:
        mine = and_(SIGNALS.c.listener == listener, SIGNALS.c.source == source)
        removed = connection.execute(delete(SIGNALS).where(mine)).rowcount
    rows = [
        {
            "listener": listener,
            "track_id": each.track_id,
            "kind": each.kind,
            "at": each.at,
            "source": source,
            "count": each.count,
            "licence": licence,
            "received_at": received_at,
        }
        for each in kept
    ]
    added = _insert_new(connection, SIGNALS, rows)
    if added or removed:
        _changed(connection, listener, received_at, added - removed)
    return added


def remember_events(connection: Connection, events: Rows) -> None:
    """Add feedback events that were just stored to the memories of their listeners."""
    of_listener: dict[str, list[Signal]] = {}
    for event in events:
        if event["listener"]:
            of_listener.setdefault(event["listener"], []).append(signal_of(event))
    # In one order everywhere, so that two gateways cannot deadlock.
    for listener, signals in sorted(of_listener.items()):
        received_at = max(e["received_at"] for e in events if e["listener"] == listener)
        remember(
            connection,
            listener,
            signals,
            source=FEEDBACK,
            licence="listener",
            received_at=received_at,
        )


def forget_signal(connection: Connection, listener: str, signal: Signal, received_at: str) -> None:
    """Remove a signal that a listener gave by feedback; for one that is not there nothing changes.

    Args:
        connection: In a transaction that writes.
        listener: The keyed hash.
        signal: The signal.
        received_at: Now, as `feedback.stamp` writes it.
    """
    mine = and_(
        SIGNALS.c.listener == listener,
        SIGNALS.c.track_id == signal.track_id,
        SIGNALS.c.kind == signal.kind,
        SIGNALS.c.at == signal.at,
        SIGNALS.c.source == FEEDBACK,
    )
    if connection.execute(delete(SIGNALS).where(mine)).rowcount:
        _changed(connection, listener, received_at, -1)


def signal_kind(kind: str, played_ms: int | None = None) -> str:
    """Name the signal of an event of feedback: a short play is a skip, an addition a save."""
    if kind == "playlist_add":
        return "save"
    short = kind == "play" and played_ms is not None and played_ms < LEAST_PLAYED_MS
    return "skip" if short else kind


def ban_artist(
    connection: Connection, listener: str, artist_id: str, source: str, received_at: str
) -> bool:
    """Ban an artist for a listener; False if the listener has banned as many as are allowed.

    Banning again changes nothing.
    """
    query = select(func.count(func.distinct(BANNED.c.artist_id)))
    query = query.where(BANNED.c.listener == listener, BANNED.c.artist_id != artist_id)
    if connection.execute(query).scalar_one() >= MAX_BANNED_ARTISTS:
        return False
    row = {
        "listener": listener,
        "artist_id": artist_id,
        "source": source,
        "received_at": received_at,
    }
    if _insert_new(connection, BANNED, [row]):
        _changed(connection, listener, received_at, 0)
    return True


def allow_artist(connection: Connection, listener: str, artist_id: str, received_at: str) -> bool:
    """Lift a ban of an artist, whatever source it has; False if there was none."""
    mine = and_(BANNED.c.listener == listener, BANNED.c.artist_id == artist_id)
    if not connection.execute(delete(BANNED).where(mine)).rowcount:
        return False
    _changed(connection, listener, received_at, 0)
    return True


def lift_bans(connection: Connection, listener: str, source: str, received_at: str) -> None:
    """Lift the bans that a source gave, which then states those that it still has."""
    mine = and_(BANNED.c.listener == listener, BANNED.c.source == source)
    if connection.execute(delete(BANNED).where(mine)).rowcount:
        _changed(connection, listener, received_at, 0)


def revision_of(connection: Connection, listener: str) -> str:
    """Read the revision of a listener's memory; empty if there is none."""
    query = select(LISTENERS.c.revision).where(LISTENERS.c.listener == listener)
    return str(connection.execute(query).scalar_one_or_none() or "")


def listener_names(connection: Connection) -> list[str]:
    """List the keyed hashes of the listeners with a memory, sorted: at most `MAX_LISTENERS`."""
    query = select(LISTENERS.c.listener).order_by(LISTENERS.c.listener)
    return [str(row[0]) for row in connection.execute(query)]


def read_signals(connection: Connection, listener: str) -> list[tuple[str, str, int, int, str]]:
    """Read (track id, kind, seconds, count, source) of a listener's signals, the oldest first.

    Of two opinions within a second a dislike comes last: what was not wanted does not return.
    """
    columns = [SIGNALS.c[name] for name in _ROW]
    query = select(*columns).where(SIGNALS.c.listener == listener)
    # Sorted here: the rows are bounded, and the database would sort by text columns too.
    return _in_order(_tuples(connection, query))


def read_recent(
    connection: Connection, listener: str, heard: int, opinions: int
) -> list[tuple[str, str, int, int, str]]:
    """Read the latest signals of a listener as `read_signals` does: a bounded part of a memory.

    Args:
        connection: To read by.
        listener: The keyed hash.
        heard: Plays and skips at most.
        opinions: Likes, saves and dislikes at most.
    """
    rows: list[tuple[str, str, int, int, str]] = []
    for kinds, most in ((HEARD_KINDS, heard), (OPINION_KINDS, opinions)):
        found: list[tuple[str, str, int, int, str]] = []
        # One range of the index for each kind; SQLite would sort the rows of several kinds.
        for kind in kinds:
            query = select(*(SIGNALS.c[name] for name in _ROW)).where(
                SIGNALS.c.listener == listener, SIGNALS.c.kind == kind
            )
            query = query.order_by(SIGNALS.c.at.desc(), SIGNALS.c.track_id.desc()).limit(most)
            found += _tuples(connection, query)
        rows += found if len(found) <= most else nlargest(most, found, key=_in_time)
    return _in_order(rows)


def read_heard(
    connection: Connection, listener: str, since: int, until: int | None = None
) -> list[str]:
    """Read the tracks that a listener played or skipped at a time or later, the latest first.

    Args:
        connection: To read by.
        listener: The keyed hash.
        since: Seconds since 1970.
        until: Plays and skips of this time and later are left out; none are if None.
    """
    # Grouped here: GROUP BY would make SQLite read all rows of the listener, in order of tracks.
    query = select(SIGNALS.c.at, SIGNALS.c.track_id).where(
        SIGNALS.c.listener == listener,
        SIGNALS.c.kind.in_(HEARD_KINDS),
        SIGNALS.c.at >= since,
    )
    if until is not None:
        query = query.where(SIGNALS.c.at < until)
    rows = sorted(_tuples(connection, query), key=lambda row: (-row[0], row[1]))
    return list(dict.fromkeys(track_id for _, track_id in rows))


def read_disliked(connection: Connection, listener: str) -> list[str]:
    """Read the tracks whose latest opinion by a listener is a dislike, the latest first."""
    query = select(SIGNALS.c.track_id, SIGNALS.c.kind, SIGNALS.c.at)
    query = query.where(SIGNALS.c.listener == listener, SIGNALS.c.kind.in_(OPINION_KINDS))
    latest = {row[0]: row for row in sorted(_tuples(connection, query), key=_in_time)}
    disliked = [(at, track_id) for track_id, kind, at in latest.values() if kind == "dislike"]
    return [track_id for _, track_id in sorted(disliked, reverse=True)]


def read_known(
    connection: Connection, listener: str, most: int, until: int | None = None
) -> list[str]:
    """Read the tracks that a listener heard or judged, the latest first, up to `most`.

    At most `most` signals of each kind are read, the latest, so that long histories cost no more.
    Those of `until` (seconds since 1970) and later are left out; none are if it is None.
    """
    rows: list[tuple[Any, ...]] = []
    for kind in SIGNAL_KINDS:
        query = select(SIGNALS.c.at, SIGNALS.c.track_id)
        query = query.where(SIGNALS.c.listener == listener, SIGNALS.c.kind == kind)
        query = query if until is None else query.where(SIGNALS.c.at < until)
        rows += _tuples(connection, query.order_by(SIGNALS.c.at.desc()).limit(most))
    latest = sorted(rows, key=lambda row: (-row[0], row[1]))
    return list(dict.fromkeys(track_id for _, track_id in latest))[:most]


def _in_order(rows: list[tuple[str, str, int, int, str]]) -> list[tuple[str, str, int, int, str]]:
    """Sort signals by time, of one second a dislike last, as `_in_time` orders them."""
    # Stable by time alone, which needs no function call for each of twenty thousand rows.
    dislikes = [row for row in rows if row[1] == "dislike"]
    others = [row for row in rows if row[1] != "dislike"] if dislikes else rows
    return sorted([*others, *dislikes], key=itemgetter(2))


def _in_time(row: tuple[Any, ...]) -> tuple[int, bool]:
    return row[2], row[1] == "dislike"


def _tuples(connection: Connection, query: Select[Any]) -> list[tuple[Any, ...]]:
    """Read plain texts and numbers as the driver gives them: SQLAlchemy's rows take four times."""
    return list(connection.execute(query).cursor.fetchall())


def active_listeners(connection: Connection, most: int) -> list[str]:
    """List the listeners with a memory, by keyed hash, the one active last first, up to `most`."""
    query = select(LISTENERS.c.listener).where(LISTENERS.c.signals > 0)
    query = query.order_by(LISTENERS.c.active_at.desc(), LISTENERS.c.listener).limit(most)
    return [str(row[0]) for row in connection.execute(query)]


def banned_artists(connection: Connection, listener: str) -> list[str]:
    """Read the ids of the artists that a listener banned, sorted."""
    query = select(BANNED.c.artist_id).where(BANNED.c.listener == listener).distinct()
    return sorted(str(row[0]) for row in connection.execute(query))


def forget_memory(connection: Connection, listener: str, until: str) -> int:
    """Delete what a listener's memory received until a time, and count the deleted rows."""
    deleted = sum(
        connection.execute(
            delete(table).where(table.c.listener == listener, table.c.received_at <= until)
        ).rowcount
        for table in (SIGNALS, BANNED)
    )
    rows = [_count(connection, table, listener) for table in (SIGNALS, BANNED)]
    if any(rows):
        _changed(connection, listener, until, rows[0], absolute=True)
    else:
        connection.execute(delete(LISTENERS).where(LISTENERS.c.listener == listener))
    return deleted


def forget_inactive(connection: Connection, cutoff: str, most: int) -> int:
    """Delete up to `most` memories whose last signal arrived before a time, and count them."""
    return _forget_oldest(connection, LISTENERS.c.active_at < cutoff, most)


def signal_of(event: Any) -> Signal:
    """Read the signal that an event of feedback gives; `event` has the columns of its table."""
    at = int(datetime.fromisoformat(event["occurred_at"]).timestamp())
    return Signal(event["track_id"], signal_kind(event["kind"], event["dwell_ms"]), at)


def _priority(signal: Signal) -> tuple[bool, int]:
    """Order signals by what is kept longest: opinions, then the newest."""
    return signal.kind in OPINION_KINDS, signal.at


def _insert_new(connection: Connection, table: Table, rows: Rows) -> int:
    """Insert rows that are not there yet, and count them."""
    key = table.primary_key.columns
    insert = insert_into(connection.dialect, table).on_conflict_do_nothing()
    statement = insert.returning(*key)
    added = 0
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = [dict(row) for row in rows[start : start + _ROWS_AT_ONCE]]
        added += len(connection.execute(statement, part).all())
    return added


def _changed(
    connection: Connection, listener: str, received_at: str, more: int, absolute: bool = False
) -> None:
    """Note a change of a memory, and keep both bounds."""
    known = select(LISTENERS.c.signals).where(LISTENERS.c.listener == listener)
    if connection.dialect.name == "postgresql":
        known = known.with_for_update()
    before = connection.execute(known).scalar_one_or_none()
    signals = more if absolute or before is None else before + more
    if signals > MAX_SIGNALS:
        _cut(connection, listener, signals - int(MAX_SIGNALS * _KEPT))
        signals = _count(connection, SIGNALS, listener)
    values = {
        "revision": secrets.token_hex(8),
        "signals": signals,
        "active_at": received_at,
    }
    if before is not None:
        statement = update(LISTENERS).where(LISTENERS.c.listener == listener)
        connection.execute(statement.values(values))
        return
    row = {"listener": listener, **values}
    insert = insert_into(connection.dialect, LISTENERS).values(row)
    connection.execute(insert.on_conflict_do_update(index_elements=["listener"], set_=values))
    surplus = _count(connection, LISTENERS) - MAX_LISTENERS
    if surplus > 0:
        _forget_oldest(connection, LISTENERS.c.listener != listener, surplus + MAX_LISTENERS // 100)


def _cut(connection: Connection, listener: str, surplus: int) -> None:
    """Delete signals of a full memory: the oldest plays and skips, then the oldest opinions."""
    key = tuple(SIGNALS.primary_key.columns)
    oldest = (
        select(*key)
        .where(SIGNALS.c.listener == listener)
        .order_by(case((SIGNALS.c.kind.in_(OPINION_KINDS), 1), else_=0), SIGNALS.c.at, *key)
        .limit(surplus)
    )
    connection.execute(delete(SIGNALS).where(tuple_(*key).in_(oldest)))


def _forget_oldest(connection: Connection, of: ColumnElement[bool], most: int) -> int:
    query = select(LISTENERS.c.listener).where(of)
    query = query.order_by(LISTENERS.c.active_at, LISTENERS.c.listener).limit(most)
    names: Sequence[str] = [str(row[0]) for row in connection.execute(query)]
    for start in range(0, len(names), _ROWS_AT_ONCE):
        part = names[start : start + _ROWS_AT_ONCE]
        for table in (SIGNALS, BANNED, LISTENERS):
            connection.execute(delete(table).where(table.c.listener.in_(part)))
    return len(names)


def _count(connection: Connection, table: Table, listener: str = "") -> int:
    query = select(func.count()).select_from(table)
    query = query.where(table.c.listener == listener) if listener else query
    return int(connection.execute(query).scalar_one())
