"""Reports for operators: the installation over time, and one list with everything that made it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import orjson
from google.protobuf.json_format import ParseError
from quintet.ranker.v1 import ranker_pb2
from quintet_servicekit.errors import AppError, DeadlineExceeded, NotReady
from quintet_store import StoreUnavailable
from quintet_store.insights import Insights, Trend, insights_since, trend_since
from quintet_store.operation_history import (
    Happening,
    Traffic,
    TrafficHistory,
    events_since,
    traffic_since,
)
from quintet_store.recorded_list import RecordedList
from quintet_store.reopening import Database
from sqlalchemy import Connection

from quintet_gateway.experiments import Experiments
from quintet_gateway.feedback import Recorder
from quintet_gateway.feedback.impressions import request_of
from quintet_gateway.schemas.catalogue import model_json, versions_json
from quintet_gateway.schemas.experiment import experiment_json
from quintet_gateway.schemas.insights import insights_json
from quintet_gateway.schemas.operations import OperationsResponse

PREFIX: Final = "/api/v1/operator"
UNWATCHED: Final = frozenset(
    {"/healthz", "/readyz", "/metrics", f"{PREFIX}/overview", f"{PREFIX}/models"}
)
"""Routes that probes, Prometheus and the operator's page call: no listener waits for them."""
# Many open pages read the database once in this time.
_FRESH_SECONDS: Final = 10.0
# Periods that are kept at once; pages offer four.
_MOST_KEPT: Final = 8
_HOURLY_HOURS: Final = 72
_LIST_FIELDS: Final = ("recommendation_id", "shown_at", "surface", "seeds", "options", "pool")


class Ranker(Protocol):
    """What reports need of the services."""

    async def states(self) -> dict[str, str]:
        """Read each service's state by name."""

    async def model(self) -> ranker_pb2.GetModelResponse:
        """Read which model the ranker serves."""

    async def models(self) -> ranker_pb2.ListModelsResponse:
        """List the models of the registry."""

    async def recommend(
        self, request: ranker_pb2.RecommendTracksRequest
    ) -> ranker_pb2.RecommendTracksResponse:
        """Recommend tracks."""


class StateOfOperation(Protocol):
    """Drift and DAGs."""

    async def overview(self) -> OperationsResponse:
        """Collect the state of operation."""


@dataclass(frozen=True)
class _Stored:
    """What the database has of a period."""

    traffic: TrafficHistory
    insights: Insights
    trend: Trend
    events: list[Happening]


