"""`GET /v1/recommendations`: the shared flow, written as Spotify's objects."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from quintet.ranker.v1 import ranker_pb2
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
    heard_rule_of,
    may_fill_up,
    request_of,
)
from quintet_gateway.routes.web_api.responses import WebApiRoute, described, json_response
from quintet_gateway.schemas import web_api as shape
from quintet_gateway.schemas.catalogue import track_of
from quintet_gateway.schemas.recommendation_response import shown_or_bare

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
            heard=heard_rule_of(query),
        )
    )
    headers = {
        "Quintet-Model-Version": found.ranking.versions.model_version,
        "Quintet-Catalogue-Version": found.ranking.versions.catalogue_version,
        RECOMMENDATION_ID: found.recommendation_id,
    }
    made = found.ranking.discovery
    headers["Quintet-Discovery"] = (
        f"value={made.value:g}, new={made.new_count}, known={made.known_count}"
    )
    if found.degraded:
        headers["Quintet-Degraded"] = ", ".join(found.degraded)
    seeds = [writer.seed(pool) for pool in found.ranking.seed_pools]
    return json_response({"seeds": seeds, "tracks": _tracks(writer, found)}, headers)


def _tracks(writer: ObjectWriter, found: RecommendedList) -> list[dict[str, Any]]:
    """Write the list; a track that search no longer has is left out, as Spotify does."""
    # If search could not be asked, the list stays whole, with only the id of some tracks.
    is_known = (lambda _: True) if Part.SEARCH in found.degraded else found.tracks.json.__contains__
    return [
        {
            **writer.track(track_of(shown_or_bare(found.tracks, ranked.track_id))),
            **({"quintet": _explained(ranked)} if ranked.reasons_json else {}),
        }
        for ranked in found.ranking.tracks
        if is_known(ranked.track_id)
    ]


def _explained(ranked: ranker_pb2.RankedTrack) -> dict[str, Any]:
    """Write why a track is in the list, in the terms of `/api/v1`.

    `origin` is left out: a listener who knew which model chose a track would not judge blindly.
    """
    return {
        "rank": ranked.rank,
        "score": ranked.score,
        "similarity": ranked.similarity if ranked.HasField("similarity") else None,
        "channels": list(ranked.channels),
        "known": ranked.known,
        "reasons": orjson.Fragment(ranked.reasons_json),
    }
