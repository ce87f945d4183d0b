"""`GET /api/v1/insights`: coverage, artists and approval of the lists of the last hours."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator

from quintet_gateway.routes.dependencies import RecorderDep, json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.insights import InsightsResponse as InsightsResponse
from quintet_gateway.schemas.insights import insights_json
from quintet_gateway.validation import bounds, within

router = APIRouter(prefix="/api/v1", tags=["Operation"])
# A month: longer ranges would read many impressions in one query.
_MOST_HOURS = 24 * 31


@router.get(
    "/insights",
    responses={200: {"model": InsightsResponse}, **errors(400, 401, 429, 503, 504)},
)
async def get_insights(
    recorder: RecorderDep,
    hours: Annotated[
        int,
        Query(description="Number of hours until now."),
        AfterValidator(within("LIMIT_RANGE", 1, _MOST_HOURS)),
        bounds(1, _MOST_HOURS),
    ] = 24,
) -> Response:
    """Coverage, the most recommended artists, and the approval of each model's lists."""
    since = datetime.now(UTC) - timedelta(hours=hours)
    found = await recorder.insights(since)
    return json_response(insights_json(since, found))
