"""Saved lists, and pushing them to sources; requires the scope playlists."""

from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from pydantic import AfterValidator
from quintet_contract.patterns import LISTENER_PATTERN

from quintet_gateway.feedback.events import check_listener
from quintet_gateway.routes.dependencies import json_response
from quintet_gateway.schemas.catalogue import ResponseModel
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.library import RequestFacts
from quintet_gateway.schemas.playlists import (
    LIST_ID_PATTERN,
    PUSH_EXAMPLES,
    SAVED_EXAMPLES,
    DeletedListResponse,
    PushBody,
    SavedListBody,
    SavedListResponse,
    SavedListsResponse,
)
from quintet_gateway.validation import bounds, within

router = APIRouter(prefix="/api/v1/playlists", tags=["Playlists"])
_MOST_PAGE: Final = 200


class Lists(Protocol):
    """Saved lists; each call ends within the database's limits on time."""

    async def page(self, listener: str, page_token: str, page_size: int) -> SavedListsResponse:
        """Read one page of the lists of a listener, or of nobody."""

    async def read(self, list_id: str) -> SavedListResponse:
        """Read a list with its tracks."""

    async def save(self, body: SavedListBody) -> SavedListResponse:
        """Save a list, in place of the list of the same name and listener."""

    async def delete(self, list_id: str) -> DeletedListResponse:
        """Delete a list."""

    async def push(self, list_id: str, source: str) -> RequestFacts:
        """Queue the push of a list to a source."""


async def _lists(request: Request) -> Lists:
    lists: Lists = request.app.state.saved_lists
    return lists


ListsDep = Annotated[Lists, Depends(_lists)]
ListId = Annotated[
    str,
    Path(
        alias="id",
        description="Id of a saved list",
        examples=["5f2c9d0e7a1b4c3d8e6f0a9b1c2d3e4f"],
        max_length=64,
        json_schema_extra={"pattern": LIST_ID_PATTERN},
    ),
]


@router.get(
    "", responses={200: {"model": SavedListsResponse}, **errors(400, 401, 403, 429, 503, 504)}
)
async def get_playlists(
    lists: ListsDep,
    listener: Annotated[
        str,
        Query(
            description="Whose lists; those of nobody in particular if empty",
            json_schema_extra={"pattern": f"^$|{LISTENER_PATTERN}"},
        ),
    ] = "",
    page_size: Annotated[
        int,
        Query(description="Lists of one page."),
        AfterValidator(within("PAGE_SIZE_RANGE", 1, _MOST_PAGE)),
        bounds(1, _MOST_PAGE),
    ] = 50,
    page_token: Annotated[str, Query(max_length=2048)] = "",
) -> Response:
    """List saved lists, the one changed last first, and the sources they can be pushed to."""
    if listener:
        check_listener(listener, "listener")
    return _json(await lists.page(listener, page_token, page_size))


@router.post(
    "",
    responses={200: {"model": SavedListResponse}, **errors(400, 401, 403, 409, 413, 429, 503, 504)},
)
async def save_playlist(
    lists: ListsDep,
    body: Annotated[SavedListBody, Body(openapi_examples=SAVED_EXAMPLES)],
) -> Response:
    """Save a list under a name; a list of the same name and listener is replaced."""
    if body.listener is not None:
        check_listener(body.listener, "listener")
    return _json(await lists.save(body))


@router.get(
    "/{id}",
    responses={200: {"model": SavedListResponse}, **errors(400, 401, 403, 404, 429, 503, 504)},
)
async def get_playlist(list_id: ListId, lists: ListsDep) -> Response:
    """Read a saved list with its tracks, and how its latest pushes went."""
    return _json(await lists.read(list_id))


@router.delete(
    "/{id}",
    responses={200: {"model": DeletedListResponse}, **errors(400, 401, 403, 404, 429, 503, 504)},
)
async def delete_playlist(list_id: ListId, lists: ListsDep) -> Response:
    """Delete a saved list; the playlists that it became stay where they are."""
    return _json(await lists.delete(list_id))


@router.post(
    "/{id}/pushes",
    status_code=202,
    responses={
        202: {"model": RequestFacts, "description": "Queued; a worker does it"},
        **errors(400, 401, 403, 404, 409, 413, 429, 503, 504),
    },
)
async def push_playlist(
    list_id: ListId,
    lists: ListsDep,
    body: Annotated[PushBody, Body(openapi_examples=PUSH_EXAMPLES)],
) -> Response:
    """Queue a push: the list becomes a playlist of a source, or updates the one it became."""
    return _json(await lists.push(list_id, body.source), 202)


def _json(answer: ResponseModel, status: int = 200) -> Response:
    # Lists of a person are for the caller alone.
    return json_response(answer.model_dump(mode="json"), status, {"Cache-Control": "no-store"})
