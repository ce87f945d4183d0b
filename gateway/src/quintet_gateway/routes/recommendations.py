"""`POST /api/v1/recommendations`: seeds in, a ranked and explained list out."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from quintet_servicekit.logs import REQUEST_ID

from quintet_gateway.recommender import ListRequest, Recommender
from quintet_gateway.routes.dependencies import (
    LISTENER,
    RECOMMENDATION_ID,
    ListenerHeader,
    RecommenderDep,
    checked_listener,
    json_response,
)
from quintet_gateway.routes.direct import direct_route
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.links import OF_RECOMMENDATIONS
from quintet_gateway.schemas.recommendation_request import BODY_EXAMPLES, RecommendationsBody
from quintet_gateway.schemas.recommendation_response import (
    RecommendationsResponse,
    recommendations_json,
)


async def _answer(request: Request, body: RecommendationsBody) -> Response:
    listener = checked_listener(request.headers.get(LISTENER))
    return await _recommended(request.app.state.recommender, listener, body)


router = APIRouter(
    prefix="/api/v1",
    tags=["Recommendations"],
    route_class=direct_route(RecommendationsBody, _answer),
)


@router.post(
    "/recommendations",
    responses={
        200: {"model": RecommendationsResponse, "links": OF_RECOMMENDATIONS},
        **errors(400, 401, 404, 413, 429, 500, 503, 504),
    },
)
async def create_recommendations(
    recommender: RecommenderDep,
    listener: ListenerHeader,
    body: Annotated[RecommendationsBody, Body(openapi_examples=BODY_EXAMPLES)],
) -> Response:
    """One to five seeds in; a ranked and explained list out."""
    return await _recommended(recommender, listener, body)


async def _recommended(
    recommender: Recommender, listener: str, body: RecommendationsBody
) -> Response:
    content = await recommended(recommender, listener, body)
    return json_response(content, headers={RECOMMENDATION_ID: content["recommendation_id"]})


async def recommended(
    recommender: Recommender, listener: str, body: RecommendationsBody
) -> dict[str, Any]:
    """Make the list of a checked body, as `RecommendationsResponse` describes it.

    Raises:
        AppError: A seed is unknown, or the ranker is down.
    """
    found = await recommender.recommend(
        ListRequest(
            body.ranker_request(),
            body.listener or listener,
            "/api/v1/recommendations",
            with_profile=True,
            heard=body.heard_rule(),
        )
    )
    return {
        "recommendation_id": found.recommendation_id,
        "request_id": REQUEST_ID.get(),
        **recommendations_json(found.ranking, found.tracks, found.request, found.profile),
        "degraded": found.degraded,
    }
