"""Upload of a listener's history: start, parts, state."""

from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response

from quintet_gateway.feedback import check_listener
from quintet_gateway.routes.dependencies import json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.histories import (
    HISTORY_EXAMPLES,
    MAX_UPLOAD_BYTES,
    UPLOAD_PATTERN,
    HistoryBody,
    HistoryUpload,
)

router = APIRouter(prefix="/api/v1/histories", tags=["Feedback"])
_CONTENT: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "minLength": 1}}},
    }
}


class HistoryUploads(Protocol):
    """Uploaded histories; each call ends within the database's limits on time."""

    async def begin(self, listener: str, size: int, *, train: bool) -> HistoryUpload:
        """Start an upload."""

    async def append(self, name: str, offset: int, part: bytes) -> HistoryUpload:
        """Add a part."""

    async def get(self, name: str) -> HistoryUpload:
        """Read how an upload is."""


async def _histories(request: Request) -> HistoryUploads:
    histories: HistoryUploads = request.app.state.histories
    return histories


HistoriesDep = Annotated[HistoryUploads, Depends(_histories)]
UploadId = Annotated[
    str,
    Path(
        description="`upload_id` of the upload",
        examples=["0" * 32],
        max_length=64,
        json_schema_extra={"pattern": UPLOAD_PATTERN},
    ),
]


@router.post(
    "",
    status_code=201,
    responses={
        201: {"model": HistoryUpload, "description": "Started; send the parts"},
        **errors(400, 401, 403, 413, 429, 503, 504),
    },
)
async def start_history(
    histories: HistoriesDep,
    body: Annotated[HistoryBody, Body(openapi_examples=HISTORY_EXAMPLES)],
) -> Response:
    """Start the upload of a listener's history; its content follows in parts."""
    check_listener(body.listener, "listener")
    return _json(await histories.begin(body.listener, body.bytes, train=body.train), 201)


@router.put(
    "/{upload_id}/content",
    openapi_extra=_CONTENT,
    responses={
        200: {"model": HistoryUpload},
        **errors(400, 401, 403, 404, 409, 413, 429, 503, 504),
    },
)
async def add_history_part(
    request: Request,
    histories: HistoriesDep,
    upload_id: UploadId,
    offset: Annotated[
        int, Query(ge=0, le=MAX_UPLOAD_BYTES, description="Where the part begins in the file")
    ],
) -> Response:
    """Add a part; the last one queues the import. Repeating a part changes nothing."""
    return _json(await histories.append(upload_id, offset, await request.body()))


@router.get(
    "/{upload_id}",
    responses={200: {"model": HistoryUpload}, **errors(400, 401, 403, 404, 429, 503, 504)},
)
async def get_history(histories: HistoriesDep, upload_id: UploadId) -> Response:
    """Report how the import of an upload is, and what it found."""
    return _json(await histories.get(upload_id))


def _json(upload: HistoryUpload, status: int = 200) -> Response:
    # What a person heard must not stay in a cache.
    return json_response(upload.model_dump(mode="json"), status, {"Cache-Control": "no-store"})
