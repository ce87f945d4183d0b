"""The body of `POST /api/v1/feedback` (one event or several), and the answers."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from quintet_contract.limits import MAX_DWELL_MS, MAX_EVENTS, MAX_POSITION
from quintet_contract.patterns import EVENT_PATTERN, LISTENER_PATTERN
from quintet_servicekit.degradation import Part
from quintet_text.track_ids import track_id_of

from quintet_gateway.feedback import Event
from quintet_gateway.schemas.catalogue import ResponseModel
from quintet_gateway.validation import NAME_SCHEMA, Integer, StrictBody, named, rule_error


def _described(description: str, example: str | int, **rules: Any) -> Any:
    """Document in OpenAPI a rule that `check_events` checks with its own reason."""
    return Field(json_schema_extra={"description": description, "examples": [example], **rules})


def _is_time(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise rule_error("EVENT_RANGE", "must be a time, such as 2030-01-31T12:00:00Z") from None
    return text


class EventBody(StrictBody):
    """One action of a listener on one track of one recommendation."""

    event_id: Annotated[
        str,
        _described("Unique among the client's events", "e-1", pattern=EVENT_PATTERN),
    ]
    recommendation_id: Annotated[
        str, _described("The recommendation's id", "6924…", pattern=EVENT_PATTERN)
    ]
    track_id: Annotated[
        str,
        AfterValidator(named("EVENT_RANGE")),
        _described(
            "A track of the catalogue",
            "6rqhFgbbKwnb9MLmUQDhG6",
            **NAME_SCHEMA,
        ),
    ]
    kind: Literal["play", "skip", "like", "dislike", "save", "playlist_add"]
    position: Annotated[
        Integer | None,
        _described("Position in the list, from 1", 3, minimum=1, maximum=MAX_POSITION),
    ] = None
    dwell_ms: Annotated[
        Integer | None,
        _described(
            "Milliseconds that the track was heard", 184_000, minimum=0, maximum=MAX_DWELL_MS
        ),
    ] = None
    listener: Annotated[
        str | None,
        _described(
            "The listener's id at the caller; if absent, the recommendation's listener",
            "listener-7",
            pattern=LISTENER_PATTERN,
        ),
    ] = None
    occurred_at: Annotated[
        str | None,
        AfterValidator(lambda text: None if text is None else _is_time(text)),
        _described(
            "Time of the action, with an offset; if absent, the time of receipt",
            "2030-01-31T12:00:00Z",
            format="date-time",
        ),
    ] = None

    def event(self) -> Event:
        """Convert the body to an event; its rules are checked later."""
        moment = None if self.occurred_at is None else datetime.fromisoformat(self.occurred_at)
        return Event(
            self.event_id,
            self.recommendation_id,
            track_id_of(self.track_id),
            self.kind,
            self.position,
            self.dwell_ms,
            self.listener or "",
            moment,
        )


class EventsBody(StrictBody):
    """Several events."""

    events: list[EventBody]


def read_events(body: Any) -> tuple[list[Event], bool]:
    """Read the events of a body, and whether it was a single one.

    Raises:
        RequestValidationError: It is no object, or a field is missing, unknown or of a wrong type.
    """
    single = not (isinstance(body, dict) and "events" in body)
    try:
        if single:
            return [EventBody.model_validate(body).event()], True
        # Counted first, so that half a million events are rejected without being validated.
        if isinstance(body["events"], list) and len(body["events"]) > MAX_EVENTS:
            return [_ANY] * len(body["events"]), False
        return [each.event() for each in EventsBody.model_validate(body).events], False
    except ValidationError as fault:
        # As FastAPI reports faults of a body, so that one handler renders both.
        faults = [{**error, "loc": ("body", *error["loc"])} for error in fault.errors()]
        raise RequestValidationError(faults) from fault


# Stands in where only the number of events matters.
_ANY: Final = Event("any", "any", "any", "play")


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema.pop("$defs", None)
    return schema


def body_schema() -> dict[str, Any]:
    """Build the JSON schema of the body: one event, or a list of events."""
    event = _schema(EventBody)
    many = _schema(EventsBody)
    many["properties"]["events"] = {
        "type": "array",
        "items": event,
        "minItems": 1,
        "maxItems": MAX_EVENTS,
    }
    return {"oneOf": [event, many]}


BODY_EXAMPLES: Final[dict[str, Any]] = {
    "one event": {
        "summary": "One event",
        "value": {
            "event_id": "9b2f4c1e-0d51-4a53-8d0e-0a4f1f0a7c11",
            "recommendation_id": "6924a1f05a4a6b1d2c3e4f50a1b2c3d4e5f60718",
            "track_id": "6rqhFgbbKwnb9MLmUQDhG6",
            "kind": "like",
            "position": 3,
        },
    },
    "several": {
        "summary": "Several events",
        "value": {
            "events": [
                {
                    "event_id": "e-1",
                    "recommendation_id": "6924a1f05a4a6b1d2c3e4f50a1b2c3d4e5f60718",
                    "track_id": "6rqhFgbbKwnb9MLmUQDhG6",
                    "kind": "play",
                    "position": 3,
                    "dwell_ms": 184_000,
                    "listener": "listener-7",
                    "occurred_at": "2026-01-31T12:00:00Z",
                }
            ]
        },
    },
}


class BanBody(StrictBody):
    """Whether a listener never wants tracks by an artist; the answer has the same form."""

    listener: Annotated[
        str,
        _described("The listener's id at the caller", "listener-7", pattern=LISTENER_PATTERN),
    ]
    artist_id: Annotated[
        str,
        AfterValidator(named("EVENT_RANGE")),
        _described(
            "An artist of the catalogue",
            "4Z8W4fKeB5YxbusRsdQVPb",
            **NAME_SCHEMA,
        ),
    ]
    banned: Annotated[bool, _described("False lifts the ban", True)] = True


BAN_EXAMPLES: Final[dict[str, Any]] = {
    "ban": {
        "summary": "Never this artist again",
        "value": {"listener": "listener-7", "artist_id": "4Z8W4fKeB5YxbusRsdQVPb", "banned": True},
    },
}


class RecordedResponse(ResponseModel):
    """Outcome of storing events; they are on a disk."""

    accepted: int = Field(description="New and stored now")
    duplicates: int = Field(description="Stored before, or twice in this request")
    degraded: list[Part] = Field(
        description="`database` while the database is down: the events wait on the disk and are "
        "stored later, and only duplicates among those that wait are counted"
    )


class UndoneResponse(ResponseModel):
    """An event that counts no longer, in lists, memory and training."""

    event_id: str
    undone: bool = Field(description="Always true")


class DeletedResponse(ResponseModel):
    """Numbers of deleted records; all 0 for an unknown listener."""

    deleted_events: int
    unlinked_recommendations: int
    deleted_playlists: int
    deleted_signals: int = Field(description="Rows of the memory, banned artists included")
