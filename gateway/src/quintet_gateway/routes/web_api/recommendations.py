"""`GET /v1/recommendations`: the shared flow, written as Spotify's objects."""

from typing import Any

from fastapi import APIRouter, Request, Response
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_servicekit.degradation import Part

from quintet_gateway.recommender import ListRequest, RecommendedList
from quintet_gateway.routes.dependencies import (
    LISTENER,
    RECOMMENDATION_ID,
    RecommenderDep,
    checked_listener,
)
from quintet_gateway.routes.web_api.objects import ObjectWriter, writer_of
from quintet_gateway.routes.web_api.parameters import single
from quintet_gateway.routes.web_api.recommendation_parameters import (
    PARAMETERS,
    may_fill_up,
    request_of,
)
from quintet_gateway.routes.web_api.responses import WebApiRoute, described, json_response
from quintet_gateway.schemas import web_api as shape
from quintet_gateway.schemas.reasons import reasons_json

router = APIRouter(prefix="/v1", tags=["Spotify Web API"], route_class=WebApiRoute)


@router.get("/recommendations", **described(shape.Recommendations, *PARAMETERS))
async def get_recommendations(request: Request, recommender: RecommenderDep) -> Response:
    """Tracks recommended for one to five seeds, best first."""
    query = single(request.query_params)
    writer = writer_of(request)
    asked = request_of(query)
    found = await recommender.recommend(
        ListRequest(
            asked,
            checked_listener(request.headers.get(LISTENER)),
            "/v1/recommendations",
            fill_up=may_fill_up(query),
        )
    )
    headers = {
        "Quintet-Model-Version": found.ranking.versions.model_version,
        "Quintet-Catalogue-Version": found.ranking.versions.catalogue_version,
        RECOMMENDATION_ID: found.recommendation_id,
    }
    if found.degraded:
        headers["Quintet-Degraded"] = ", ".join(found.degraded)
    seeds = [writer.seed(pool) for pool in found.ranking.seed_pools]
    return json_response({"seeds": seeds, "tracks": _tracks(writer, found)}, headers)


def _tracks(writer: ObjectWriter, found: RecommendedList) -> list[dict[str, Any]]:
    """Write the list; a track that search no longer has is left out, as Spotify does."""
    known = dict(found.tracks)
    if Part.SEARCH in found.degraded:
        # Search is down: the list stays whole, with only the id of tracks not looked up before.
        ids = [ranked.track_id for ranked in found.ranking.tracks]
        known = {name: search_pb2.Track(id=name) for name in ids} | known
    explained = zip(found.ranking.tracks, reasons_json(found.ranking, known), strict=True)
    return [
        {
            **writer.track(known[ranked.track_id]),
            **({} if reasons is None else {"quintet": _explained(ranked, reasons)}),
        }
        for ranked, reasons in explained
        if ranked.track_id in known
    ]


def _explained(ranked: ranker_pb2.RankedTrack, reasons: dict[str, Any]) -> dict[str, Any]:
    """Write why a track is in the list, in the terms of `/api/v1`.

    `origin` is left out: a listener who knew which model chose a track would not judge blindly.
    """
    return {
        "rank": ranked.rank,
        "score": ranked.score,
        "similarity": ranked.similarity,
        "channels": list(ranked.channels),
        "reasons": reasons,
    }
