"""`GET /api/v1/insights`: coverage, artists and approval of the lists of the last hours."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, Field

from quintet_gateway.routes.dependencies import RecorderDep, json_response
from quintet_gateway.schemas.catalogue import ResponseModel
from quintet_gateway.schemas.errors import errors
from quintet_gateway.validation import bounds, within

router = APIRouter(prefix="/api/v1", tags=["Operation"])
# A month: longer ranges would read many impressions in one query.
_MOST_HOURS = 24 * 31


class ArtistPlaces(ResponseModel):
    """An artist's share of all positions in lists."""

    name: str
    share: float


class ModelReceived(ResponseModel):
    """Approval of one model's lists."""

    model: str
    lists: int
    approved: int = Field(description="Lists of which a track was liked, saved or kept")
    low: float = Field(description="Lower end of the 95 % interval of approved / lists")
    high: float


class InsightsResponse(ResponseModel):
    """Summary of the lists of the last hours."""

    since: str
    lists: int
    impressions: int
    tracks_shown: int = Field(description="Different tracks on these lists")
    artists: list[ArtistPlaces]
    events: dict[str, int]
    models: list[ModelReceived]


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
    return json_response(
        {
            "since": since.isoformat(timespec="seconds"),
            "lists": found.lists,
            "impressions": found.impressions,
            "tracks_shown": found.tracks_shown,
            "artists": [{"name": each.name, "share": each.share} for each in found.artists],
            "events": dict(found.events),
            "models": [
                {
                    "model": each.model,
                    "lists": each.lists,
                    "approved": each.approved,
                    "low": each.low,
                    "high": each.high,
                }
                for each in found.models
            ],
        }
    )
