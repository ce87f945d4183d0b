"""What listeners did, what is stored of them, and its end."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import WithJsonSchema
from quintet_contract.patterns import LISTENER_PATTERN

from quintet_gateway.feedback import (
    Cursor,
    EventBatch,
    Page,
    Recorder,
    check_events,
    check_listener,
    export_record,
)
from quintet_gateway.routes.dependencies import RecorderDep, json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.feedback import (
    BODY_EXAMPLES,
    DeletedResponse,
    RecordedResponse,
    body_schema,
    read_events,
)

router = APIRouter(prefix="/api/v1", tags=["Feedback"])
_PAGE: int = 1000


Listener = Annotated[
    str,
    Path(
        description="The listener's id, as events and recommendations named it",
        examples=["listener-7"],
        json_schema_extra={"pattern": LISTENER_PATTERN},
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
    """One event, or up to 500; the answer comes once they are on the disk."""
    events, single = read_events(body)
    caller = request.scope["quintet.caller"]
    job = EventBatch(events, caller.name, single)
    check_events(events, job.place)
    recorded = await recorder.record(job)
    return json_response(asdict(recorded))


@router.delete(
    "/listeners/{id}",
    responses={200: {"model": DeletedResponse}, **errors(400, 401, 403, 429, 503, 504)},
)
async def delete_listener(id: Listener, recorder: RecorderDep) -> Response:
    """Deletes a listener's events and unlinks the recommendations they got."""
    check_listener(id, "id")
    deleted = await recorder.delete(id)
    return json_response(
        {
            "deleted_events": deleted.events,
            "unlinked_recommendations": deleted.recommendations,
            "deleted_playlists": deleted.playlists,
        }
    )


@router.get(
    "/listeners/{id}/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "JSON lines: recommendations, tracks shown in them, events",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        },
        **errors(400, 401, 403, 429, 503, 504),
    },
)
async def export_listener(id: Listener, recorder: RecorderDep) -> Response:
    """All that is stored of a listener, as JSON lines; none where nothing is."""
    check_listener(id, "id")
    # The first page before the answer begins, so that what fails is told as an error.
    first = await recorder.export(id, Cursor(), _PAGE)
    return StreamingResponse(
        _lines(recorder, id, first),
        media_type="application/x-ndjson",
        headers={"Cache-Control": "no-store"},
    )


async def _lines(recorder: Recorder, listener: str, page: Page) -> AsyncIterator[bytes]:
    while True:
        yield b"".join(orjson.dumps(export_record(*each)) + b"\n" for each in page.records)
        if page.next is None:
            return
        page = await recorder.export(listener, page.next, _PAGE)
