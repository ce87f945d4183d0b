"""Store and read recommended lists and the feedback on them, by bound parameters only.

Listeners are keyed hashes throughout; the empty hash stands for an unnamed listener.
"""

import hashlib
import itertools
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    Select,
    Table,
    and_,
    case,
    delete,
    distinct,
    exists,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from quintet_store.bulk import Rows
from quintet_store.database import read_as_it_is, reading, writing
from quintet_store.listeners import BANNED, SIGNALS, forget_inactive, forget_memory, remember_events
from quintet_store.saved_lists import SAVED, delete_lists_of
from quintet_store.tables import (
    DeletedListener,
    FeatureSet,
    FeedbackEvent,
    Import,
    Impression,
    MusicSource,
    Playlist,
    PlaylistTrack,
    Recommendation,
    ShadowComparison,
    table_of,
)

_SETS: Final = table_of(FeatureSet)
_LISTS: Final = table_of(Recommendation)
_SHOWN: Final = table_of(Impression)
_EVENTS: Final = table_of(FeedbackEvent)
_PLAYLISTS: Final = table_of(Playlist)
_ENTRIES: Final = table_of(PlaylistTrack)
_IMPORTS: Final = table_of(Import)
_SHADOWS: Final = table_of(ShadowComparison)
_DELETIONS: Final = table_of(DeletedListener)
_SOURCES: Final = table_of(MusicSource)
# SQLite allows 32,766 parameters in a statement, older builds 999.
_PARAMETERS: Final = 900
# Bytes of a row beside its texts and features; the migration that added the sizes has the same.
_LIST_BYTES: Final = 600
# Options of a request and the sizes of its stages, as JSON; lists of older releases have none.
_OPTIONS_BYTES: Final = 300
_SHOWN_BYTES: Final = 200
GROUP_PREFIX: Final = "feedback:"
"""Prefix of the ids of playlists built from feedback, before the id of their group."""
UNDONE: Final = "undone"
"""Kind of an event that its client has undone: only its key, listener and times are left."""
DELETED_LISTENER: Final = "deleted"
"""What a source of music names instead of the hash of a listener who was deleted."""
# The key of an advisory lock: 64 bits, of which locks of listeners have 63 random ones.
_FEEDBACK_LOCK: Final = -1
HISTORY: Final = "history"
"""Kind of an import of a listener's history, whose file name is the listener's group."""


def stamp(moment: datetime) -> str:
    """Format a time for storage: ISO 8601 in UTC with milliseconds, so that text sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def listener_group(listener: str) -> str:
    """Return the id of a listener's playlist from feedback, which does not reveal the hash."""
    return f"listener-{hashlib.sha256(listener.encode()).hexdigest()[:16]}"


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


