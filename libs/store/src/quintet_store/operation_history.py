"""Keep what gateways observed: answers by route and time, and events of the installation.

Answers are counted in short intervals that are kept for two days, and in hours that are kept for a
quarter of a year, so that a range of any length is read from some thousand rows.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from quintet_store.bulk import insert_into
from quintet_store.feedback import HISTORY, stamp
from quintet_store.tables import (
    Experiment,
    Import,
    OperationEvent,
    TrafficInterval,
    table_of,
)

SHORT: Final = 300
LONG: Final = 3600
LENGTHS: Final[Mapping[int, timedelta]] = {SHORT: timedelta(days=2), LONG: timedelta(days=92)}
"""Length of an interval in seconds, to how long intervals of it are kept."""
EVENTS_KEPT: Final = timedelta(days=92)
MOST_EVENTS: Final = 10_000
MOST_INTERVALS: Final = 500_000
"""Rows of traffic at most, whatever their age: 60 routes of 2 gateways fill half of it."""
EVENT_KINDS: Final = (
    "gateway_started",
    "gateway_stopped",
    "service_up",
    "service_down",
    "service_restarted",
    "model_served",
    "model_rejected",
    "catalogue_served",
    "promotion_requested",
    "rollback_requested",
    "import",
    "experiment_started",
    "experiment_ended",
)
"""All kinds; the last three are read from the tables of imports and experiments."""
# Two gateways that observe one event write it once.
_SAME_SECONDS: Final = 60.0
_TRAFFIC: Final = table_of(TrafficInterval)
_EVENTS: Final = table_of(OperationEvent)
_IMPORTS: Final = table_of(Import)
_EXPERIMENTS: Final = table_of(Experiment)
_MEASURES: Final = ("requests", "client_errors", "server_errors", "durations")


@dataclass(frozen=True)
class Traffic:
    """Count answers.

    Attributes:
        requests: All answers.
        client_errors: Those with a status of 400 to 499.
        server_errors: Those with a status of 500 to 599.
        durations: Upper bound in seconds to the answers above the bound before it.
    """

    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    durations: Mapping[float, int] = field(default_factory=dict)

    def plus(self, other: "Traffic") -> "Traffic":
        """Add two counts."""
        durations: dict[float, int] = defaultdict(int, self.durations)
        for bound, count in other.durations.items():
            durations[bound] += count
        return Traffic(
            self.requests + other.requests,
            self.client_errors + other.client_errors,
            self.server_errors + other.server_errors,
            dict(durations),
        )

    def quantile(self, share: float) -> float | None:
        """Estimate a quantile of the durations in seconds, linear within a bucket.

        Source of the formula: `histogram_quantile` of Prometheus.

        Args:
            share: From 0 to 1.

        Returns:
            Seconds; None without answers.
        """
        total = sum(self.durations.values())
        below, low = 0, 0.0
        for bound in sorted(self.durations):
            count = self.durations[bound]
            if count and below + count >= share * total:
                # The last bucket has no upper bound: its lower one is the best estimate.
                if math.isinf(bound):
                    return low
                return low + (bound - low) * max(0.0, share * total - below) / count
            below, low = below + count, bound
        return None


@dataclass(frozen=True)
class TrafficHistory:
    """Summarise the answers of a period.

    Attributes:
        since: Start of the first interval, Unix time.
        seconds: Length of an interval.
        intervals: Start of each interval with answers, in order, and what was answered in it.
        routes: By route, the busiest first.
    """

    since: int
    seconds: int
    intervals: Sequence[tuple[int, Traffic]]
    routes: Sequence[tuple[str, Traffic]]

    @property
    def total(self) -> Traffic:
        """All answers of the period."""
        return _sum(traffic for _, traffic in self.intervals)


@dataclass(frozen=True)
class Happening:
    """One event, as in `OperationEvent`."""

    at: str
    kind: str
    subject: str
    detail: str = ""


def keep_traffic(
    connection: Connection, process: str, started_at: int, seconds: int, rows: Mapping[str, Traffic]
) -> None:
    """Store the answers of an interval so far, in place of what was stored of it before.

    Args:
        connection: In a transaction that writes.
        process: Identifies this start of a gateway.
        started_at: Unix time, a multiple of `seconds`.
        seconds: One of `LENGTHS`.
        rows: By route.
    """
    values = [
        {
            "seconds": seconds,
            "started_at": started_at,
            "process": process,
            "route": route[:128],
            "requests": traffic.requests,
            "client_errors": traffic.client_errors,
            "server_errors": traffic.server_errors,
            # Infinity is no JSON.
            "durations": {f"{bound:g}": n for bound, n in traffic.durations.items() if n},
        }
        for route, traffic in sorted(rows.items())
    ]
    if not values:
        return
    statement = insert_into(connection.dialect, _TRAFFIC)
    changed = {name: statement.excluded[name] for name in _MEASURES}
    key = ["seconds", "started_at", "process", "route"]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), values)


def traffic_since(
    connection: Connection, since: datetime, unwatched: Collection[str] = ()
) -> TrafficHistory:
    """Read the answers since a time, in short intervals if these are kept for so long.

    Args:
        connection: Reads.
        since: Start of the period; rounded down to the start of an interval.
        unwatched: Routes that are left out.
    """
    seconds = SHORT if datetime.now(UTC) - since < LENGTHS[SHORT] else LONG
    start = int(since.timestamp()) // seconds * seconds
    columns = (_TRAFFIC.c.started_at, _TRAFFIC.c.route, *(_TRAFFIC.c[name] for name in _MEASURES))
    query = select(*columns).where(_TRAFFIC.c.seconds == seconds, _TRAFFIC.c.started_at >= start)
    by_time: dict[int, Traffic] = defaultdict(Traffic)
    by_route: dict[str, Traffic] = defaultdict(Traffic)
    for moment, route, requests, client, server, durations in connection.execute(query):
        if route in unwatched:
            continue
        bounds = {float(bound): int(count) for bound, count in durations.items()}
        traffic = Traffic(int(requests), int(client), int(server), bounds)
        by_time[int(moment)] = by_time[int(moment)].plus(traffic)
        by_route[str(route)] = by_route[str(route)].plus(traffic)
    routes = sorted(by_route.items(), key=lambda item: (-item[1].requests, item[0]))
    return TrafficHistory(start, seconds, sorted(by_time.items()), routes)


def note_events(connection: Connection, events: Iterable[Happening]) -> None:
    """Add events to the log; one that another gateway noted within a minute is left out."""
    for event in events:
        earliest = stamp(datetime.fromisoformat(event.at) - timedelta(seconds=_SAME_SECONDS))
        row = {
            "at": event.at,
            "kind": event.kind,
            "subject": event.subject[:128],
            "detail": event.detail[:400],
        }
        same = select(_EVENTS.c.id).where(_EVENTS.c.at >= earliest)
        for name in ("kind", "subject", "detail"):
            same = same.where(_EVENTS.c[name] == row[name])
        if connection.execute(same.limit(1)).first() is None:
            connection.execute(insert(_EVENTS).values(**row))


def last_event(connection: Connection, kind: str) -> str:
    """Read the subject of the last event of a kind; empty if there was none."""
    query = select(_EVENTS.c.subject).where(_EVENTS.c.kind == kind).order_by(_EVENTS.c.id.desc())
    return str(connection.execute(query.limit(1)).scalar() or "")


def events_since(connection: Connection, since: datetime, most: int = 200) -> list[Happening]:
    """List the events since a time, imports and experiments included, the newest first.

    Imports of listeners' histories are left out: they are about a person.
    """
    start = stamp(since)
    query = select(_EVENTS).where(_EVENTS.c.at >= start).order_by(_EVENTS.c.at.desc()).limit(most)
    found = [
        Happening(row.at, row.kind, row.subject, row.detail) for row in connection.execute(query)
    ]
    found += _imports(connection, start, most) + _experiments(connection, start, most)
    return sorted(found, key=lambda event: (event.at, event.kind), reverse=True)[:most]


def prune_history(connection: Connection, now: datetime) -> None:
    """Delete what is older than its retention, and the oldest beyond the bounds."""
    moment = now.timestamp()
    for seconds, kept in LENGTHS.items():
        old = _TRAFFIC.c.started_at < int(moment - kept.total_seconds())
        connection.execute(delete(_TRAFFIC).where(_TRAFFIC.c.seconds == seconds, old))
    connection.execute(delete(_EVENTS).where(_EVENTS.c.at < stamp(now - EVENTS_KEPT)))
    surplus = select(_EVENTS.c.id).order_by(_EVENTS.c.id.desc()).offset(MOST_EVENTS).limit(1)
    newest_surplus = connection.execute(surplus).scalar()
    if newest_surplus is not None:
        connection.execute(delete(_EVENTS).where(_EVENTS.c.id <= newest_surplus))
    _bound_traffic(connection, MOST_INTERVALS)


def _bound_traffic(connection: Connection, most: int) -> None:
    count = connection.execute(select(func.count()).select_from(_TRAFFIC)).scalar_one()
    if count <= most:
        return
    oldest = select(_TRAFFIC.c.started_at).order_by(_TRAFFIC.c.started_at)
    cut = connection.execute(oldest.offset(count - most).limit(1)).scalar_one()
    connection.execute(delete(_TRAFFIC).where(_TRAFFIC.c.started_at <= cut))


def _imports(connection: Connection, start: str, most: int) -> list[Happening]:
    columns = ("imported_at", "kind", "file_name", "rows_stored", "rows_quarantined")
    query = (
        select(*(_IMPORTS.c[name] for name in columns))
        .where(_IMPORTS.c.imported_at >= start, _IMPORTS.c.kind != HISTORY)
        .order_by(_IMPORTS.c.imported_at.desc())
        .limit(most)
    )
    return [
        Happening(
            str(at),
            "import",
            str(kind),
            f"{file_name}: {stored:,} rows stored, {rejected:,} rejected",
        )
        for at, kind, file_name, stored, rejected in connection.execute(query)
    ]


def _experiments(connection: Connection, start: str, most: int) -> list[Happening]:
    table = _EXPERIMENTS.c
    names = ("started_at", "ended_at", "champion", "challenger", "verdict", "reason")
    query = (
        select(*(table[name] for name in names))
        .where((table.started_at >= start) | (table.ended_at >= start))
        .order_by(table.started_at.desc())
        .limit(most)
    )
    found = []
    for began, ended, champion, challenger, verdict, reason in connection.execute(query):
        if began >= start:
            found.append(Happening(began, "experiment_started", challenger, champion))
        if ended and ended >= start:
            detail = ": ".join(filter(None, (verdict, reason)))
            found.append(Happening(ended, "experiment_ended", challenger, detail))
    return found


def _sum(parts: Iterable[Traffic]) -> Traffic:
    total = Traffic()
    for part in parts:
        total = total.plus(part)
    return total
