"""`GET /api/v1/insights`: coverage, artists and approval of the lists of the last hours."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Response

from quintet_gateway.routes.dependencies import Hours, RecorderDep, json_response
from quintet_gateway.schemas.errors import errors
from quintet_gateway.schemas.insights import InsightsResponse as InsightsResponse
from quintet_gateway.schemas.insights import insights_json

router = APIRouter(prefix="/api/v1", tags=["Operation"])


@router.get(
    "/insights",
    responses={200: {"model": InsightsResponse}, **errors(400, 401, 429, 503, 504)},
)
async def get_insights(
    recorder: RecorderDep,
    hours: Hours = 24,
) -> Response:
    """Coverage, the most recommended artists, and the approval of each model's lists."""
    since = datetime.now(UTC) - timedelta(hours=hours)
    found = await recorder.insights(since)
    return json_response(insights_json(since, found))
