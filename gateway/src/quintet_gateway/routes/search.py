"""Search of tracks and artists, and the list of genres."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator
from quintet.search.v1 import search_pb2
from quintet_contract.limits import DEFAULT_PAGE, MAX_PAGE, MAX_QUERY

from quintet_gateway.routes.dependencies import UpstreamDep, json_response
from quintet_gateway.schemas.catalogue import (
    SOURCES,
    ArtistsResponse,
    GenresResponse,
    SearchResponse,
    artists_json,
    genres_json,
    search_json,
)
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.links import OF_SEARCH
from quintet_gateway.validation import bounds, within

router = APIRouter(prefix="/api/v1", tags=["Catalogue"])

Text = Annotated[
    str,
    Query(
        max_length=MAX_QUERY,
        description="Text as a listener types it: prefixes and small typos match. May contain "
        "artist:, album:, track:, genre: and year:. An empty text lists the most popular "
        "tracks.",
        examples=["hotel california"],
    ),
]
Limit = Annotated[
    int,
    Query(description="Items per page."),
    AfterValidator(within("LIMIT_RANGE", 1, MAX_PAGE)),
    bounds(1, MAX_PAGE),
]
PageToken = Annotated[
    str,
    Query(max_length=512, description="next_page_token of the previous page; empty for the first."),
]


@router.get(
    "/search",
    responses={
        200: {"model": SearchResponse, "links": OF_SEARCH},
        **errors(400, 401, 429, 503, 504),
    },
)
async def search_tracks(
    upstream: UpstreamDep,
    q: Text = "",
    limit: Limit = DEFAULT_PAGE,
    page_token: PageToken = "",
    source: Annotated[
        Literal["catalogue", "spotify", "both"],
        Query(description="Search the catalogue, Spotify (if configured), or both."),
    ] = "catalogue",
) -> Response:
    """Tracks by title, artist and album, best match first."""
    request = search_pb2.SearchTracksRequest(
        query=q, page_size=limit, page_token=page_token, source=SOURCES[source]
    )
    return json_response(search_json(await upstream.search_tracks(request)))


@router.get(
    "/artists", responses={200: {"model": ArtistsResponse}, **errors(400, 401, 429, 503, 504)}
)
async def search_artists(
    upstream: UpstreamDep, q: Text = "", limit: Limit = DEFAULT_PAGE, page_token: PageToken = ""
) -> Response:
    """Artists by name, best match first."""
    request = search_pb2.SearchArtistsRequest(query=q, page_size=limit, page_token=page_token)
    return json_response(artists_json(await upstream.search_artists(request)))


@router.get(
    "/genres", responses={200: {"model": GenresResponse}, **errors(400, 401, 429, 503, 504)}
)
async def list_genres(
    upstream: UpstreamDep,
    limit: Annotated[
        int,
        Query(description="Items per page."),
        AfterValidator(within("LIMIT_RANGE", 1, 1000)),
        bounds(1, 1000),
    ] = 1000,
    page_token: PageToken = "",
) -> Response:
    """Genres of the catalogue by name."""
    request = search_pb2.ListGenresRequest(page_size=limit, page_token=page_token)
    return json_response(genres_json(await upstream.genres(request)))
