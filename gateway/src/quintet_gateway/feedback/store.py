"""Feedback in the database. Everything here blocks: it runs on the recorder's threads."""

import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, Final, TypeVar

import structlog
from quintet_access.pseudonyms import Pseudonyms
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import AppError, NotFound, NotReady, Reason
from quintet_servicekit.metrics import REPLAYED, SPOOL, SPOOL_BYTES
from quintet_store import StoreUnavailable, feedback, open_engine, reading, writing
from quintet_store.feedback import Cursor as Cursor
from quintet_store.feedback import Deleted as Deleted
from quintet_store.feedback import Page as Page
from quintet_store.feedback import Pruned as Pruned
from quintet_store.feedback import stamp
from quintet_store.insights import Insights, insights_since
from quintet_store.playlists import known_track_ids
from quintet_store.spool import Row, Spool
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from quintet_gateway.feedback.events import Event
from quintet_gateway.feedback.impressions import (
    DROPPED,
    RECORDED,
    ImpressionQueue,
    ServedList,
    impression_rows,
)

_log = structlog.get_logger(__name__)
T = TypeVar("T")
# One transaction holds about so many tracks, so that events never wait long for their turn.
_TRACKS_AT_ONCE: Final = 5_000
# After a failure, callers are told so at once for this long; nobody waits for a dead database.
_RETRY_SECONDS: Final = 0.5


@dataclass(frozen=True)
class RecordOutcome:
    """What became of events.

    Attributes:
        accepted: How many are new.
        duplicates: How many were there before.
        degraded: What they were stored without, such as the database.
    """

    accepted: int
    duplicates: int
    degraded: tuple[Part, ...] = ()


@dataclass(frozen=True)
class EventBatch:
    """Events of one request, and the client that sent it."""

    events: Sequence[Event]
    client: str
    single: bool = False

    def place(self, number: int) -> str:
        """Returns what stands before a field of an event in an error."""
        return "" if self.single else f"events[{number}]."


class _StillAway(StoreUnavailable):
    """The database was away a moment ago and has not been tried since."""


class Database:
    """The database, opened at first use and again after it was away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._idle: Connection | None = None
        self._failure: StoreUnavailable | None = None
        self._retry_at = 0.0

    def writing(self) -> AbstractContextManager[Connection]:
        """Gives a connection in one transaction; raises StoreUnavailable where there is none."""
        return writing(self.opened())

    def reading(self) -> AbstractContextManager[Connection]:
        """Gives a connection that sees one state; raises StoreUnavailable where there is none."""
        return reading(self.opened())

    @property
    def away(self) -> bool:
        """Whether it could not be used when it was tried last."""
        return self._engine is None and self._failure is not None

    def failed(self, fault: StoreUnavailable) -> None:
        """Notes that the database is away, so that it is opened and migrated anew."""
        if isinstance(fault, _StillAway):
            return  # or whoever calls often enough would put the next try off for ever
        with self._lock:
            self._close()
            self._failure, self._retry_at = fault, time.monotonic() + _RETRY_SECONDS

    def close(self) -> None:
        """Closes what is open."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._idle is not None:
            self._idle.close()
        if self._engine is not None:
            self._engine.dispose()
        self._idle = self._engine = None

    def opened(self) -> Engine:
        """Returns the engine; raises StoreUnavailable where the database is away."""
        # Held while opening too: two threads that both migrate would only lock each other out.
        with self._lock:
            if self._engine is None:
                if self._failure is not None and time.monotonic() < self._retry_at:
                    raise _StillAway(str(self._failure))
                self._engine = open_engine(self._url, serving=True)
                if self._engine.dialect.name == "sqlite":
                    # The last connection to be closed writes the log back into the file, which
                    # costs two more syncs; while this one is open, no other is the last.
                    with suppress(SQLAlchemyError):
                        self._idle = self._engine.connect()
            return self._engine


