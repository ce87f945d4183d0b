"""Answers of `/api/v1/operator`: the state of the installation over time, and one list."""

from typing import Any, Final, Literal

from pydantic import Field

from quintet_gateway.schemas.catalogue import ModelResponse, ResponseModel, Versions
from quintet_gateway.schemas.experiment import ExperimentFacts
from quintet_gateway.schemas.insights import InsightsResponse
from quintet_gateway.schemas.operations import OperationsResponse
from quintet_gateway.schemas.reasons import Reasons

Missing = Literal["database", "ranker"]
ReasonsFrom = Literal["replay", "other_versions", "no_options", "unavailable"]
OVERVIEW_EXAMPLE: Final = {
    "time": "2030-01-31T12:00:00+00:00",
    "hours": 24,
    "services": {"gateway": "SERVING", "search": "SERVING", "ranker": "UNREACHABLE"},
    "model": None,
    "quality": {},
    "traffic": {
        "seconds": 300,
        "total": {
            "requests": 1204, "client_errors": 3, "server_errors": 0,
            "median_ms": 38.5, "p95_ms": 91.2,
        },
        "intervals": [
            {
                "begin": "2030-01-31T11:55:00+00:00", "requests": 1204, "client_errors": 3,
                "server_errors": 0, "median_ms": 38.5, "p95_ms": 91.2,
            }
        ],
        "routes": [
            {
                "route": "/api/v1/recommendations", "requests": 1204, "client_errors": 3,
                "server_errors": 0, "median_ms": 38.5, "p95_ms": 91.2,
            }
        ],
    },
    "insights": None,
    "trend": {
        "unit": "hour",
        "approval": [
            {
                "begin": "2030-01-31T11:00:00+00:00", "model": "trained-092bff04fcf9",
                "lists": 512, "approved": 102,
            }
        ],
        "feedback": [{"begin": "2030-01-31T11:00:00+00:00", "kind": "like", "count": 140}],
    },
    "experiment": None,
    "operations": {"drift": None, "airflow": "off", "dags": []},
    "events": [
        {
            "time": "2030-01-31T11:20:04.120+00:00", "kind": "service_down",
            "subject": "ranker", "detail": "UNREACHABLE",
        }
    ],
    "unavailable": ["ranker"],
}  # fmt: skip


class TrafficCounts(ResponseModel):
    """Answers, without those to probes and to the operator's page."""

    requests: int
    client_errors: int = Field(description="Answers with a status of 400 to 499")
    server_errors: int = Field(description="Answers with a status of 500 to 599")
    median_ms: float | None = Field(description="Estimated from a histogram; null without answers")
    p95_ms: float | None = Field(description="95th percentile, estimated like the median")


class TrafficInterval(TrafficCounts):
    """Answers of one interval; an interval without answers is left out."""

    begin: str


class TrafficRoute(TrafficCounts):
    """Answers of one route in the whole period."""

    route: str


class TrafficResponse(ResponseModel):
    """Answers of the period, of all gateways that share the database."""

    seconds: int = Field(description="Length of an interval")
    total: TrafficCounts
    intervals: list[TrafficInterval]
    routes: list[TrafficRoute] = Field(description="The busiest first")


class ApprovalFacts(ResponseModel):
    """Approval of one model's lists of one hour or day."""

    begin: str
    model: str
    lists: int
    approved: int = Field(description="Lists of which a track was liked, saved or kept")


class FeedbackCount(ResponseModel):
    """Feedback of one kind in one hour or day."""

    begin: str
    kind: str
    count: int


class TrendResponse(ResponseModel):
    """Approval and feedback by hour, or by day if the period is longer than three days."""

    unit: Literal["hour", "day"]
    approval: list[ApprovalFacts]
    feedback: list[FeedbackCount]


class EventFacts(ResponseModel):
    """Something that happened to the installation."""

    time: str
    kind: str
    subject: str = Field(description="The service, version, model or kind of import")
    detail: str


class OverviewResponse(ResponseModel):
    """State of the installation, now and over the hours before."""

    time: str
    hours: int
    services: dict[str, str]
    model: ModelResponse | None = Field(description="null if the ranker does not answer")
    quality: dict[str, float] = Field(
        description="Metrics of the served model's evaluation, as the registry has them; empty if "
        "it has none"
    )
    traffic: TrafficResponse | None = Field(description="null if the database is unavailable")
    insights: InsightsResponse | None = Field(description="null if the database is unavailable")
    trend: TrendResponse | None = Field(description="null if the database is unavailable")
    experiment: ExperimentFacts | None = Field(description="null without any experiment")
    operations: OperationsResponse
    events: list[EventFacts] = Field(description="The newest first, at most 200")
    unavailable: list[Missing]


class RecordedTrackFacts(ResponseModel):
    """One place of a recorded list."""

    position: int
    track_id: str
    title: str = Field(description="Empty if the track has left the catalogue")
    artists: list[str]
    score: float
    channels: list[str] = Field(description="Channels that retrieved it")
    origin: str = Field(description="champion or challenger, in an interleaved list; else empty")
    features: dict[str, float | None] = Field(description="Values that it was ranked by, if kept")
    reasons: Reasons | None = Field(description="null unless reasons_from is replay")


class RecordedEvent(ResponseModel):
    """Feedback on a recorded list."""

    kind: str
    track_id: str
    position: int | None
    dwell_ms: int | None
    occurred_at: str
    received_at: str


class RecordedListResponse(ResponseModel):
    """A recorded list with everything that made it, but for who it was for."""

    recommendation_id: str
    shown_at: str
    surface: str = Field(description="The path that answered")
    has_listener: bool = Field(description="Whether it was made for a listener, who is not named")
    seeds: list[dict[str, Any]]
    options: dict[str, Any] = Field(
        description="The other options of the request; memory counts what came from the "
        "listener's memory, which is not kept with the list"
    )
    pool: dict[str, int] = Field(description="Tracks at each stage; candidates were ranked")
    versions: Versions
    experiment_id: str
    arm: str
    tracks: list[RecordedTrackFacts]
    feedback: list[RecordedEvent]
    reasons_from: ReasonsFrom = Field(
        description="replay: the same request was ranked again by the same versions; "
        "other_versions: another model or catalogue is served now; no_options: the list is of a "
        "release that did not keep options; unavailable: the ranker does not answer"
    )
