"""`POST /api/v1/radio` and `POST /api/v1/path`: tracks one after the other."""

from typing import Annotated

from fastapi import APIRouter, Body, Response
from quintet_servicekit.logs import REQUEST_ID

from quintet_gateway.player import PATH, RADIO
from quintet_gateway.routes.dependencies import (
    RECOMMENDATION_ID,
    ListenerHeader,
    PlayerDep,
    json_response,
)
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.links import OF_RADIO
from quintet_gateway.schemas.sequences import (
    PATH_EXAMPLES,
    RADIO_EXAMPLES,
    PathBody,
    PathResponse,
    RadioBody,
    RadioResponse,
    path_json,
    radio_json,
)

router = APIRouter(tags=["Radio and paths"])
_ERRORS = errors(400, 401, 404, 413, 429, 500, 503, 504)


@router.post(RADIO, responses={200: {"model": RadioResponse, "links": OF_RADIO}, **_ERRORS})
async def continue_radio(
    player: PlayerDep,
    listener: ListenerHeader,
    body: Annotated[RadioBody, Body(openapi_examples=RADIO_EXAMPLES)],
) -> Response:
    """Seeds or a cursor in, the next tracks of an endless session out."""
    played = await player.radio(
        body.message(), body.cursor or "", body.listener or listener, body.heard_rule()
    )
    content = {
        "recommendation_id": played.recommendation_id,
        "request_id": REQUEST_ID.get(),
        "cursor": played.cursor,
        **radio_json(played.batch, played.tracks, body.language),
        "degraded": played.degraded,
    }
    return json_response(content, headers={RECOMMENDATION_ID: played.recommendation_id})


@router.post(PATH, responses={200: {"model": PathResponse}, **_ERRORS})
async def find_path(
    player: PlayerDep,
    listener: ListenerHeader,
    body: Annotated[PathBody, Body(openapi_examples=PATH_EXAMPLES)],
) -> Response:
    """Two tracks in, a path from one to the other in small steps out."""
    found = await player.path(body.message(), body.listener or listener, body.heard_rule())
    content = {
        "recommendation_id": found.recommendation_id,
        "request_id": REQUEST_ID.get(),
        **path_json(found.path, found.tracks),
        "degraded": found.degraded,
    }
    return json_response(content, headers={RECOMMENDATION_ID: found.recommendation_id})