class FeedbackStore:
    """Reads and writes feedback.

    Args:
        database: The database.
        spool: Where events wait while it is away.
        pseudonyms: The installation's names.
        waiting: Lists shown that are not in the database yet.
        retention: How long what is stored is kept.
    """

    def __init__(
        self,
        database: Database,
        spool: Spool,
        pseudonyms: Pseudonyms,
        waiting: ImpressionQueue,
        retention: timedelta,
    ) -> None:
        self._database = database
        self._spool = spool
        self._names = pseudonyms
        self._waiting = waiting
        self._retention = retention

    def close(self) -> None:
        """Closes the database, and lets go of what is spooled."""
        self._database.close()
        self._spool.close()

    def run(self, work: Callable[[], T]) -> T:
        """Does a piece of work, and notes where the database is away."""
        try:
            return work()
        except StoreUnavailable as fault:
            self._database.failed(fault)
            raise

    def flush(self) -> None:
        """Writes the lists that wait; what cannot be written waits on.

        Raises:
            StoreUnavailable: The database is away.
        """
        for _ in range(len(self._waiting)):
            taken = self._waiting.take(_TRACKS_AT_ONCE)
            if not taken:
                return
            self._write_shown(taken)

    def _write_shown(self, taken: list[ServedList]) -> None:
        size = sum(shown.size for shown in taken)
        try:
            rows = impression_rows(taken)
            with self._database.writing() as connection:
                feedback.add_shown(connection, rows.sets, rows.lists, rows.shown)
        except StoreUnavailable:
            self._waiting.requeue(taken)
            raise
        except Exception as fault:  # one list that cannot be written must not hold the others up
            DROPPED.labels("fault").inc(size)
            _log.error("impressions dropped", tracks=size, exc_info=fault)
        else:
            RECORDED.inc(size)

    def record(self, jobs: Sequence[EventBatch]) -> list[RecordOutcome | AppError]:
        """Stores the events of several requests in one transaction, on the disk at its end.

        Returns what became of each request; one that is refused stores nothing and leaves the
        others be.

        Raises:
            StoreUnavailable: The database is away; nothing was stored.
        """
        # Of two events with one id the first counts, so what came before these goes before them.
        self.replay()
        ids = {event.recommendation_id for job in jobs for event in job.events}
        if self._waiting.has(ids):
            # What was shown is in the database before what was done with it.
            self.flush()
        with self._database.writing() as connection:
            facts = self._facts(connection, jobs, ids)
            return [self._record(connection, job, facts) for job in jobs]

    def _facts(self, connection: Connection, jobs: Sequence[EventBatch], ids: set[str]) -> "_Facts":
        tracks = {event.track_id for job in jobs for event in job.events}
        known = known_track_ids(connection, tracks)
        pairs: set[tuple[str, str]] = set()
        if known != tracks:
            # Shown is known, also where this database holds another catalogue than the ranker's.
            pairs = feedback.shown_tracks(connection, ids)
        return _Facts(feedback.listeners_of(connection, ids), known, pairs, datetime.now(UTC))

    def _record(
        self, connection: Connection, job: EventBatch, facts: "_Facts"
    ) -> RecordOutcome | AppError:
        for number, event in enumerate(job.events):
            error = self._refusal(event, job.place(number), facts)
            if error is not None:
                return error
        # In one order, so that two gateways never wait for each other's rows crosswise.
        rows = sorted(self._rows(job, facts), key=itemgetter("event_id"))
        added = feedback.add_events(connection, rows)
        return RecordOutcome(added, len(job.events) - added)

    def _rows(self, job: EventBatch, facts: "_Facts") -> list[dict[str, Any]]:
        """Returns the rows of a request; of two events with one id the first counts."""
        first = {event.event_id: event for event in job.events[::-1]}
        return [self._row(event, job.client, facts) for event in first.values()]

    def _refusal(self, event: Event, place: str, facts: "_Facts") -> NotFound | None:
        name = event.recommendation_id
        if name not in facts.listeners and not self._is_ours(name, facts.now):
            return NotFound(
                Reason.RECOMMENDATION_UNKNOWN,
                f"There is no recommendation {name!r}.",
                field=f"{place}recommendation_id",
            )
        if event.track_id not in facts.tracks and (name, event.track_id) not in facts.shown:
            return NotFound(
                Reason.TRACK_UNKNOWN,
                f"The catalogue does not have track {event.track_id!r}.",
                field=f"{place}track_id",
            )
        return None

    def _is_ours(self, recommendation_id: str, now: datetime) -> bool:
        """Returns whether this installation gave an id out within its retention.

        So an event is taken also where the list it is about could not be recorded.
        """
        issued = self._names.issue_time(recommendation_id)
        return issued is not None and issued >= (now - self._retention).timestamp()

    def _row(self, event: Event, client: str, facts: "_Facts") -> dict[str, Any]:
        own = self._names.listener(event.listener)
        return {
            "client": client,
            "event_id": event.event_id,
            "recommendation_id": event.recommendation_id,
            "track_id": event.track_id,
            "kind": event.kind,
            "position": event.position,
            "dwell_ms": event.dwell_ms,
            "listener": own or facts.listeners.get(event.recommendation_id, ""),
            "occurred_at": stamp(event.occurred_at or facts.now),
            "received_at": stamp(facts.now),
        }

    def adopt(self) -> None:
        """Takes over what gateways that are gone left in the spool."""
        if self._spool.adopt():
            _log.warning("spooled events taken over", events=self._spool.events)
        self._note_spool()

    def spool(self, jobs: Sequence[EventBatch]) -> list[RecordOutcome | AppError]:
        """Keeps the events of several requests on the disk until the database is back.

        Whether a track is in the catalogue only the database knows; that a recommendation was
        given out here its id proves.

        Returns:
            What became of each request; one that is refused keeps nothing.

        Raises:
            SpoolFull: There is no room; nothing was kept.
        """
        facts = _Facts(self._waiting.listeners(), set(), set(), datetime.now(UTC))
        rows = [self._spooled_rows(job, facts) for job in jobs]
        added = iter(self._spool.append([each for each in rows if not isinstance(each, AppError)]))
        self._note_spool()
        return [
            each if isinstance(each, AppError) else _spooled(next(added), job)
            for each, job in zip(rows, jobs, strict=True)
        ]

    def _spooled_rows(self, job: EventBatch, facts: "_Facts") -> list[Row] | NotReady:
        for event in job.events:
            name = event.recommendation_id
            if name not in facts.listeners and not self._is_ours(name, facts.now):
                return NotReady(
                    Reason.STORE_UNAVAILABLE,
                    "Feedback on this recommendation cannot be stored now; try again soon.",
                )
        # Whom a list was for the database may know once it is back.
        return [{**row, "listener": row["listener"] or None} for row in self._rows(job, facts)]

    def replay(self) -> None:
        """Writes what is spooled into the database.

        Raises:
            StoreUnavailable: The database is away; what was not written waits on.
        """
        if self._spool.empty:
            return
        self.flush()
        replayed = self._spool.replay(self._write_spooled)
        self._note_spool()
        _log.info("spooled events stored", events=replayed)

    def _write_spooled(self, rows: Sequence[Row]) -> None:
        with self._database.writing() as connection:
            nameless = {str(row["recommendation_id"]) for row in rows if row["listener"] is None}
            listeners = feedback.listeners_of(connection, nameless)
            named = {
                (str(row["client"]), str(row["event_id"])): {
                    **row,
                    "listener": row["listener"] or listeners.get(row["recommendation_id"], ""),
                }
                for row in rows
            }
            feedback.add_events(connection, [named[key] for key in sorted(named)])
        REPLAYED.inc(len(named))

    def _note_spool(self) -> None:
        SPOOL.set(self._spool.events)
        SPOOL_BYTES.set(self._spool.size)

    def delete(self, listener_id: str) -> Deleted:
        """Deletes what is stored of a listener, what waits included.

        Raises:
            StoreUnavailable: The database is away; nothing was deleted.
        """
        name = self._names.listener(listener_id)
        self.replay()
        self.flush()
        try:
            # Other gateways may hold events in the same folder.
            self._spool.forget(name, stamp(datetime.now(UTC)))
        except OSError as fault:
            raise StoreUnavailable(f"the spool cannot be written: {fault.strerror}") from fault
        with self._database.writing() as connection:
            return feedback.delete_listener(connection, name)

    def export(self, listener_id: str, cursor: Cursor, size: int) -> Page:
        """Returns a page of what is stored of a listener.

        Raises:
            StoreUnavailable: The database is away.
        """
        with self._database.reading() as connection:
            return feedback.export_page(connection, self._names.listener(listener_id), cursor, size)

    def insights(self, since: datetime) -> Insights:
        """Returns what the lists since a time had in common.

        Raises:
            StoreUnavailable: The database is away.
        """
        with self._database.reading() as connection:
            return insights_since(connection, since)

    def prune(self) -> Pruned:
        """Deletes what is older than the retention, a little at a time so that others get in.

        Raises:
            StoreUnavailable: The database is away.
        """
        cutoff = datetime.now(UTC) - self._retention
        return feedback.prune_before(self._database.opened(), cutoff)


@dataclass(frozen=True)
class _Facts:
    """What the database knows of the events at hand.

    Attributes:
        listeners: Recommendation id to listener, of those recorded.
        tracks: Track ids of the catalogue.
        shown: (recommendation id, track id) of lists recorded.
        now: When the events are received.
    """

    listeners: Mapping[str, str]
    tracks: set[str]
    shown: set[tuple[str, str]]
    now: datetime


def _spooled(added: int, job: EventBatch) -> RecordOutcome:
    return RecordOutcome(added, len(job.events) - added, (Part.DATABASE,))


def export_record(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record of an export in JSON types; the listener's hash is left out."""
    values = {name: value for name, value in row.items() if name != "listener"}
    if kind == "impression":
        packed: bytes = values["features"]
        values["features"] = list(struct.unpack(f"<{len(packed) // 4}f", packed))
        values["channels"] = [name for name in values["channels"].split(",") if name]
    return {"record": kind, **values}
