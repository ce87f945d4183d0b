"""Answer of `GET /api/v1/insights`."""

from datetime import datetime
from typing import Any

from pydantic import Field
from quintet_store.insights import Insights

from quintet_gateway.schemas.catalogue import ResponseModel


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


def insights_json(since: datetime, found: Insights) -> dict[str, Any]:
    """Write a summary as JSON."""
    return {
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
