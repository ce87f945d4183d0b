"""Requests for work on sources: a bounded queue that one process at a time works off.

The gateway writes requests and `quintet library work` does them, because reading a disk or a media
server for minutes has no place in a process that answers within two seconds.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, case, delete, func, insert, select, update

from quintet_store.sources import MAX_REASON, utc_now
from quintet_store.tables import LibraryRequest, LibraryWorker, table_of

ACTIONS: Final = ("add", "sync", "analyse", "remove", "push")
"""Work on sources of music; a request names its source."""
MODEL_ACTIONS: Final = ("promote", "rollback")
"""Work on the model registry; a request has the number of a model in place of a source."""
QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
MOST_OPEN: Final = 100
"""Requests that may be queued or running at once."""
MOST_KEPT: Final = 200
"""Ended requests that are kept, so that a person sees how they ended."""
MOST_ATTEMPTS: Final = 3
"""Starts of one request: one that ends the worker each time must not do so for ever."""
LEASE_SECONDS: Final = 15.0
"""A worker that was not seen for so long no longer runs; it reports at least every five."""
_REQUESTS: Final = table_of(LibraryRequest)
_WORKER: Final = table_of(LibraryWorker)
_OPEN: Final = _REQUESTS.c.state.in_((QUEUED, RUNNING))


class QueueFull(Exception):
    """There are `MOST_OPEN` requests already."""


@dataclass(frozen=True)
class Request:
    """One request for work on a source.

    Attributes:
        id: Grows with each request.
        action: One of `ACTIONS` or `MODEL_ACTIONS`.
        source: Name of the source, or number of the model.
        options: Of `add`: kind, address, options, credential, play_allowed of the source. Of
            `push`: the id of the saved list.
        state: queued, running, done or failed.
        message: The last line of the work: what was done, or why it failed.
        attempts: How often it was started.
        steps_before: Progress at the start, see `library_progress`.
        requested_at: ISO 8601 in UTC, like all times; empty for one that has not come.
        started_at: When the last attempt began.
        ended_at: When it was done or failed.
    """

    id: int
    action: str
    source: str
    options: Mapping[str, Any]
    state: str
    message: str
    attempts: int
    steps_before: int
    requested_at: str
    started_at: str
    ended_at: str


def request_work(
    connection: Connection, action: str, source: str, options: Mapping[str, object] | None = None
) -> Request:
    """Queue work; an equal request that has not begun is returned instead of a second one.

    Raises:
        QueueFull: Too many requests are open.
    """
    same = (_REQUESTS.c.action == action) & (_REQUESTS.c.source == source)
    waiting = _read(connection, same & (_REQUESTS.c.state == QUEUED))
    if waiting and waiting[0].options == dict(options or {}):
        return waiting[0]
    if connection.execute(select(func.count()).where(_OPEN)).scalar_one() >= MOST_OPEN:
        raise QueueFull(f"{MOST_OPEN} requests are open; wait until some have ended")
    values = {
        **{"action": action, "source": source, "options": dict(options or {}), "state": QUEUED},
        **{"message": "", "attempts": 0, "steps_before": 0, "requested_at": utc_now()},
        **{"started_at": "", "ended_at": ""},
    }
    made = connection.execute(insert(_REQUESTS).values(values).returning(_REQUESTS.c.id))
    return _read(connection, _REQUESTS.c.id == int(made.scalar_one()))[0]


def recent_requests(
    connection: Connection,
    limit: int = MOST_OPEN + MOST_KEPT,
    actions: Collection[str] = ACTIONS,
) -> list[Request]:
    """List requests for some kinds of work, the newest first."""
    return _read(connection, _REQUESTS.c.action.in_(actions), limit)


def worker_seen(connection: Connection, now: float | None = None) -> bool:
    """Whether a process runs that works on requests."""
    seen = connection.execute(select(_WORKER.c.seen_at)).scalar_one_or_none()
    return seen is not None and (now or time.time()) - float(seen) < LEASE_SECONDS


def report_worker(connection: Connection, name: str, now: float | None = None) -> bool:
    """Take or renew the lease to work; False while another worker has it.

    A worker that takes the lease over queues again what the last one had begun.

    Args:
        connection: In a transaction for writing.
        name: Of the worker, unique, at most 128 characters.
        now: Unix seconds; the clock if None.
    """
    moment = time.time() if now is None else now
    row = connection.execute(select(_WORKER).with_for_update()).mappings().one_or_none()
    if row is not None and row["name"] == name:
        connection.execute(update(_WORKER).values(seen_at=moment))
        return True
    if row is not None and moment - float(row["seen_at"]) < LEASE_SECONDS:
        return False
    connection.execute(delete(_WORKER))
    connection.execute(insert(_WORKER).values(id=1, name=name, seen_at=moment))
    _requeue(connection)
    return True


def retire_worker(connection: Connection, name: str) -> None:
    """Give the lease back, and queue again what this worker had begun."""
    if connection.execute(delete(_WORKER).where(_WORKER.c.name == name)).rowcount:
        # Stopped in order, which says nothing against the request.
        running = _REQUESTS.c.state == RUNNING
        attempts = _REQUESTS.c.attempts - 1
        connection.execute(update(_REQUESTS).where(running).values(state=QUEUED, attempts=attempts))


def _requeue(connection: Connection) -> None:
    running = _REQUESTS.c.state == RUNNING
    often = {
        "state": FAILED,
        "message": f"the worker ended {MOST_ATTEMPTS} times while it did this",
        "ended_at": utc_now(),
    }
    tried = running & (_REQUESTS.c.attempts >= MOST_ATTEMPTS)
    connection.execute(update(_REQUESTS).where(tried).values(often))
    connection.execute(update(_REQUESTS).where(running).values(state=QUEUED))


def is_work_queued(
    connection: Connection, actions: Collection[str] = (*MODEL_ACTIONS, *ACTIONS)
) -> bool:
    """Whether a request for one of these kinds of work waits to be begun."""
    waits = (_REQUESTS.c.state == QUEUED) & _REQUESTS.c.action.in_(actions)
    query = select(_REQUESTS.c.id).where(waits).limit(1)
    return connection.execute(query).first() is not None


def begin_request(
    connection: Connection, actions: Collection[str] = (*MODEL_ACTIONS, *ACTIONS)
) -> Request | None:
    """Start the oldest queued request, one on models first; None if there is none.

    Args:
        connection: In a transaction for writing.
        actions: The kinds of work that may be started.
    """
    urgent = case((_REQUESTS.c.action.in_(MODEL_ACTIONS), 0), else_=1)
    query = select(_REQUESTS.c.id).where(_REQUESTS.c.state == QUEUED)
    query = query.where(_REQUESTS.c.action.in_(actions))
    oldest = connection.execute(query.order_by(urgent, _REQUESTS.c.id).limit(1)).scalar()
    if oldest is None:
        return None
    own = _REQUESTS.c.id == int(oldest)
    started = {
        **{"state": RUNNING, "message": "", "attempts": _REQUESTS.c.attempts + 1},
        **{"started_at": utc_now()},
    }
    connection.execute(update(_REQUESTS).where(own).values(started))
    return _read(connection, own)[0]


def note_progress(
    connection: Connection, request_id: int, message: str, steps_before: int | None = None
) -> None:
    """Note what a running request does, in one line, and the progress that it began with."""
    more = {} if steps_before is None else {"steps_before": steps_before}
    own = _REQUESTS.c.id == request_id
    connection.execute(update(_REQUESTS).where(own).values(message=message[:MAX_REASON], **more))


def end_request(connection: Connection, request_id: int, message: str, *, failed: bool) -> None:
    """Note how a request ended, and forget the oldest ended ones."""
    values = {
        "state": FAILED if failed else DONE,
        "message": message.replace("\0", "")[:MAX_REASON],
        "ended_at": utc_now(),
    }
    connection.execute(update(_REQUESTS).where(_REQUESTS.c.id == request_id).values(values))
    kept = select(_REQUESTS.c.id).where(~_OPEN).order_by(_REQUESTS.c.id.desc()).limit(MOST_KEPT)
    ids = [int(row[0]) for row in connection.execute(kept)]
    if len(ids) == MOST_KEPT:
        connection.execute(delete(_REQUESTS).where(~_OPEN, _REQUESTS.c.id < ids[-1]))


def _read(connection: Connection, condition: Any, limit: int = MOST_OPEN) -> list[Request]:
    query = select(_REQUESTS).order_by(_REQUESTS.c.id.desc()).limit(limit)
    if condition is not None:
        query = query.where(condition)
    return [Request(**row) for row in connection.execute(query).mappings()]
