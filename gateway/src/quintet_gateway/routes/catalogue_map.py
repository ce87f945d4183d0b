"""`GET /api/v1/map`: the map of the catalogue as one Arrow file, for pages to draw."""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Response

from quintet_gateway.routes.dependencies import UpstreamDep
from quintet_gateway.schemas.errors import errors

router = APIRouter(prefix="/api/v1", tags=["Catalogue"])
MEDIA_TYPE: Final = "application/vnd.apache.arrow.file"
_ETAG: Final = {"ETag": {"schema": {"type": "string"}, "description": "The map's version"}}


@router.get(
    "/map",
    response_class=Response,
    responses={
        200: {
            "description": "An Arrow IPC file: track_id, title, artist, genre, x, y",
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            "headers": _ETAG,
        },
        304: {"description": "The version in If-None-Match is still the newest", "headers": _ETAG},
        **errors(400, 401, 429, 503, 504),
    },
)
async def get_map(
    upstream: UpstreamDep,
    if_none_match: Annotated[str, Header(description="ETag of the map that the caller has")] = "",
) -> Response:
    """Every track as a point of a plane, with similar tracks close together."""
    found = await upstream.map()
    etag = f'"{found.version}"'
    # no-cache: a cache may keep the file but must revalidate it, as the catalogue may have changed.
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    # If-None-Match compares weakly (RFC 9110, section 13.1.2).
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(found.content, headers=headers, media_type=MEDIA_TYPE)
