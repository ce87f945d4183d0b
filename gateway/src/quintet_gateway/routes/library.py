"""A listener's own music: sources, requests for work on them, quarantine, and sources of tracks."""

from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from pydantic import AfterValidator
from quintet_contract.limits import MAX_NAME
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_store.sources import MAX_ITEM_ID
from quintet_text.id_patterns import is_storable

from quintet_gateway.routes.dependencies import json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.library import (
    NAME_PATTERN,
    SOURCE_EXAMPLES,
    LibraryResponse,
    OwnTracksResponse,
    QuarantineResponse,
    RequestFacts,
    SourceBody,
    SourceMatchResponse,
)
from quintet_gateway.validation import bounds, within

router = APIRouter(prefix="/api/v1/library", tags=["Own music"])
MOST_TRACKS: Final = 500
_MOST_PAGE: Final = 200


class Sources(Protocol):
    """Sources of music; each call ends within the database's limits on time."""

    async def overview(self) -> LibraryResponse:
        """Read all sources, the latest requests, and whether the worker runs."""

    async def quarantine(self, name: str, page_token: str, page_size: int) -> QuarantineResponse:
        """Read one page of a source's quarantine."""

    async def add(self, body: SourceBody) -> RequestFacts:
        """Queue the addition of a source."""

    async def request(self, action: str, name: str) -> RequestFacts:
        """Queue work on a source."""

    async def match(self, name: str, item_id: str, artist: str) -> SourceMatchResponse:
        """Look up what an id of a source names, or an artist of it by name."""

    async def tracks(self, track_ids: list[str]) -> OwnTracksResponse:
        """Look up which sources have tracks."""


async def _sources(request: Request) -> Sources:
    sources: Sources = request.app.state.own_music
    return sources


SourcesDep = Annotated[Sources, Depends(_sources)]
Name = Annotated[
    str,
    Path(
        description="Name of a source",
        examples=["music"],
        max_length=64,
        json_schema_extra={"pattern": NAME_PATTERN},
    ),
]
_QUEUED: Final = {
    202: {"model": RequestFacts, "description": "Queued; a worker does it"},
    **errors(400, 401, 403, 404, 409, 429, 503, 504),
}


@router.get("", responses={200: {"model": LibraryResponse}, **errors(401, 403, 429, 503, 504)})
async def get_library(sources: SourcesDep) -> Response:
    """List sources with the state of sync and analysis, and the latest requests."""
    return _json(await sources.overview())


@router.post(
    "/sources",
    status_code=202,
    responses={
        202: {"model": RequestFacts, "description": "Queued; a worker checks and adds it"},
        **errors(400, 401, 403, 409, 413, 429, 503, 504),
    },
)
async def add_source(
    sources: SourcesDep,
    body: Annotated[SourceBody, Body(openapi_examples=SOURCE_EXAMPLES)],
) -> Response:
    """Queue the addition of a source; its first sync follows by itself."""
    return _json(await sources.add(body), 202)


@router.post("/sources/{name}/sync", status_code=202, responses=_QUEUED)
async def sync_source(name: Name, sources: SourcesDep) -> Response:
    """Queue a sync, which brings the catalogue in step with the source."""
    return _json(await sources.request("sync", name), 202)


@router.post("/sources/{name}/analyse", status_code=202, responses=_QUEUED)
async def analyse_source(name: Name, sources: SourcesDep) -> Response:
    """Queue an analysis, which measures audio features of files that have none."""
    return _json(await sources.request("analyse", name), 202)


@router.delete("/sources/{name}", status_code=202, responses=_QUEUED)
async def remove_source(name: Name, sources: SourcesDep) -> Response:
    """Queue the removal of a source and of the tracks that nothing else has; files stay."""
    return _json(await sources.request("remove", name), 202)


@router.get(
    "/sources/{name}/quarantine",
    responses={
        200: {"model": QuarantineResponse},
        **errors(400, 401, 403, 404, 429, 503, 504),
    },
)
async def get_quarantine(
    name: Name,
    sources: SourcesDep,
    page_size: Annotated[
        int,
        Query(description="Items of one page."),
        AfterValidator(within("PAGE_SIZE_RANGE", 1, _MOST_PAGE)),
        bounds(1, _MOST_PAGE),
    ] = 50,
    page_token: Annotated[str, Query(max_length=2048)] = "",
) -> Response:
    """List items of a source that could not be read or analysed, with the reasons."""
    return _json(await sources.quarantine(name, page_token, page_size))


@router.get(
    "/sources/{name}/match",
    responses={
        200: {"model": SourceMatchResponse},
        **errors(400, 401, 403, 404, 429, 503, 504),
    },
)
async def match_in_source(
    name: Name,
    sources: SourcesDep,
    id: Annotated[
        str,
        Query(description="The source's id of a song, album or artist", max_length=MAX_ITEM_ID),
    ] = "",
    artist: Annotated[str, Query(description="Name of an artist", max_length=MAX_NAME)] = "",
) -> Response:
    """Look up the tracks of a song, album or artist by the source's id, or of an artist by name."""
    if bool(id) == bool(artist):
        raise InvalidInput(
            Reason.REQUEST_MALFORMED,
            "exactly one of id and artist must be given, and not be empty",
            field="id",
        )
    if not is_storable(id):
        raise InvalidInput(
            Reason.REQUEST_MALFORMED, "id must not contain a NUL character", field="id"
        )
    return _json(await sources.match(name, id, artist))


@router.get(
    "/tracks",
    responses={200: {"model": OwnTracksResponse}, **errors(400, 401, 403, 429, 503, 504)},
)
async def get_own_tracks(
    sources: SourcesDep,
    ids: Annotated[
        str,
        Query(
            description=f"Ids of 1 to {MOST_TRACKS} tracks, separated by commas",
            max_length=MOST_TRACKS * 64,
            json_schema_extra={"pattern": rf"^[^,]{{0,{MAX_NAME}}}(,[^,]{{0,{MAX_NAME}}})*$"},
            examples=["6rqhFgbbKwnb9MLmUQDhG6"],
        ),
    ],
) -> Response:
    """Look up sources, paths and MusicBrainz recordings of tracks; others are left out."""
    names = list(dict.fromkeys(filter(None, (name.strip() for name in ids.split(",")))))
    if not 1 <= len(names) <= MOST_TRACKS or any(len(name) > MAX_NAME for name in names):
        raise InvalidInput(
            Reason.ID_COUNT,
            f"ids must be 1 to {MOST_TRACKS} ids of at most {MAX_NAME} characters; "
            f"got {len(names)} ids",
            field="ids",
        )
    return _json(await sources.tracks(names))


def _json(
    answer: LibraryResponse
    | OwnTracksResponse
    | QuarantineResponse
    | RequestFacts
    | SourceMatchResponse,
    status: int = 200,
) -> Response:
    # Paths of a person's files are for the caller alone.
    return json_response(answer.model_dump(mode="json"), status, {"Cache-Control": "no-store"})