def listeners_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Look up the listeners of recorded recommendations, by recommendation id."""
    return {
        str(row[0]): str(row[1])
        for part in parts_of(ids)
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
        for part in parts_of(ids)
        for row in connection.execute(
            select(_SHOWN.c.recommendation_id, _SHOWN.c.track_id).where(
                _SHOWN.c.recommendation_id.in_(part)
            )
        )
    }


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
            insert = _insert_into(connection.dialect, table).on_conflict_do_nothing()
            connection.execute(insert, [dict(row) for row in rows])
    if shown:
        _add_impressions(connection, shown)


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
    for part in parts_of(ids):
        # Impressions first: they refer to their list.
        for table in (_SHOWN, _LISTS):
            connection.execute(delete(table).where(table.c.recommendation_id.in_(part)))


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
    insert = _insert_into(dialect, _SHOWN).on_conflict_do_nothing()
    compiled = insert.compile(dialect=dialect, column_keys=columns)
    return str(compiled), compiled.positiontup or ()


def _insert_into(dialect: Dialect, table: Table) -> Any:
    return (postgresql if dialect.name == "postgresql" else sqlite).insert(table)


def add_events(connection: Connection, rows: Rows) -> int:
    """Store events, each with every column, in the memories too, and count those that are new."""
    if not rows:
        return 0
    insert = _insert_into(connection.dialect, _EVENTS).on_conflict_do_nothing()
    statement = insert.returning(_EVENTS.c.client, _EVENTS.c.event_id)
    added = {
        (str(row[0]), str(row[1]))
        for row in connection.execute(statement, [dict(row) for row in rows])
    }
    # In the same transaction: a memory never lacks an event that is stored.
    remember_events(connection, [row for row in rows if (row["client"], row["event_id"]) in added])
    return len(added)


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
    playlists = _delete_groups(connection, {*groups, listener_group(listener)})
    playlists += _delete_history(connection, listener, until)
    signals = forget_memory(connection, listener, until)
    delete_lists_of(connection, listener, until)
    _unlink_sources(connection, listener, until)
    connection.execute(delete(_EVENTS).where(mine_events, _EVENTS.c.kind == UNDONE))
    events = connection.execute(delete(_EVENTS).where(mine_events))
    lists = connection.execute(update(_LISTS).where(mine_lists).values(listener=""))
    row = {"listener": listener, "deleted_at": until}
    statement = _insert_into(connection.dialect, _DELETIONS)
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
    for listener, until in sorted(both.items()):
        done = delete_listener(connection, listener, until)
        events, lists = events + done.events, lists + done.recommendations
        playlists, signals = playlists + done.playlists, signals + done.signals
    return Deleted(events, lists, playlists, signals)


def without_deleted(connection: Connection, rows: Rows) -> list[Mapping[str, Any]]:
    """Filter events that wait on the disk to those of listeners not deleted since."""
    gone = deletions(connection)
    return [row for row in rows if str(row["received_at"]) > gone.get(row["listener"] or "", "")]


def listener_playlists(connection: Connection, listener: str) -> set[str]:
    """List the playlists built from a listener's feedback, lists and histories.

    Args:
        connection: To read by.
        listener: The keyed hash.
    """
    group = listener_group(listener)
    given = [
        str(row[0])
        for table in (_LISTS, _EVENTS)
        for row in connection.execute(
            select(table.c.recommendation_id).where(table.c.listener == listener)
        )
    ]
    imports = select(_IMPORTS.c.id).where(_IMPORTS.c.kind == HISTORY, _IMPORTS.c.file_name == group)
    query = select(_PLAYLISTS.c.playlist_id).where(_PLAYLISTS.c.import_id.in_(imports))
    sessions = {str(row[0]) for row in connection.execute(query)}
    return sessions | set(feedback_playlists(connection, {*given, group}))


def _delete_groups(connection: Connection, groups: set[str]) -> int:
    """Delete the playlists built from groups of feedback, by any import."""
    return _delete_playlists(connection, feedback_playlists(connection, groups))


def feedback_playlists(connection: Connection, groups: Collection[str]) -> list[str]:
    """List the playlists built from groups of feedback, which are lists or listeners."""
    if not groups:
        return []
    # An import puts its source before an id that another source has taken.
    query = select(_PLAYLISTS.c.playlist_id).where(
        _PLAYLISTS.c.playlist_id.contains(GROUP_PREFIX, autoescape=True)
    )
    ids = [str(row[0]) for row in connection.execute(query)]
    return [name for name in ids if name.rpartition(":")[2] in groups]


def _delete_history(connection: Connection, listener: str, until: str) -> int:
    """Delete the sessions of a listener's imported histories, and the records of those imports."""
    group = listener_group(listener)
    mine = and_(
        _IMPORTS.c.kind == HISTORY, _IMPORTS.c.file_name == group, _IMPORTS.c.imported_at <= until
    )
    imports = [int(row[0]) for row in connection.execute(select(_IMPORTS.c.id).where(mine))]
    query = select(_PLAYLISTS.c.playlist_id).where(_PLAYLISTS.c.import_id.in_(imports))
    names = [str(row[0]) for row in connection.execute(query)] if imports else []
    deleted = _delete_playlists(connection, names)
    for number in imports:
        # A later import of the same history may have added rows to a session of an earlier one.
        rows = _ENTRIES.c.import_id == number
        connection.execute(delete(_ENTRIES).where(rows))
        connection.execute(delete(_IMPORTS).where(_IMPORTS.c.id == number))
    return deleted


def _unlink_sources(connection: Connection, listener: str, until: str) -> None:
    """Stop sources that feed a listener's memory from naming the listener."""
    query = select(_SOURCES.c.name, _SOURCES.c.options).where(_SOURCES.c.added_at <= until)
    for name, options in connection.execute(query).all():
        if options.get("listener") == listener:
            changed = {**options, "listener": DELETED_LISTENER}
            mine = update(_SOURCES).where(_SOURCES.c.name == name)
            connection.execute(mine.values(options=changed))


def _delete_playlists(connection: Connection, ids: Sequence[str]) -> int:
    for part in parts_of(ids):
        for table in (_ENTRIES, _PLAYLISTS):
            connection.execute(delete(table).where(table.c.playlist_id.in_(part)))
    return len(ids)


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
    return _delete_playlists(connection, [str(row[0]) for row in connection.execute(query)])