class Reports:
    """Compose reports; a part that is unavailable is left out and named.

    Args:
        database: The gateway's database.
        ranker: The services.
        recorder: Reads recorded lists.
        experiments: Reads the running experiment.
        operations: Reads drift and DAGs.
        budget: Seconds that the database may take.
    """

    def __init__(
        self,
        database: Database,
        ranker: Ranker,
        recorder: Recorder,
        experiments: Experiments,
        operations: StateOfOperation,
        budget: float,
    ) -> None:
        self._database = database
        self._ranker = ranker
        self._recorder = recorder
        self._experiments = experiments
        self._operations = operations
        self._budget = budget
        self._kept: dict[int, tuple[float, _Stored]] = {}
        self._reading = asyncio.Lock()

    async def overview(self, hours: int) -> dict[str, Any]:
        """Report the state now, and what happened in the hours before.

        Args:
            hours: Length of the period, 1 to 744.
        """
        now = datetime.now(UTC)
        since = now - timedelta(hours=hours)
        states, (model, quality), stored, experiment, operations = await asyncio.gather(
            self._ranker.states(),
            self._model(),
            self._stored(hours, since),
            self._experiment(),
            self._operations.overview(),
        )
        missing = {"database": stored is None, "ranker": model is None}
        return {
            "time": now.isoformat(timespec="seconds"),
            "hours": hours,
            # The gateway answers, so it serves.
            "services": {"gateway": "SERVING", **states},
            "model": model,
            "quality": quality,
            "traffic": None if stored is None else _traffic_json(stored.traffic),
            "insights": None if stored is None else insights_json(since, stored.insights),
            "trend": None if stored is None else _trend_json(stored.trend),
            "experiment": experiment,
            "operations": operations.model_dump(mode="json"),
            "events": [] if stored is None else [_event_json(each) for each in stored.events],
            "unavailable": [name for name, is_missing in missing.items() if is_missing],
        }

    async def recorded_list(self, recommendation_id: str) -> dict[str, Any]:
        """Report a list, with reasons if the same versions still serve.

        Raises:
            NotFound: No list of this id is stored.
            NotReady: The database is down.
            DeadlineExceeded: The budget ran out.
        """
        found = await self._recorder.recorded_list(recommendation_id)
        source, reasons = await self._reasons(found)
        facts = found.facts
        return {
            **{name: facts[name] for name in _LIST_FIELDS},
            "has_listener": found.has_listener,
            "versions": _versions(facts),
            "experiment_id": facts["experiment_id"],
            "arm": facts["arm"],
            "tracks": [
                {
                    "position": track.position,
                    "track_id": track.track_id,
                    "title": track.title,
                    "artists": list(track.artists),
                    "score": track.score,
                    "channels": list(track.channels),
                    "origin": track.origin,
                    "features": dict(track.features),
                    "reasons": reasons.get(track.track_id),
                }
                for track in found.tracks
            ],
            "feedback": [dict(event) for event in found.events],
            "reasons_from": source,
        }

    async def _reasons(self, found: RecordedList) -> tuple[str, Mapping[str, Any]]:
        """Rank a list's request again for its reasons: kept, they would take ten times its room."""
        if not found.facts["options"]:
            return "no_options", {}
        try:
            served = await self._ranker.model()
            if versions_json(served.versions) != _versions(found.facts):
                return "other_versions", {}
            request = request_of(found.facts["options"], found.facts["seeds"])
            answer = await self._ranker.recommend(request)
        except (AppError, ParseError):
            return "unavailable", {}
        if versions_json(answer.versions) != _versions(found.facts):
            return "other_versions", {}
        written = {track.track_id: track.reasons_json for track in answer.tracks}
        return "replay", {name: orjson.loads(text) for name, text in written.items() if text}

    async def _model(self) -> tuple[dict[str, Any] | None, dict[str, float]]:
        """Read the served model, and the metrics that the registry has of it."""
        try:
            served = await self._ranker.model()
        except AppError:
            return None, {}
        return model_json(served), await self._quality(served.versions.model_version)

    async def _quality(self, version: str) -> dict[str, float]:
        try:
            registered = (await self._ranker.models()).models
        except AppError:
            return {}
        own = next((each for each in registered if each.model_version == version), None)
        return {} if own is None else dict(own.metrics)

    async def _experiment(self) -> dict[str, Any] | None:
        try:
            return experiment_json(await self._experiments.overview())
        except (NotReady, DeadlineExceeded):
            return None

    async def _stored(self, hours: int, since: datetime) -> _Stored | None:
        """Read the database, or what was read a moment ago; None if it is unavailable."""
        try:
            async with asyncio.timeout(self._budget), self._reading:
                at, kept = self._kept.get(hours, (0.0, None))
                if kept is not None and time.monotonic() - at < _FRESH_SECONDS:
                    return kept
                read = await asyncio.to_thread(self._read, hours, since)
        except StoreUnavailable as fault:
            self._database.failed(fault)
            return None
        except TimeoutError:
            return None
        self._kept[hours] = (time.monotonic(), read)
        if len(self._kept) > _MOST_KEPT:
            del self._kept[min(self._kept, key=lambda each: self._kept[each][0])]
        return read

    def _read(self, hours: int, since: datetime) -> _Stored:
        with self._database.reading() as connection:
            return _stored_since(connection, hours, since)


def _stored_since(connection: Connection, hours: int, since: datetime) -> _Stored:
    return _Stored(
        traffic_since(connection, since, UNWATCHED),
        insights_since(connection, since),
        trend_since(connection, since, "hour" if hours <= _HOURLY_HOURS else "day"),
        events_since(connection, since),
    )


def _versions(facts: Mapping[str, Any]) -> dict[str, str]:
    return {name: facts[f"{name}_version"] for name in ("model", "index", "catalogue")}


def _traffic_json(found: TrafficHistory) -> dict[str, Any]:
    return {
        "seconds": found.seconds,
        "total": _counts(found.total),
        "intervals": [{"begin": _moment(at), **_counts(each)} for at, each in found.intervals],
        "routes": [{"route": name, **_counts(each)} for name, each in found.routes],
    }


def _counts(traffic: Traffic) -> dict[str, Any]:
    return {
        "requests": traffic.requests,
        "client_errors": traffic.client_errors,
        "server_errors": traffic.server_errors,
        "median_ms": _milliseconds(traffic.quantile(0.5)),
        "p95_ms": _milliseconds(traffic.quantile(0.95)),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 2)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _trend_json(found: Trend) -> dict[str, Any]:
    return {
        "unit": found.unit,
        "approval": [
            {
                "begin": each.begin,
                "model": each.model,
                "lists": each.lists,
                "approved": each.approved,
            }
            for each in found.approval
        ],
        "feedback": [
            {"begin": begin, "kind": kind, "count": count} for begin, kind, count in found.events
        ],
    }


def _event_json(event: Happening) -> dict[str, str]:
    return {
        "time": event.at,
        "kind": event.kind,
        "subject": event.subject,
        "detail": event.detail,
    }
