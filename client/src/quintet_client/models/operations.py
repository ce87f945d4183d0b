"""What an operator sees: traffic, trends, events and one recorded list."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from quintet_client.models.answers import Answer
from quintet_client.models.insights import Experiment, Insights, Moved
from quintet_client.models.lists import Model, Reasons, Versions


class Drift(Answer):
    """The last result of `quintet drift`."""

    time: datetime
    model: str
    baseline: int  # tracks of the reference lists
    recent: int  # tracks recommended lately
    enough: bool  # whether recent suffices to judge
    drifted: tuple[str, ...]
    quantities: Mapping[str, Moved]
    features: Mapping[str, Moved]


class DagRun(Answer):
    """A run of a DAG; start is None while it waits, end while it runs."""

    run_id: str
    state: str
    start: datetime | None
    end: datetime | None
    link: str


class DagRuns(Answer):
    """A DAG and its last runs, the newest first."""

    dag_id: str
    runs: tuple[DagRun, ...]


class Operations(Answer):
    """The last drift report and the last runs of DAGs."""

    drift: Drift | None
    airflow: Literal["on", "off", "away", "refused"]
    dags: tuple[DagRuns, ...]


class TrafficCounts(Answer):
    """Answers of the gateway, without those to probes and to the operator's page."""

    requests: int
    client_errors: int  # status 400 to 499
    server_errors: int  # status 500 to 599
    median_ms: float | None  # estimated from a histogram; None without answers
    p95_ms: float | None


class TrafficInterval(TrafficCounts):
    """Answers of one interval."""

    begin: datetime


class TrafficRoute(TrafficCounts):
    """Answers of one route in the whole period."""

    route: str


class Traffic(Answer):
    """Answers of a period; intervals without answers are left out, the busiest route is first."""

    seconds: int  # length of an interval
    total: TrafficCounts
    intervals: tuple[TrafficInterval, ...]
    routes: tuple[TrafficRoute, ...]


class ApprovalCount(Answer):
    """Approval of one model's lists of one hour or day."""

    begin: datetime
    model: str
    lists: int
    approved: int  # lists with a like, a save or a playlist_add


class FeedbackCount(Answer):
    """Feedback of one kind in one hour or day."""

    begin: datetime
    kind: str
    count: int


class Trend(Answer):
    """Approval by model, and feedback by kind, over time."""

    unit: Literal["hour", "day"]
    approval: tuple[ApprovalCount, ...]
    feedback: tuple[FeedbackCount, ...]


class OperationEvent(Answer):
    """Something that happened to the installation, such as a restart or a promotion."""

    time: datetime
    kind: str
    subject: str  # the service, version, model or kind of import
    detail: str


class OperatorOverview(Answer):
    """The installation now and over some hours; a part is None while it is unavailable."""

    time: datetime
    hours: int
    services: Mapping[str, str]
    model: Model | None
    quality: Mapping[str, float]  # of its evaluation, as the registry has it
    traffic: Traffic | None
    insights: Insights | None
    trend: Trend | None
    experiment: Experiment | None  # None also without any
    operations: Operations
    events: tuple[OperationEvent, ...]  # the newest first
    unavailable: tuple[str, ...]  # database, ranker


class RecordedTrack(Answer):
    """One place of a recorded list."""

    position: int  # from 1
    track_id: str
    title: str  # empty if the track has left the catalogue
    artists: tuple[str, ...]
    score: float
    channels: tuple[str, ...]
    origin: str  # champion or challenger, in an interleaved list
    features: Mapping[str, float | None]
    reasons: Reasons | None


class RecordedEvent(Answer):
    """Feedback on a recorded list."""

    kind: str
    track_id: str
    position: int | None
    dwell_ms: int | None
    occurred_at: datetime
    received_at: datetime


class RecordedList(Answer):
    """A recorded list with everything that made it, but for who it was for."""

    recommendation_id: str
    shown_at: datetime
    surface: str  # the path that answered
    has_listener: bool
    seeds: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any]
    pool: Mapping[str, int]
    versions: Versions
    experiment_id: str
    arm: str
    tracks: tuple[RecordedTrack, ...]
    feedback: tuple[RecordedEvent, ...]
    reasons_from: Literal["replay", "other_versions", "no_options", "unavailable"]


class Readiness(Answer):
    """Whether all services are SERVING; which are not, and how they are."""

    ready: bool
    services: Mapping[str, str]
    not_ready: tuple[str, ...]