@dataclass(frozen=True)
class FeedbackCounts:
    """Count the stored feedback.

    Attributes:
        events: By kind.
        recommendations: Lists recorded.
        impressions: Tracks shown in them.
        listeners: Different listeners with a list or an event.
        oldest: Time of the oldest list or event; empty without any.
    """

    events: Mapping[str, int]
    recommendations: int
    impressions: int
    listeners: int
    oldest: str


def feedback_counts(connection: Connection) -> FeedbackCounts:
    """Count the stored feedback, its listeners and its age."""
    kinds = select(_EVENTS.c.kind, func.count()).where(_EVENTS.c.kind != UNDONE)
    kinds = kinds.group_by(_EVENTS.c.kind).order_by(_EVENTS.c.kind)
    both = select(_LISTS.c.listener).union(select(_EVENTS.c.listener)).subquery()
    people = select(func.count(distinct(both.c.listener))).where(both.c.listener != "")
    first = [
        connection.execute(select(func.min(column))).scalar()
        for column in (_LISTS.c.shown_at, _EVENTS.c.received_at)
    ]
    return FeedbackCounts(
        {str(kind): int(count) for kind, count in connection.execute(kinds)},
        _count(connection, _LISTS),
        _count(connection, _SHOWN),
        int(connection.execute(people).scalar_one()),
        min((str(moment) for moment in first if moment), default=""),
    )


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def feature_sets(connection: Connection) -> dict[str, list[str]]:
    """Read the feature names of each feature set, by its hash."""
    query = select(_SETS.c.feature_hash, _SETS.c.names)
    return {str(row[0]): list(row[1]) for row in connection.execute(query)}


IMPRESSION_COLUMNS: Final = (
    "recommendation_id",
    "listener",
    "shown_at",
    "model_version",
    "index_version",
    "catalogue_version",
    "feature_hash",
    "position",
    "track_id",
    "score",
    "channels",
    "features",
)
EVENT_COLUMNS: Final = tuple(column.name for column in _EVENTS.columns)


def stream_impressions(connection: Connection, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Read all impressions with the facts of their lists, as `IMPRESSION_COLUMNS`."""
    columns = [(_LISTS if name in _LISTS.c else _SHOWN).c[name] for name in IMPRESSION_COLUMNS]
    yield from _stream(connection, select(*columns).select_from(_SHOWN.join(_LISTS)), size)


def stream_events(connection: Connection, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Read all events that were not undone, as `EVENT_COLUMNS`."""
    yield from _stream(connection, select(*_EVENTS.columns).where(_EVENTS.c.kind != UNDONE), size)


def _with_events() -> Select[Any]:
    return select(_EVENTS.c.recommendation_id)


def stream_seeds(
    connection: Connection, size: int
) -> Iterator[list[tuple[str, str, Sequence[Mapping[str, Any]]]]]:
    """Read (recommendation id, time shown, seeds) of the lists with an event."""
    query = select(_LISTS.c.recommendation_id, _LISTS.c.shown_at, _LISTS.c.seeds).where(
        _LISTS.c.recommendation_id.in_(_with_events())
    )
    for part in _stream(connection, query, size):
        yield [(str(row[0]), str(row[1]), row[2]) for row in part]


def stream_positions(connection: Connection, size: int) -> Iterator[list[tuple[str, str, int]]]:
    """Read (recommendation id, track id, position) of the lists with an event."""
    query = select(_SHOWN.c.recommendation_id, _SHOWN.c.track_id, _SHOWN.c.position).where(
        _SHOWN.c.recommendation_id.in_(_with_events())
    )
    for part in _stream(connection, query, size):
        yield [(str(row[0]), str(row[1]), int(row[2])) for row in part]


def _stream(
    connection: Connection, query: Select[Any], size: int
) -> Iterator[list[tuple[Any, ...]]]:
    # A server-side cursor: without `yield_per` the driver would hold the whole table in memory.
    result = connection.execute(query.execution_options(yield_per=size))
    for part in result.partitions(size):
        yield [tuple(row) for row in part]


def parts_of(values: Iterable[str]) -> Iterator[list[str]]:
    """Split values into lists that fit into one query, in their order and each once."""
    ordered = iter(sorted(set(values)))
    while part := list(itertools.islice(ordered, _PARAMETERS)):
        yield part
