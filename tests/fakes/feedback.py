"""A gateway that records feedback, over a made-up ranker and search, and events to send to it."""

import asyncio
import contextlib
import struct
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import orjson
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from quintet.feedback.v1 import feedback_pb2, feedback_pb2_grpc
from quintet.memory.v1 import memory_pb2
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_access.pseudonyms import Pseudonyms
from quintet_command.ports import free_ports
from quintet_contract.attributes import ATTRIBUTES
from quintet_gateway.app import build
from quintet_gateway.domain import ShownTracks
from quintet_gateway.schemas.catalogue import track_json
from quintet_gateway.schemas.errors import ErrorResponse
from quintet_gateway.settings import GatewaySettings
from quintet_store import database, open_engine, reading, writing
from quintet_store.catalogue import begin_import, upsert_tracks
from quintet_store.tables import (
    FeedbackEvent,
    Impression,
    Recommendation,
    table_of,
)
from sqlalchemy import select

from tests.fakes.programs import start_service

FEEDBACK = "/api/v1/feedback"
LISTS, SHOWN, EVENTS = (table_of(t) for t in (Recommendation, Impression, FeedbackEvent))
NAMES = ("profile_cosine", "popularity")
STORED = {"accepted": 1, "duplicates": 0, "degraded": []}
SPOOLED = {"accepted": 1, "duplicates": 0, "degraded": ["database"]}


class Upstream:
    """A ranker that gives t1, t2, … and a search that knows them."""

    def __init__(self) -> None:
        self.features = True

    async def build_profile(self, request: Any) -> Any:
        return profile_pb2.BuildProfileResponse()

    async def recommend(self, request: Any) -> Any:
        assert request.include_features
        tracks = [
            ranker_pb2.RankedTrack(
                track_id=f"t{n}",
                rank=n,
                score=-n,
                channels=["audio", "artist"],
                features=struct.pack("<2f", n, 0.5) if self.features else b"",
            )
            for n in range(1, request.limit + 1)
        ]
        return ranker_pb2.RecommendTracksResponse(
            tracks=tracks,
            versions=ranker_pb2.Versions(model_version="m1", catalogue_version="c1"),
            pool=ranker_pb2.PoolSizes(after_filtering=request.limit),
            feature_names=NAMES if self.features else (),
        )

    async def tracks(self, request: Any) -> Any:
        results = [
            search_pb2.TrackResult(track_id=i, track=search_pb2.Track(id=i, title=i))
            for i in request.track_ids
        ]
        return search_pb2.BatchGetTracksResponse(results=results)

    async def start(self) -> None:
        pass

    async def shown_tracks(self, ids: Any) -> ShownTracks:
        tracks = [search_pb2.Track(id=i, title=i) for i in ids]
        return ShownTracks("cat-1", {each.id: orjson.dumps(track_json(each)) for each in tracks})

    async def exclusions(self, request: Any) -> Any:
        return memory_pb2.GetExclusionsResponse()

    async def preferences(self, request: Any) -> Any:
        return memory_pb2.GetPreferencesResponse()

    async def close(self) -> None:
        pass


@dataclass
class Running:
    client: httpx.AsyncClient
    stub: Any
    app: Any
    upstream: Any
    url: str
    home: Path

    async def recommend(self, header: str = "", limit: int = 3, **body: Any) -> str:
        headers = {"Quintet-Listener": header} if header else {}
        asked = {"seeds": ["s1"], "limit": limit, **body}
        response = await self.client.post("/api/v1/recommendations", json=asked, headers=headers)
        assert response.status_code == 200, response.text
        assert response.headers["quintet-recommendation-id"] == response.json()["recommendation_id"]
        return str(response.json()["recommendation_id"])

    async def send(self, *events: dict[str, Any]) -> httpx.Response:
        body = events[0] if len(events) == 1 else {"events": list(events)}
        return await self.client.post(FEEDBACK, json=body)

    def rows(self, table: Any) -> list[dict[str, Any]]:
        engine = open_engine(self.url)
        try:
            with reading(engine) as connection:
                order = list(table.primary_key.columns)
                return [
                    dict(r) for r in connection.execute(select(table).order_by(*order)).mappings()
                ]
        finally:
            engine.dispose()


