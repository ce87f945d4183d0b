"""`GET /v1/search`."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from quintet.search.v1 import search_pb2
from quintet_servicekit.errors import InvalidInput, Reason

from quintet_gateway.routes.dependencies import Upstream, UpstreamDep
from quintet_gateway.routes.web_api import parameters as p
from quintet_gateway.routes.web_api.objects import ObjectWriter, base_of, writer_of
from quintet_gateway.routes.web_api.responses import WebApiRoute, described, json_response
from quintet_gateway.schemas import web_api as shape

# Spotify's own bound on offset.
SEARCH_DEPTH: Final = 1000
# Types that Spotify searches and a catalogue of tracks has nothing of: their pages are empty.
_EMPTY_TYPES: Final = ("album", "playlist", "show", "episode", "audiobook")

router = APIRouter(prefix="/v1", tags=["Spotify Web API"], route_class=WebApiRoute)

_SEARCH_PARAMETERS: Final = (
    p.parameter(
        "q",
        "The text, with field filters artist:, album:, track:, genre:, year:.",
        type="string",
        minLength=1,
        maxLength=256,
        pattern=r"\S",
        required=True,
    ),
    p.parameter(
        "type",
        "What to search, separated by commas: track, artist.",
        type="string",
        enum=["track", "artist", "track,artist", "artist,track"],
        required=True,
    ),
    p.MARKET,
    p.parameter("limit", "Items a page.", type="integer", minimum=1, maximum=50, default=20),
    p.parameter(
        "offset", "Items to pass over.", type="integer", minimum=0, maximum=SEARCH_DEPTH, default=0
    ),
)


@router.get("/search", **described(shape.SpotifySearchResponse, *_SEARCH_PARAMETERS))
async def search(request: Request, upstream: UpstreamDep) -> Response:
    """Tracks and artists that match a text."""
    query = p.single(request.query_params)
    writer = writer_of(request)
    text = p.search_text(query)
    kinds = _kinds(query)
    limit = p.integer(query, "limit", 20, 1, 50)
    offset = p.integer(query, "offset", 0, 0, SEARCH_DEPTH)
    pages = await asyncio.gather(
        *(_page(upstream, writer, kind, text, limit, offset) for kind in kinds)
    )
    # The addresses of other pages must keep the market, which changes the objects.
    kept = {name: query[name] for name in ("market",) if name in query}
    answers: dict[str, Any] = {}
    for kind, (items, total) in zip(kinds, pages, strict=True):
        address = f"{base_of(request)}/search?"
        fixed = {"q": text, "type": kind, **kept}
        answers[f"{kind}s"] = _paging(address, fixed, items, limit, offset, total)
    return json_response(answers)


def _kinds(query: Mapping[str, str]) -> list[str]:
    # A type that is named twice is searched once.
    kinds = list(dict.fromkeys(p.names(query, "type", 20)))
    if not kinds:
        raise InvalidInput(Reason.REQUEST_MALFORMED, "Missing parameter type", field="type")
    for kind in kinds:
        if kind not in ("track", "artist", *_EMPTY_TYPES):
            raise InvalidInput(
                Reason.REQUEST_MALFORMED, f"Bad search type field {kind}", field="type"
            )
    return kinds


async def _page(
    upstream: Upstream, writer: ObjectWriter, kind: str, text: str, limit: int, offset: int
) -> tuple[list[Any], int]:
    """Search one page of a type; the second value is the number of all matches."""
    if kind == "track":
        tracks = await upstream.search_tracks(
            search_pb2.SearchTracksRequest(
                query=text,
                page_size=limit,
                skip=offset,
                source=search_pb2.SOURCE_CATALOGUE,
            )
        )
        return [writer.track(match.track) for match in tracks.matches], tracks.total_size
    if kind == "artist":
        artists = await upstream.search_artists(
            search_pb2.SearchArtistsRequest(query=text, page_size=limit, skip=offset)
        )
        return [writer.artist(artist) for artist in artists.artists], artists.total_size
    return [], 0


def _paging(
    address: str, fixed: Mapping[str, str], items: list[Any], limit: int, offset: int, total: int
) -> dict[str, Any]:
    """Build a paging object with the addresses of the next and previous page."""

    def at(place: int) -> str:
        return address + urlencode({**fixed, "offset": place, "limit": limit})

    following = offset + limit
    return {
        "href": at(offset),
        "items": items,
        "limit": limit,
        # Null ends the loop of clients that follow `next`.
        "next": at(following) if following < min(total, SEARCH_DEPTH) else None,
        "offset": offset,
        "previous": at(max(0, offset - limit)) if offset > 0 else None,
        "total": total,
    }
