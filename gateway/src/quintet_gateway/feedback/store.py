"""Feedback in the database and the spool. All of it blocks, and runs in the recorder's threads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from prometheus_client import Gauge
from quintet_access.pseudonyms import Pseudonyms
from quintet_contract.limits import MAX_BANNED_ARTISTS
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import AppError, Conflict, NotFound, NotReady, Reason
from quintet_servicekit.metrics import REPLAYED, SPOOL, SPOOL_BYTES
from quintet_store import StoreUnavailable, feedback, listeners
from quintet_store.feedback import Cursor as Cursor
from quintet_store.feedback import Deleted as Deleted
from quintet_store.feedback import Page as Page
from quintet_store.feedback import Pruned as Pruned
from quintet_store.feedback import stamp
from quintet_store.insights import Insights, insights_since
from quintet_store.playlists import known_track_ids
from quintet_store.recorded_list import RecordedList, read_list
from quintet_store.reopening import Database
from quintet_store.spool import Row, Spool
from quintet_store.undoing import Undone, undo_event
from quintet_store.uploads import Uploads
from sqlalchemy import Connection

from quintet_gateway.feedback.events import Event, EventBatch, RecordOutcome
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
# Share of the bound that is left after trimming.
_TRIMMED: Final = 0.9
# Share of the bound that this process may write before the size is counted again: with trimming to
# nine tenths, one gateway stays below the bound and ten pass it by a tenth each at most.
_RECOUNTED: Final = 0.05
STORED: Final = Gauge(
    "quintet_feedback_bytes", "Size of the recorded lists in the database in bytes"
)
STORED_LIMIT: Final = Gauge(
    "quintet_feedback_limit_bytes", "Bound of the recorded lists, QUINTET_FEEDBACK_MAX_BYTES"
)


class FeedbackStore:
    """Read and write feedback.

    Args:
        database: The database.
        spool: Files in which events wait while it is down.
        pseudonyms: The installation's key for hashing listeners' ids.
        waiting: Impressions that are not in the database yet.
        retention: Age at which events and impressions are deleted.
        most_bytes: What recorded lists may take in the database.
        quarantine: Folder of the rows that imports rejected.
        uploads: Histories that listeners uploaded.
    """

    def __init__(
        self,
        database: Database,
        spool: Spool,
        pseudonyms: Pseudonyms,
        waiting: ImpressionQueue,
        retention: timedelta,
        most_bytes: int,
        quarantine: Path,
        uploads: Uploads,
    ) -> None:
        self._uploads = uploads
        self._quarantine = quarantine
        self._most_bytes = most_bytes
        # Bytes written by this process since the size was counted.
        self._since_trim = 0
        self._database = database
        self._spool = spool
        self._names = pseudonyms
        self._waiting = waiting
        self._retention = retention

    def close(self) -> None:
        """Close the database, and release the lock of the spool."""
        self._database.close()
        self._spool.close()

    def run(self, work: Callable[[], T]) -> T:
        """Run a piece of work; a failure of the database is noted, so that it is opened again."""
        try:
            return work()
        except StoreUnavailable as fault:
            self._database.failed(fault)
            raise

    def flush(self) -> None:
        """Write the queued lists; those that cannot be written stay queued.

        Raises:
            StoreUnavailable: The database is down.
        """
        # At most the lists that wait now: under load newer ones would keep this from returning.
        for _ in range(len(self._waiting)):
            taken = self._waiting.take(_TRACKS_AT_ONCE)
            if not taken:
                return
            self._write_shown(taken)

    def _write_shown(self, taken: list[ServedList]) -> None:
        size = sum(shown.size for shown in taken)
        try:
            rows = impression_rows(taken)
            sized = feedback.with_bytes(rows.lists, rows.shown)
            with self._database.writing() as connection:
                feedback.add_shown(connection, rows.sets, sized, rows.shown)
        except StoreUnavailable:
            self._waiting.requeue(taken)
            raise
        except Exception as fault:  # one list that cannot be written must not hold the others up
            DROPPED.labels("fault").inc(size)
            _log.error("impressions dropped", tracks=size, exc_info=fault)
        else:
            RECORDED.inc(size)
            self._since_trim += sum(row["bytes"] for row in sized)

    def record(self, jobs: Sequence[EventBatch]) -> list[RecordOutcome | AppError]:
        """Store the events of several requests in one transaction, on the disk at its end.

        Returns:
            The outcome of each request; one with an error stores nothing.

        Raises:
            StoreUnavailable: The database is down; nothing was stored.
        """
        # Of two events with one id the first counts, so spooled events are written first.
        self.replay()
        ids = {event.recommendation_id for job in jobs for event in job.events}
        if self._waiting.has(ids):
            # An event refers to its list, so the list is written first.
            self.flush()
        with self._database.writing() as connection:
            # Before the time at which they count as received, which the facts have.
            feedback.hold_events(connection)
            facts = self._facts(connection, jobs, ids)
            return [self._record(connection, job, facts) for job in jobs]

    def _facts(self, connection: Connection, jobs: Sequence[EventBatch], ids: set[str]) -> "_Facts":
        tracks = {event.track_id for job in jobs for event in job.events}
        known = known_track_ids(connection, tracks)
        pairs: set[tuple[str, str]] = set()
        if known != tracks:
            # A track that was recommended counts as known, even if the catalogue has changed since.
            pairs = feedback.shown_tracks(connection, ids)
        return _Facts(feedback.listeners_of(connection, ids), known, pairs, datetime.now(UTC))

    def _record(
        self, connection: Connection, job: EventBatch, facts: "_Facts"
    ) -> RecordOutcome | AppError:
        for number, event in enumerate(job.events):
            error = self._refusal(event, job.place(number), facts)
            if error is not None:
                return error
        # Sorted, so that two gateways that write the same events cannot deadlock.
        rows = sorted(self._rows(job, facts), key=itemgetter("event_id"))
        added = feedback.add_events(connection, rows)
        return RecordOutcome(added, len(job.events) - added)

    def _rows(self, job: EventBatch, facts: "_Facts") -> list[dict[str, Any]]:
        """Turn a request's events into rows; of two events with one id the first counts."""
        # Reversed, because the last value of a repeated key stays in a dict.
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
        """Check whether this installation issued a recommendation id within its retention.

        So an event is accepted even if its list could not be stored.
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
        """Adopt the spool files of stopped gateways."""
        if self._spool.adopt():
            _log.warning("spooled events taken over", events=self._spool.events)
        self._note_spool()

    def spool(self, jobs: Sequence[EventBatch]) -> list[RecordOutcome | AppError]:
        """Keep the events of several requests on the disk until the database answers again.

        Tracks are not checked, since the catalogue is in the database; a recommendation id proves
        by itself that it was issued here.

        Returns:
            The outcome of each request; one with an error keeps nothing.

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
        # None asks the replay to take the listener from the list in the database.
        return [{**row, "listener": row["listener"] or None} for row in self._rows(job, facts)]

    def replay(self) -> None:
        """Write the spooled events into the database.

        Raises:
            StoreUnavailable: The database is down; what was not written stays in the spool.
        """
        if self._spool.empty:
            return
        self.flush()
        replayed = self._spool.replay(self._write_spooled)
        self._note_spool()
        _log.info("spooled events stored", events=replayed)

    def _write_spooled(self, rows: Sequence[Row]) -> None:
        with self._database.writing() as connection:
            # Spooled without the database, so their lists' listeners could not be looked up then.
            nameless = {str(row["recommendation_id"]) for row in rows if row["listener"] is None}
            named_by = feedback.listeners_of(connection, nameless)
            named = {
                (str(row["client"]), str(row["event_id"])): {
                    **row,
                    "listener": row["listener"] or named_by.get(row["recommendation_id"], ""),
                }
                for row in rows
            }
            # Sorted, so that two gateways that replay cannot deadlock.
            # A restored backup brings spool files from before a deletion back as well.
            kept = feedback.without_deleted(connection, [named[key] for key in sorted(named)])
            feedback.add_events(connection, kept)
        REPLAYED.inc(len(kept))

    def _note_spool(self) -> None:
        SPOOL.set(self._spool.events)
        SPOOL_BYTES.set(self._spool.size)

    def delete(self, listener_id: str) -> Deleted:
        """Delete a listener's feedback, queued and spooled feedback included.

        Raises:
            StoreUnavailable: The database is down; nothing was deleted.
        """
        name = self._names.listener(listener_id)
        self.replay()
        self.flush()
        until = stamp(datetime.now(UTC))
        try:
            # Other gateways may hold events in the same folder.
            self._spool.forget(name, until)
            feedback.remove_rejected(self._quarantine, name)
            self._uploads.forget(name)
        except OSError as fault:
            raise StoreUnavailable(f"QUINTET_HOME cannot be written: {fault.strerror}") from fault
        with self._database.writing() as connection:
            return feedback.delete_listener(connection, name, until)

    def ban(self, listener_id: str, artist_id: str, banned: bool) -> None:
        """Ban an artist for a listener, or lift the ban.

        Raises:
            Conflict: The listener has banned as many artists as are allowed.
            StoreUnavailable: The database is down; nothing was changed.
        """
        name, now = self._names.listener(listener_id), stamp(datetime.now(UTC))
        with self._database.writing() as connection:
            if not banned:
                listeners.allow_artist(connection, name, artist_id, now)
            elif not listeners.ban_artist(connection, name, artist_id, listeners.FEEDBACK, now):
                raise Conflict(
                    Reason.STATE_CONFLICT,
                    f"This listener has banned {MAX_BANNED_ARTISTS:,} artists, the most allowed; "
                    "lift a ban first.",
                )

    def undo(self, client: str, event_id: str) -> Undone:
        """Undo an event of a client, also one that waits in the spool.

        Raises:
            NotFound: The client has sent no event of this id.
            StoreUnavailable: The database is down; nothing was changed.
        """
        self.replay()
        with self._database.writing() as connection:
            undone = undo_event(connection, client, event_id, stamp(datetime.now(UTC)))
        if undone is None:
            raise NotFound(
                Reason.EVENT_UNKNOWN, f"You have sent no event {event_id!r}.", field="event_id"
            )
        return undone

    def export(self, listener_id: str, cursor: Cursor, size: int) -> Page:
        """Export one page of a listener's records.

        Raises:
            StoreUnavailable: The database is down.
        """
        with self._database.reading() as connection:
            return feedback.export_page(connection, self._names.listener(listener_id), cursor, size)

    def insights(self, since: datetime) -> Insights:
        """Summarise the lists recommended since a time.

        Raises:
            StoreUnavailable: The database is down.
        """
        with self._database.reading() as connection:
            return insights_since(connection, since)

    def recorded_list(self, recommendation_id: str) -> RecordedList | None:
        """Read a list with all that is stored of how it was made; None if it is not stored.

        Raises:
            StoreUnavailable: The database is down.
        """
        with self._database.reading() as connection:
            return read_list(connection, recommendation_id)

    def prune(self) -> Pruned:
        """Delete feedback older than the retention, in small transactions that let others write.

        Raises:
            StoreUnavailable: The database is down.
        """
        cutoff = datetime.now(UTC) - self._retention
        return feedback.prune_before(self._database.opened(), cutoff)

    def trim(self) -> Pruned:
        """Delete the oldest recorded lists if they take more than the bound; report the size.

        Trims to `_TRIMMED` of the bound, so that it is not needed again with the next list.

        Raises:
            StoreUnavailable: The database is down.
        """
        engine = self._database.opened()
        with self._database.reading() as connection:
            size = feedback.recorded_bytes(connection)
        trimmed = Pruned()
        if size > self._most_bytes:
            trimmed = feedback.trim_to(engine, int(_TRIMMED * self._most_bytes))
            with self._database.reading() as connection:
                size = feedback.recorded_bytes(connection)
        STORED.set(size)
        STORED_LIMIT.set(self._most_bytes)
        self._since_trim = 0
        return trimmed

    @property
    def needs_trim(self) -> bool:
        """Whether the lists written since the last count may have passed the bound."""
        return self._since_trim > _RECOUNTED * self._most_bytes


@dataclass(frozen=True)
class _Facts:
    """Facts of the database about the events of a transaction.

    Attributes:
        listeners: Recommendation id to listener, of the lists stored.
        tracks: Track ids of the catalogue.
        shown: (recommendation id, track id) of the lists stored.
        now: When the events are received.
    """

    listeners: Mapping[str, str]
    tracks: set[str]
    shown: set[tuple[str, str]]
    now: datetime


def _spooled(added: int, job: EventBatch) -> RecordOutcome:
    return RecordOutcome(added, len(job.events) - added, (Part.DATABASE,))
