"""The two endpoints of the original system, on the code of the others."""

from fastapi import APIRouter, Response
from quintet.search.v1 import search_pb2

from quintet_gateway.routes.dependencies import UpstreamDep, json_response
from quintet_gateway.routes.recommendations import (
    RECOMMENDATION_ID,
    ListenerHeader,
    RecommendationDep,
    recommended,
)
from quintet_gateway.routes.search import Limit, Text
from quintet_gateway.schemas.catalogue import LegacyTrack, legacy_json
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.recommendation_request import (
    RankedTracksBody,
    RecommendationsBody,
    Seed,
)
from quintet_gateway.schemas.recommendation_response import LegacyRankedResponse, legacy_ranked_json

router = APIRouter(tags=["Original system"])


@router.get(
    "/search", responses={200: {"model": list[LegacyTrack]}, **errors(400, 401, 429, 503, 504)}
)
async def search(services: UpstreamDep, query: Text, limit: Limit = 20) -> Response:
    """Tracks that match, as a plain list."""
    request = search_pb2.SearchTracksRequest(query=query, page_size=limit)
    found = await services.search_tracks(request)
    return json_response([legacy_json(match.track, match.recommendable) for match in found.matches])


@router.post(
    "/recommend_ranked",
    responses={
        200: {"model": LegacyRankedResponse},
        **errors(400, 401, 404, 413, 429, 500, 503, 504),
    },
)
async def recommend_ranked(
    behind: RecommendationDep,
    listener: ListenerHeader,
    body: RankedTracksBody,
) -> Response:
    """One to five track ids in, a ranked list out."""
    asked = RecommendationsBody(
        seeds=[Seed(track_id=name) for name in body.track_ids], limit=body.limit, reasons=False
    )
    found = await recommended(behind, asked, listener)
    given = behind.recorder.new_id()
    response = json_response(
        {
            "recommendations": [
                legacy_ranked_json(track, found.tracks) for track in found.ranking.tracks
            ]
        }
    )
    response.headers[RECOMMENDATION_ID] = given
    behind.recorder.show(given, listener, "/recommend_ranked", found.request, found.ranking)
    return response