@contextlib.asynccontextmanager
async def patient_databases() -> AsyncIterator[None]:
    """Wait long for another writer, which may hold a file of SQLite for seconds if all is busy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "SERVING_BUSY_SECONDS", 10)
        yield


@contextlib.asynccontextmanager
async def running(
    home: Path, url: str, upstream: Any = None, **settings: Any
) -> AsyncIterator[Running]:
    upstream = upstream or Upstream()
    # A database that is slow because the machine is busy is no reason to spool here.
    patient = {"store_patience_seconds": 10, "budget_seconds": 20, **settings}
    made = GatewaySettings(home=home, database_url=url, grpc_port=0, **patient)
    app = build(made, upstream)
    async with patient_databases(), app.router.lifespan_context(app):
        await app.state.rpc.start()
        await asyncio.wait_for(app.state.rpc.ready.wait(), 90)
        address = f"127.0.0.1:{app.state.rpc.port}"
        async with (
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://localhost"
            ) as client,
            grpc.aio.insecure_channel(address) as channel,
        ):
            stub = feedback_pb2_grpc.FeedbackServiceStub(channel)
            yield Running(client, stub, app, upstream, url, home)


def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'quintet.db'}"


def event(recommendation: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    made = {
        "event_id": f"e{number}",
        "recommendation_id": recommendation,
        "track_id": "t1",
        "kind": "like",
        "position": 1,
    }
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def detail_of(response: httpx.Response) -> tuple[int, str, str]:
    error = ErrorResponse.model_validate(response.json()).error
    (detail,) = error.details
    return response.status_code, detail.reason, detail.metadata.get("field", "")


def add_track(url: str, track_id: str) -> None:
    engine = open_engine(url)
    with writing(engine) as connection:
        facts = dict.fromkeys(
            ("kind", "fingerprint", "file_name", "sha256", "source", "licence", "imported_at"), "x"
        )
        texts = ("title", "album", "release_date", "isrc", "cover_url", "preview_url")
        row = {
            **dict.fromkeys((*texts, "provenance", "licence", "imported_at"), ""),
            **dict.fromkeys(ATTRIBUTES, 0.0),
            "track_id": track_id,
            "artists": ["A"],
            "explicit": False,
            "import_id": begin_import(connection, facts),
        }
        upsert_tracks(connection, [row])
    engine.dispose()


def message(given_id: str, number: int = 1, **changes: Any) -> feedback_pb2.Event:
    made = {
        "event_id": f"e{number}",
        "recommendation_id": given_id,
        "track_id": "t1",
        "kind": feedback_pb2.EVENT_KIND_SAVE,
    }
    return feedback_pb2.Event(**{**made, **changes})


async def refusal(call: Any) -> tuple[str, str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    assert status.details[0].Unpack(info)
    return caught.value.code().name, info.reason, info.metadata.get("field", "")


def names_of(gateway: Running) -> Pseudonyms:
    return Pseudonyms.of(gateway.home / "access")


def start(home: Path, url: str) -> tuple[subprocess.Popen[str], str]:
    """Starts the gateway as a process of its own; returns it with its address."""
    (port,) = free_ports(1)
    variables = {
        "QUINTET_DATABASE_URL": url,
        "QUINTET_GATEWAY_PORT": str(port),
        "QUINTET_GATEWAY_BUDGET_SECONDS": "30",
    }
    process = start_service("gateway", home, variables)
    assert process.stderr is not None
    while "startup complete" not in (line := process.stderr.readline()):
        assert line, "the gateway ended before it served"
    return process, f"http://127.0.0.1:{port}{FEEDBACK}"
