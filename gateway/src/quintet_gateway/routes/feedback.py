"""Feedback of listeners: record events, export and delete a listener's records."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import WithJsonSchema
from quintet_contract.patterns import EVENT_PATTERN, LISTENER_PATTERN
from quintet_text.track_ids import id_of

from quintet_gateway.feedback import (
    Cursor,
    EventBatch,
    Page,
    Recorder,
    check_artist,
    check_event_id,
    check_events,
    check_listener,
    export_record,
)
from quintet_gateway.routes.dependencies import RecorderDep, json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.feedback import (
    BAN_EXAMPLES,
    BODY_EXAMPLES,
    BanBody,
    DeletedResponse,
    RecordedResponse,
    UndoneResponse,
    body_schema,
    read_events,
)

router = APIRouter(prefix="/api/v1", tags=["Feedback"])
# Records of one read; no transaction stays open between two pages.
_PAGE: int = 1000


Listener = Annotated[
    str,
    Path(
        description="The listener's id, as in events and requests for recommendations",
        examples=["listener-7"],
        json_schema_extra={"pattern": LISTENER_PATTERN},
    ),
]


EventId = Annotated[
    str,
    Path(
        description="The id that the client gave the event",
        examples=["e-1"],
        json_schema_extra={"pattern": EVENT_PATTERN},
    ),
]


@router.post(
    "/feedback",
    responses={
        200: {"model": RecordedResponse},
        **errors(400, 401, 403, 404, 413, 429, 500, 503, 504),
    },
)
async def record_feedback(
    request: Request,
    recorder: RecorderDep,
    body: Annotated[Any, WithJsonSchema(body_schema()), Body(openapi_examples=BODY_EXAMPLES)],
) -> Response:
    """One event, or up to 500; they are on a disk once this answers."""
    events, single = read_events(body)
    caller = request.scope["quintet.caller"]
    job = EventBatch(events, caller.name, single)
    # Before the queue, so that a bad event costs the database nothing.
    check_events(events, job.place)
    recorded = await recorder.record(job)
    return json_response(asdict(recorded))


# Before the route of an event: its path would match this one for the methods that neither has.
@router.put(
    "/feedback/banned-artists",
    responses={200: {"model": BanBody}, **errors(400, 401, 403, 409, 413, 429, 500, 503, 504)},
)
async def set_ban(
    recorder: RecorderDep, body: Annotated[BanBody, Body(openapi_examples=BAN_EXAMPLES)]
) -> Response:
    """Ban an artist for a listener, or lift the ban; repeating it changes nothing."""
    check_listener(body.listener, "listener")
    artist = id_of("artist", body.artist_id)
    check_artist(artist)
    await recorder.ban(body.listener, artist, banned=body.banned)
    return json_response({"listener": body.listener, "artist_id": artist, "banned": body.banned})


@router.delete(
    "/feedback/{event_id}",
    responses={200: {"model": UndoneResponse}, **errors(400, 401, 403, 404, 429, 500, 503, 504)},
)
async def undo_feedback(request: Request, recorder: RecorderDep, event_id: EventId) -> Response:
    """Undo an event that this client sent; repeating it changes nothing."""
    check_event_id(event_id)
    await recorder.undo(request.scope["quintet.caller"].name, event_id)
    return json_response({"event_id": event_id, "undone": True})


@router.delete(
    "/listeners/{id}",
    responses={200: {"model": DeletedResponse}, **errors(400, 401, 403, 429, 503, 504)},
)
async def delete_listener(id: Listener, recorder: RecorderDep) -> Response:
    """Delete a listener's events, memory and playlists, and unlink their lists."""
    check_listener(id, "id")
    deleted = await recorder.delete(id)
    return json_response(
        {
            "deleted_events": deleted.events,
            "unlinked_recommendations": deleted.recommendations,
            "deleted_playlists": deleted.playlists,
            "deleted_signals": deleted.signals,
        }
    )


@router.get(
    "/listeners/{id}/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "JSON lines: recommendations, the tracks recommended in them, events, "
            "signals of the memory, banned artists",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        },
        **errors(400, 401, 403, 429, 503, 504),
    },
)
async def export_listener(id: Listener, recorder: RecorderDep) -> Response:
    """All records of a listener as JSON lines; empty for an unknown listener."""
    check_listener(id, "id")
    # The first page is read before the answer begins, so that a failure can be a 503 or 504.
    first = await recorder.export(id, Cursor(), _PAGE)
    return StreamingResponse(
        _lines(recorder, id, first),
        media_type="application/x-ndjson",
        # Personal data must not stay in a cache.
        headers={"Cache-Control": "no-store"},
    )


async def _lines(recorder: Recorder, listener: str, page: Page) -> AsyncIterator[bytes]:
    while True:
        yield b"".join(orjson.dumps(export_record(*each)) + b"\n" for each in page.records)
        if page.next is None:
            return
        page = await recorder.export(listener, page.next, _PAGE)
