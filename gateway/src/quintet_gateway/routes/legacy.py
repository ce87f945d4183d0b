"""The two endpoints of the original system, so that its clients need no change."""

from fastapi import APIRouter, Response
from quintet.search.v1 import search_pb2

from quintet_gateway.recommender import ListRequest
from quintet_gateway.routes.dependencies import (
    RECOMMENDATION_ID,
    ListenerHeader,
    RecommenderDep,
    UpstreamDep,
    json_response,
)
from quintet_gateway.routes.search import Limit, Text
from quintet_gateway.schemas.catalogue import LegacyTrack, legacy_json
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.recommendation_request import RankedTracksBody
from quintet_gateway.schemas.recommendation_response import LegacyRankedResponse, legacy_ranked_json

router = APIRouter(tags=["Original system"])


@router.get(
    "/search", responses={200: {"model": list[LegacyTrack]}, **errors(400, 401, 429, 503, 504)}
)
async def search(upstream: UpstreamDep, query: Text, limit: Limit = 20) -> Response:
    """Tracks that match, as a plain list."""
    request = search_pb2.SearchTracksRequest(query=query, page_size=limit)
    found = await upstream.search_tracks(request)
    return json_response([legacy_json(match.track, match.recommendable) for match in found.matches])


@router.post(
    "/recommend_ranked",
    responses={
        200: {"model": LegacyRankedResponse},
        **errors(400, 401, 404, 413, 429, 500, 503, 504),
    },
)
async def recommend_ranked(
    recommender: RecommenderDep, listener: ListenerHeader, body: RankedTracksBody
) -> Response:
    """One to five track ids in, a ranked list out."""
    found = await recommender.recommend(
        ListRequest(body.ranker_request(), listener, "/recommend_ranked")
    )
    tracks = [legacy_ranked_json(track, found.tracks) for track in found.ranking.tracks]
    return json_response(
        {"recommendations": tracks}, headers={RECOMMENDATION_ID: found.recommendation_id}
    )
