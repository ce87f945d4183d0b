"""One track of the catalogue, and the model that ranks."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from quintet.search.v1 import search_pb2
from quintet_contract.limits import MAX_NAME
from quintet_servicekit.errors import NotFound, Reason
from quintet_text.track_ids import track_id_of

from quintet_gateway.routes.dependencies import UpstreamDep, json_response
from quintet_gateway.schemas.catalogue import ModelResponse, Track, model_json, track_json
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.links import OF_TRACK

router = APIRouter(prefix="/api/v1", tags=["Catalogue"])


@router.get(
    "/tracks/{id}",
    responses={
        200: {"model": Track, "links": OF_TRACK},
        **errors(400, 401, 404, 429, 503, 504),
    },
)
async def get_track(
    id: Annotated[str, Path(max_length=MAX_NAME, examples=["6rqhFgbbKwnb9MLmUQDhG6"])],
    upstream: UpstreamDep,
) -> Response:
    """Look up a track of the catalogue by id or URI."""
    # A lookup of unknown ids is no error for search, so the 404 is made here.
    name = track_id_of(id)
    found = await upstream.tracks(search_pb2.BatchGetTracksRequest(track_ids=[name]))
    (result,) = found.results
    if not result.HasField("track"):
        raise NotFound(
            Reason.ID_UNKNOWN,
            f"The catalogue does not have track {id!r}; /api/v1/search finds ids.",
            field="id",
        )
    return json_response(track_json(result.track))


@router.get("/model", responses={200: {"model": ModelResponse}, **errors(401, 429, 503, 504)})
async def get_model(upstream: UpstreamDep) -> Response:
    """Describe the model that the ranker serves, and the last version that it rejected."""
    return json_response(model_json(await upstream.model()))
