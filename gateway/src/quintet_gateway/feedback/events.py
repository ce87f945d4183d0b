"""Events of listeners and their checks, the same for HTTP and gRPC."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from quintet_contract.limits import (
    EVENT_KINDS,
    MAX_DWELL_MS,
    MAX_EVENTS,
    MAX_POSITION,
)
from quintet_contract.patterns import (
    EVENT_PATTERN,
    EVENT_RULE,
    LISTENER_PATTERN,
    LISTENER_RULE,
    fits,
)
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import InvalidInput, Reason

from quintet_gateway.validation import NAME_RULE, names_something

# Clocks of phones are wrong by hours, not by days.
_MAX_AHEAD: Final = timedelta(days=1)
# No catalogue or client is older; a zeroed clock shows 1970.
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """One action of a listener on one track of one recommendation.

    Attributes:
        event_id: Chosen by the client, unique among its events.
        recommendation_id: The recommendation that the track came from.
        track_id: A track of the catalogue.
        kind: One of `EVENT_KINDS`.
        position: The track's place in the list, from 1.
        dwell_ms: Milliseconds that the track was heard.
        listener: The listener's id at the client; if empty, the recommendation's listener.
        occurred_at: Time of the action; the time of receipt if None.
    """

    event_id: str
    recommendation_id: str
    track_id: str
    kind: str
    position: int | None = None
    dwell_ms: int | None = None
    listener: str = ""
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class RecordOutcome:
    """Outcome of storing events.

    Attributes:
        accepted: Number of new events.
        duplicates: Number of events stored before.
        degraded: The parts that they were stored without, such as the database.
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
        """Make the path of an event by its number, for errors."""
        return "" if self.single else f"events[{number}]."


def check_events(
    events: Sequence[Event], place: Callable[[int], str], time_field: str = "occurred_at"
) -> None:
    """Check events against every rule that needs no database.

    Args:
        events: The events of one request.
        place: Makes the path of an event by its number, such as `events[3].`, for errors.
        time_field: Name of `occurred_at` in the caller's API.

    Raises:
        InvalidInput: A rule is broken; field and rule are named.
    """
    if not 1 <= len(events) <= MAX_EVENTS:
        raise InvalidInput(
            Reason.EVENT_COUNT,
            f"events must be 1 to {MAX_EVENTS}; got {len(events)}",
            field="events",
        )
    for number, event in enumerate(events):
        field, rule = _broken(event, time_field)
        if field:
            where = f"{place(number)}{field}"
            raise InvalidInput(Reason.EVENT_RANGE, f"{where} {rule}", field=where)
        if event.listener:
            check_listener(event.listener, f"{place(number)}listener")


def check_listener(listener: str, field: str) -> None:
    """Check that a text can be a listener's id.

    Raises:
        InvalidInput: It has another form; the message says which is allowed.
    """
    if not fits(LISTENER_PATTERN, listener):
        raise InvalidInput(Reason.LISTENER_INVALID, f"{field} must be {LISTENER_RULE}", field=field)


def check_event_id(event_id: str) -> None:
    """Check that a text can be an event's id.

    Raises:
        InvalidInput: It has another form; the message says which is allowed.
    """
    if not fits(EVENT_PATTERN, event_id):
        raise InvalidInput(Reason.EVENT_RANGE, f"event_id must be {EVENT_RULE}", field="event_id")


def check_artist(artist_id: str) -> None:
    """Check that a text can be an artist's id.

    Raises:
        InvalidInput: It cannot; the message says which is allowed.
    """
    if not names_something(artist_id):
        raise InvalidInput(Reason.EVENT_RANGE, f"artist_id must be {NAME_RULE}", field="artist_id")


def _broken(event: Event, time_field: str) -> tuple[str, str]:
    """Find the first field that breaks its rule, and the rule; two empty texts if none does."""
    for field, text in (
        ("event_id", event.event_id),
        ("recommendation_id", event.recommendation_id),
    ):
        if not fits(EVENT_PATTERN, text):
            return field, f"must be {EVENT_RULE}"
    if not names_something(event.track_id):
        return "track_id", f"must be {NAME_RULE}"
    if event.kind not in EVENT_KINDS:
        return "kind", f"must be one of {', '.join(EVENT_KINDS)}"
    if event.position is not None and not 1 <= event.position <= MAX_POSITION:
        return "position", f"must be 1 to {MAX_POSITION}; got {event.position}"
    if event.dwell_ms is not None and not 0 <= event.dwell_ms <= MAX_DWELL_MS:
        return "dwell_ms", f"must be 0 to {MAX_DWELL_MS}; got {event.dwell_ms}"
    rule = _broken_time(event.occurred_at)
    return (time_field, rule) if rule else ("", "")


def _broken_time(moment: datetime | None) -> str:
    if moment is None:
        return ""
    # Without an offset the time would be that of an unknown place.
    if moment.tzinfo is None:
        return "must have an offset, such as 2030-01-31T12:00:00Z"
    try:
        in_range = _EARLIEST <= moment <= datetime.now(UTC) + _MAX_AHEAD
    except OverflowError:  # an offset that leaves the calendar
        in_range = False
    return "" if in_range else "must be from 2000 to a day from now"
