"""Feedback through the gateway: HTTP and gRPC, SQLite and PostgreSQL, killed and restarted."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest
import structlog
from google.protobuf import timestamp_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from quintet.feedback.v1 import feedback_pb2, feedback_pb2_grpc
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.pseudonyms import Pseudonyms
from quintet_access.tokens import Scope, TokenIssuer
from quintet_contract.attributes import ATTRIBUTES
from quintet_gateway.app import build
from quintet_gateway.schemas.errors import ErrorResponse
from quintet_gateway.settings import Settings
from quintet_store import StoreUnavailable, open_engine, reading, writing
from quintet_store.catalogue import begin_import, upsert_tracks
from quintet_store.feedback import feature_sets, prune_before, stamp
from quintet_store.tables import (
    FeedbackEvent,
    Impression,
    Recommendation,
    table_of,
)
from sqlalchemy import select, update

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
        reasons = ranker_pb2.Reasons(
            contributions=[ranker_pb2.FeatureContribution(feature="popularity", value=7)]
        )
        tracks = [
            ranker_pb2.RankedTrack(
                track_id=f"t{n}",
                rank=n,
                score=-n,
                channels=["audio", "artist"],
                features=struct.pack("<2f", n, 0.5) if self.features else b"",
                reasons=None if request.omit_reasons else reasons,
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

    async def tracks_by_id(self, ids: Any) -> Any:
        return {i: search_pb2.Track(id=i, title=i) for i in ids}

    async def close(self) -> None:
        pass


@dataclass
class Running:
    client: httpx.AsyncClient
    stub: Any
    app: Any
    upstream: Upstream
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
async def running(home: Path, url: str, **settings: Any) -> AsyncIterator[Running]:
    upstream = Upstream()
    # A database that is slow because the machine is busy is no reason to spool here.
    patient = {"store_patience_seconds": 10, "budget_seconds": 20, **settings}
    made = Settings(home=home, database_url=url, grpc_port=0, **patient)
    app = build(made, upstream)  # type: ignore[arg-type]
    async with app.router.lifespan_context(app):
        await app.state.rpc.start()
        await asyncio.wait_for(app.state.rpc.ready.wait(), 10)
        address = f"127.0.0.1:{app.state.rpc.port}"
        async with (
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://quintet"
            ) as client,
            grpc.aio.insecure_channel(address) as channel,
        ):
            stub = feedback_pb2_grpc.FeedbackServiceStub(channel)
            yield Running(client, stub, app, upstream, url, home)


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Running]:
    async with running(tmp_path / "home", database_url) as started:
        yield started


def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'quintet.db'}"


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "home", sqlite_url(tmp_path)) as started:
        yield started


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


async def test_an_event_is_stored_whole_and_names_nobody(gateway):
    given_id = await gateway.recommend("ann")
    moment = "2026-01-31T12:00:00+01:00"
    sent = event(given_id, listener="bob", dwell_ms=1234, occurred_at=moment, kind="play")
    response = await gateway.send(sent)
    assert (response.status_code, response.json()) == (200, STORED)
    (row,) = gateway.rows(EVENTS)
    assert {n: row[n] for n in ("event_id", "recommendation_id", "track_id", "kind", "position",
                                "dwell_ms", "client")} == {
        "event_id": "e1", "recommendation_id": given_id, "track_id": "t1", "kind": "play",
        "position": 1, "dwell_ms": 1234, "client": "anyone",
    }  # fmt: skip
    assert row["occurred_at"] == "2026-01-31T11:00:00.000+00:00"
    names = Pseudonyms.of(gateway.home / "access")
    assert row["listener"] == names.listener("bob")
    (shown,) = gateway.rows(LISTS)
    assert shown["listener"] == names.listener("ann")
    assert os.stat(gateway.home / "access" / "listeners.json").st_mode & 0o777 == 0o600


async def test_what_was_shown_is_there_as_soon_as_feedback_on_it_is(gateway):
    given_id = await gateway.recommend(seeds=["s1", {"genre": "rock", "weight": 2}])
    await gateway.send(event(given_id))
    (shown,) = gateway.rows(LISTS)
    assert (shown["model_version"], shown["catalogue_version"]) == ("m1", "c1")
    assert shown["surface"] == "/api/v1/recommendations"
    assert shown["seeds"] == [{"track_id": "s1", "weight": 1.0}, {"genre": "rock", "weight": 2.0}]
    rows = gateway.rows(SHOWN)
    assert [(r["position"], r["track_id"], r["score"], r["channels"]) for r in rows] == [
        (n, f"t{n}", -n, "audio,artist") for n in (1, 2, 3)
    ]
    assert struct.unpack("<2f", rows[1]["features"]) == (2.0, 0.5)
    engine = open_engine(gateway.url)
    with reading(engine) as connection:
        assert feature_sets(connection) == {shown["feature_hash"]: list(NAMES)}
    engine.dispose()


async def test_feature_values_of_the_reasons_are_kept_where_the_ranker_tells_no_others(on_sqlite):
    on_sqlite.upstream.features = False
    await on_sqlite.send(event(await on_sqlite.recommend(limit=1)))
    (row,) = on_sqlite.rows(SHOWN)
    assert struct.unpack("<1f", row["features"]) == (7.0,)


async def test_an_event_without_a_listener_is_of_the_one_the_list_was_for(on_sqlite):
    await on_sqlite.send(event(await on_sqlite.recommend("ann")))
    (row,) = on_sqlite.rows(EVENTS)
    assert row["listener"] == Pseudonyms.of(on_sqlite.home / "access").listener("ann")


async def test_the_body_names_the_listener_before_the_header(on_sqlite):
    await on_sqlite.send(event(await on_sqlite.recommend("ann", listener="bob")))
    (row,) = on_sqlite.rows(LISTS)
    assert row["listener"] == Pseudonyms.of(on_sqlite.home / "access").listener("bob")


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/recommendations?seed_tracks=s1&limit=2", None), ("/recommend_ranked", {"limit": 2})],
)
async def test_every_surface_gives_an_id_and_records_its_list(on_sqlite, path, body):
    headers = {"Quintet-Listener": "ann"}
    if body is None:
        response = await on_sqlite.client.get(path, headers=headers)
    else:
        response = await on_sqlite.client.post(
            path, json={"track_ids": ["s1"], **body}, headers=headers
        )
    given_id = response.headers["quintet-recommendation-id"]
    assert (await on_sqlite.send(event(given_id, track_id="t2"))).status_code == 200
    (row,) = on_sqlite.rows(LISTS)
    assert (row["recommendation_id"], row["surface"]) == (given_id, path.partition("?")[0])
    assert row["listener"]


async def test_a_batch_is_stored_whole_and_counts_what_came_twice(gateway):
    given_id = await gateway.recommend(limit=500)
    batch = [event(given_id, n, track_id=f"t{n}", position=n) for n in range(1, 500)]
    first = await gateway.send(*batch, batch[0])
    assert first.json() == {"accepted": 499, "duplicates": 1, "degraded": []}
    assert (await gateway.send(*batch)).json() == {"accepted": 0, "duplicates": 499, "degraded": []}
    assert len(gateway.rows(EVENTS)) == 499


async def test_the_first_of_two_events_with_one_id_is_kept(on_sqlite):
    given_id = await on_sqlite.recommend()
    await on_sqlite.send(event(given_id, 1, kind="like"), event(given_id, 1, kind="skip"))
    await on_sqlite.send(event(given_id, 1, kind="dislike"))
    assert [row["kind"] for row in on_sqlite.rows(EVENTS)] == ["like"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"recommendation_id": "0" * 40}, (404, "RECOMMENDATION_UNKNOWN", "recommendation_id")),
        ({"recommendation_id": "nope"}, (404, "RECOMMENDATION_UNKNOWN", "recommendation_id")),
        ({"track_id": "nope"}, (404, "TRACK_UNKNOWN", "track_id")),
        ({"track_id": "\0"}, (400, "EVENT_RANGE", "track_id")),
        ({"track_id": "\ud800"}, (400, "REQUEST_MALFORMED", "track_id")),
        ({"event_id": ""}, (400, "EVENT_RANGE", "event_id")),
        ({"event_id": "a" * 65}, (400, "EVENT_RANGE", "event_id")),
        ({"event_id": "a b"}, (400, "EVENT_RANGE", "event_id")),
        ({"event_id": None}, (400, "REQUEST_MALFORMED", "event_id")),
        ({"kind": "love"}, (400, "REQUEST_MALFORMED", "kind")),
        ({"position": 0}, (400, "EVENT_RANGE", "position")),
        ({"position": 501}, (400, "EVENT_RANGE", "position")),
        ({"position": 1.5}, (400, "REQUEST_MALFORMED", "position")),
        ({"position": 10**30}, (400, "EVENT_RANGE", "position")),
        ({"dwell_ms": -1}, (400, "EVENT_RANGE", "dwell_ms")),
        ({"listener": "a b"}, (400, "LISTENER_INVALID", "listener")),
        ({"occurred_at": "yesterday"}, (400, "EVENT_RANGE", "occurred_at")),
        ({"occurred_at": "2026-01-31T12:00:00"}, (400, "EVENT_RANGE", "occurred_at")),
        ({"occurred_at": "9999-12-31T23:59:59-12:00"}, (400, "EVENT_RANGE", "occurred_at")),
        ({"occurred_at": "0001-01-01T00:00:00+12:00"}, (400, "EVENT_RANGE", "occurred_at")),
        ({"mood": "good"}, (400, "REQUEST_MALFORMED", "mood")),
    ],
)
async def test_what_is_unknown_or_out_of_range_is_refused_by_name(on_sqlite, changes, expected):
    given_id = await on_sqlite.recommend()
    bad = event(given_id, 2, **changes)
    headers = {"content-type": "application/json"}
    one = await on_sqlite.client.post(FEEDBACK, content=json.dumps(bad), headers=headers)
    assert detail_of(one) == expected
    both = json.dumps({"events": [event(given_id, 1), bad]})
    many = await on_sqlite.client.post(FEEDBACK, content=both, headers=headers)
    status, reason, field = expected
    assert detail_of(many) == (status, reason, f"events[1].{field}")
    assert on_sqlite.rows(EVENTS) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"events": []}, (400, "EVENT_COUNT", "events")),
        ({"events": [{}] * 501}, (400, "EVENT_COUNT", "events")),
        ({"events": {}}, (400, "REQUEST_MALFORMED", "events")),
        ({"events": [], "kind": "like"}, (400, "REQUEST_MALFORMED", "kind")),
        ([], (400, "REQUEST_MALFORMED", "body")),
        (None, (400, "REQUEST_MALFORMED", "body")),
    ],
)
async def test_bodies_that_are_no_events_are_refused(on_sqlite, body, expected):
    assert detail_of(await on_sqlite.client.post(FEEDBACK, json=body)) == expected


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


async def test_a_track_of_the_catalogue_counts_where_it_was_not_shown(gateway):
    add_track(gateway.url, "other")
    given_id = await gateway.recommend()
    response = await gateway.send(event(given_id, track_id="other", position=None))
    assert response.status_code == 200


async def test_feedback_is_taken_after_a_restart_and_where_the_list_was_lost(tmp_path):
    home, url = tmp_path / "home", sqlite_url(tmp_path)
    async with running(home, url) as first:
        kept = await first.recommend()
        # Given out, and gone with the process before it was written.
        lost = first.app.state.recorder.new_id()
    add_track(url, "other")
    async with running(home, url) as second:
        both = await second.send(event(kept, 1), event(kept, 2, track_id="t3"))
        assert both.json()["accepted"] == 2
        alone = await second.send(event(lost, 3, track_id="other"))
        assert alone.json()["accepted"] == 1
        assert [row["recommendation_id"] for row in second.rows(LISTS)] == [kept]


async def test_another_installation_on_the_same_database_knows_what_was_recorded(tmp_path):
    url = sqlite_url(tmp_path)
    async with running(tmp_path / "one", url) as first:
        given_id = await first.recommend()
    async with running(tmp_path / "two", url) as second:
        assert (await second.send(event(given_id))).status_code == 200


# gRPC


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


async def test_grpc_records_exports_and_deletes(gateway):
    given_id = await gateway.recommend("ann")
    sent = feedback_pb2.RecordEventsRequest(
        events=[message(given_id, 1, position=2, dwell_ms=5), message(given_id, 2, listener="ann")]
    )
    first = await gateway.stub.RecordEvents(sent, timeout=5)
    again = await gateway.stub.RecordEvents(sent, timeout=5)
    assert (first.accepted, first.duplicates) == (2, 0)
    assert (again.accepted, again.duplicates) == (0, 2)

    records, token = [], ""
    for _ in range(10):
        page = await gateway.stub.ExportListener(
            feedback_pb2.ExportListenerRequest(listener="ann", page_size=2, page_token=token),
            timeout=5,
        )
        assert len(page.records) <= 2
        records += page.records
        token = page.next_page_token
        if not token:
            break
    assert [record.WhichOneof("record") for record in records] == [
        "list", *["track"] * 3, *["event"] * 2,
    ]  # fmt: skip
    assert json.loads(records[0].list.seeds[0]) == {"track_id": "s1", "weight": 1.0}
    assert list(records[1].track.features) == [1.0, 0.5]
    assert (records[4].event.kind, records[4].event.position) == (feedback_pb2.EVENT_KIND_SAVE, 2)

    request = feedback_pb2.DeleteListenerRequest(listener="ann")
    deleted = await gateway.stub.DeleteListener(request, timeout=5)
    assert (deleted.deleted_events, deleted.unlinked_recommendations) == (2, 1)
    assert gateway.rows(EVENTS) == []
    empty = feedback_pb2.ExportListenerRequest(listener="ann")
    assert not (await gateway.stub.ExportListener(empty, timeout=5)).records


async def test_grpc_refuses_by_the_same_names_as_http(on_sqlite):
    given_id, stub = await on_sqlite.recommend(), on_sqlite.stub
    cases: list[tuple[dict[str, Any], tuple[str, str, str]]] = [
        ({"kind": 0}, ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].kind")),
        ({"kind": 99}, ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].kind")),
        (
            {"occur_time": timestamp_pb2.Timestamp(seconds=2**62)},
            ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].occur_time"),
        ),
        (
            {"occur_time": timestamp_pb2.Timestamp(seconds=1)},
            ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].occur_time"),
        ),
        ({"position": 0}, ("INVALID_ARGUMENT", "EVENT_RANGE", "events[0].position")),
        ({"track_id": "nope"}, ("NOT_FOUND", "TRACK_UNKNOWN", "events[0].track_id")),
        (
            {"recommendation_id": "nope"},
            ("NOT_FOUND", "RECOMMENDATION_UNKNOWN", "events[0].recommendation_id"),
        ),
    ]
    for changes, expected in cases:
        request = feedback_pb2.RecordEventsRequest(events=[message(given_id, **changes)])
        assert await refusal(stub.RecordEvents(request, timeout=5)) == expected
    none = feedback_pb2.RecordEventsRequest()
    expected = ("INVALID_ARGUMENT", "EVENT_COUNT", "events")
    assert await refusal(stub.RecordEvents(none, timeout=5)) == expected


@pytest.mark.parametrize("token", ["x", "WzksImEiXQ==", "WzEsImEiXQ==", "Wy0xLDFd", "é", "WzA="])
async def test_a_page_token_that_was_not_given_out_is_refused(on_sqlite, token):
    request = feedback_pb2.ExportListenerRequest(listener="ann", page_token=token)
    answer = await refusal(on_sqlite.stub.ExportListener(request, timeout=5))
    assert answer == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token")


# Privacy


async def test_export_gives_all_and_deletion_leaves_no_link(gateway):
    mine, other = await gateway.recommend("ann"), await gateway.recommend("bob")
    await gateway.send(event(mine, 1), event(other, 2), event(other, 3, listener="ann"))
    await gateway.recommend("ann", limit=2)  # still in the queue
    response = await gateway.client.get("/api/v1/listeners/ann/export")
    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in response.text.splitlines()]
    kinds = [line["record"] for line in lines]
    assert [kinds.count(k) for k in ("recommendation", "impression", "event")] == [2, 5, 2]
    assert not any("listener" in line for line in lines)

    await gateway.recommend("ann", limit=1)  # in the queue when all is deleted
    deleted = (await gateway.client.delete("/api/v1/listeners/ann")).json()
    assert deleted == {
        "deleted_events": 2, "unlinked_recommendations": 3, "deleted_playlists": 0,
    }  # fmt: skip
    assert [row["event_id"] for row in gateway.rows(EVENTS)] == ["e2"]
    hashed = Pseudonyms.of(gateway.home / "access").listener("ann")
    assert hashed not in {row["listener"] for row in gateway.rows(LISTS)}
    assert len(gateway.rows(LISTS)) == 4
    again = (await gateway.client.delete("/api/v1/listeners/ann")).json()
    assert set(again.values()) == {0}
    assert (await gateway.client.get("/api/v1/listeners/ann/export")).text == ""


async def test_a_long_export_goes_through_all_its_pages(on_sqlite):
    given_id = await on_sqlite.recommend("ann", limit=500)
    for start in range(0, 1500, 500):
        batch = [event(given_id, start + n) for n in range(500)]
        assert (await on_sqlite.send(*batch)).json()["accepted"] == 500
    text = (await on_sqlite.client.get("/api/v1/listeners/ann/export")).text
    ids = [line["event_id"] for line in map(json.loads, text.splitlines()) if "event_id" in line]
    assert len(text.splitlines()) == 1 + 500 + 1500
    assert sorted(ids) == sorted(f"e{n}" for n in range(1500))


@pytest.mark.parametrize("name", ["a%20b", "%00", ".hidden", "a" * 129])
async def test_a_listener_that_cannot_be_is_refused(on_sqlite, name):
    for method, path in (("DELETE", ""), ("GET", "/export")):
        response = await on_sqlite.client.request(method, f"/api/v1/listeners/{name}{path}")
        assert detail_of(response) == (400, "LISTENER_INVALID", "id")
    asked = await on_sqlite.client.post(
        "/api/v1/recommendations", json={"seeds": ["s"]}, headers={"Quintet-Listener": "a b"}
    )
    assert detail_of(asked) == (400, "LISTENER_INVALID", "Quintet-Listener")
    body = {"seeds": ["s"], "listener": "a b"}
    in_body = await on_sqlite.client.post("/api/v1/recommendations", json=body)
    assert detail_of(in_body) == (400, "LISTENER_INVALID", "listener")


async def test_no_log_line_names_a_listener(on_sqlite):
    with structlog.testing.capture_logs() as lines:
        given_id = await on_sqlite.recommend("annabel")
        await on_sqlite.send(event(given_id, listener="annabel"))
        await on_sqlite.client.get("/api/v1/listeners/annabel/export")
        await on_sqlite.client.delete("/api/v1/listeners/annabel")
    assert any(line.get("route") == "/api/v1/listeners/{id}" for line in lines)
    assert "annabel" not in repr(lines)


# Retention


async def test_what_is_older_than_the_retention_goes_at_the_start(tmp_path, database_url):
    home = tmp_path / "home"
    async with running(home, database_url) as first:
        old, new = await first.recommend("ann"), await first.recommend("ann")
        await first.send(event(old, 1), event(new, 2))
    engine = open_engine(database_url)
    long_ago = stamp(datetime.now(UTC) - timedelta(days=8))
    with writing(engine) as connection:
        connection.execute(
            update(LISTS).where(LISTS.c.recommendation_id == old).values(shown_at=long_ago)
        )
        connection.execute(
            update(EVENTS).where(EVENTS.c.event_id == "e1").values(received_at=long_ago)
        )
    engine.dispose()
    async with running(home, database_url, feedback_retention_days=7) as second:
        await second.app.state.recorder.prune()
        assert [row["recommendation_id"] for row in second.rows(LISTS)] == [new]
        assert {row["recommendation_id"] for row in second.rows(SHOWN)} == {new}
        assert [row["event_id"] for row in second.rows(EVENTS)] == ["e2"]


async def test_pruning_goes_on_until_nothing_old_is_left(on_sqlite):
    given_id = await on_sqlite.recommend()
    batch = [event(given_id, n) for n in range(25)]
    await on_sqlite.send(*batch)
    engine = open_engine(on_sqlite.url)
    pruned = prune_before(engine, datetime.now(UTC) + timedelta(seconds=1), most=10)
    engine.dispose()
    assert (pruned.events, pruned.recommendations) == (25, 1)
    assert on_sqlite.rows(EVENTS) == on_sqlite.rows(SHOWN) == []


async def test_feedback_on_a_list_older_than_the_retention_is_refused(on_sqlite, monkeypatch):
    now = datetime.now(UTC).timestamp()
    with monkeypatch.context() as patch:
        patch.setattr("quintet_access.pseudonyms.time.time", lambda: now - 401 * 86_400)
        given_id = on_sqlite.app.state.recorder.new_id()
    assert detail_of(await on_sqlite.send(event(given_id)))[1] == "RECOMMENDATION_UNKNOWN"


# Rights


def token_of(home: Path, *scopes: Scope) -> str:
    client, _ = ClientFolder(home / "access").create("-".join(scopes), scopes)
    issuer = TokenIssuer(KeyFolder(home / "access").signing_key)
    return issuer.issue(client.client_id, client.generation, client.scopes)


@pytest.mark.parametrize("scope", list(Scope))
async def test_each_scope_opens_its_own_paths_alone(tmp_path, scope):
    home = tmp_path / "home"
    async with running(home, sqlite_url(tmp_path), auth="on") as gateway:
        headers = {"Authorization": f"Bearer {token_of(home, scope)}"}
        metadata = [("authorization", headers["Authorization"])]
        request = feedback_pb2.RecordEventsRequest(events=[message("x")])
        listener = feedback_pb2.DeleteListenerRequest(listener="ann")
        export = feedback_pb2.ExportListenerRequest(listener="ann")
        wanted = {
            Scope.READ: ("GET", "/api/v1/tracks/t1", None),
            Scope.FEEDBACK: ("POST", FEEDBACK, event("x")),
            Scope.ADMIN: ("DELETE", "/api/v1/listeners/ann", None),
        }
        for needed, (method, path, body) in wanted.items():
            bare = await gateway.client.request(method, path, json=body)
            assert detail_of(bare)[:2] == (401, "TOKEN_INVALID")
            response = await gateway.client.request(method, path, json=body, headers=headers)
            refused = response.status_code == 403 and detail_of(response)[1] == "SCOPE_MISSING"
            assert refused == (needed is not scope)
        calls: dict[Scope, list[tuple[Any, Any]]] = {
            Scope.FEEDBACK: [(gateway.stub.RecordEvents, request)],
            Scope.ADMIN: [
                (gateway.stub.DeleteListener, listener),
                (gateway.stub.ExportListener, export),
            ],
        }
        for needed, pairs in calls.items():
            for call, asked in pairs:
                assert (await refusal(call(asked, timeout=5)))[0] == "UNAUTHENTICATED"
                if needed is not scope:
                    code, reason, _ = await refusal(call(asked, timeout=5, metadata=metadata))
                    assert (code, reason) == ("PERMISSION_DENIED", "SCOPE_MISSING")
        if scope is Scope.ADMIN:
            answer = await gateway.stub.DeleteListener(listener, timeout=5, metadata=metadata)
            assert answer.deleted_events == 0


async def test_two_clients_may_use_the_same_event_id(tmp_path):
    home = tmp_path / "home"
    both = (Scope.READ, Scope.FEEDBACK)
    async with running(home, sqlite_url(tmp_path), auth="on") as gateway:
        tokens = [token_of(home, *both), token_of(home, *both, Scope.ADMIN)]
        heads = [{"Authorization": f"Bearer {token}"} for token in tokens]
        asked = await gateway.client.post(
            "/api/v1/recommendations", json={"seeds": ["s"]}, headers=heads[0]
        )
        body = event(asked.json()["recommendation_id"])
        counts = [
            (await gateway.client.post(FEEDBACK, json=body, headers=head)).json()["accepted"]
            for head in (*heads, heads[0])
        ]
    assert counts == [1, 1, 0]


# The database away


def dropped(cause: str) -> float:
    found = REGISTRY.get_sample_value("quintet_impressions_dropped_total", {"cause": cause})
    return found or 0.0


async def test_a_database_that_is_away_stops_no_recommendation_and_comes_back(tmp_path):
    path = tmp_path / "data" / "quintet.db"
    path.parent.write_text("in the way", encoding="utf-8")
    async with running(tmp_path / "home", f"sqlite:///{path}") as gateway:
        given_id = await gateway.recommend("ann")
        export = await gateway.client.get("/api/v1/listeners/ann/export")
        assert detail_of(export)[:2] == (503, "STORE_UNAVAILABLE")
        assert export.headers["retry-after"] == "1"
        assert str(path) not in export.text
        path.parent.unlink()
        async with asyncio.timeout(10):
            while (await gateway.send(event(given_id))).json()["degraded"]:
                await asyncio.sleep(0.05)  # until the database is tried again
        assert len(gateway.rows(SHOWN)) == 3


async def test_impressions_beyond_the_queue_are_counted_never_silent(tmp_path):
    (tmp_path / "data").write_text("in the way", encoding="utf-8")
    before, stopped = dropped("overflow"), dropped("stopped")
    url = f"sqlite:///{tmp_path / 'data' / 'quintet.db'}"
    async with running(tmp_path / "home", url, max_waiting_impressions=500) as gateway:
        for _ in range(3):
            await gateway.recommend(limit=200)
        assert dropped("overflow") == before + 200
    assert dropped("stopped") == stopped + 400


async def test_what_waits_is_written_when_the_gateway_stops(tmp_path):
    async with running(tmp_path / "home", sqlite_url(tmp_path)) as gateway:
        ids = {await gateway.recommend() for _ in range(20)}
    assert {row["recommendation_id"] for row in gateway.rows(LISTS)} == ids


async def test_impressions_are_written_without_any_feedback(on_sqlite):
    given_id = await on_sqlite.recommend()
    async with asyncio.timeout(10):
        while not on_sqlite.rows(LISTS):
            await asyncio.sleep(0.05)  # until the writer has had its turn
    assert [row["recommendation_id"] for row in on_sqlite.rows(LISTS)] == [given_id]


# Many at once


async def test_requests_at_once_are_each_answered_for_themselves(gateway):
    given_id = await gateway.recommend()
    good = [gateway.send(event(given_id, n)) for n in range(40)]
    bad = [gateway.send(event("nope", 100 + n)) for n in range(10)]
    same = [gateway.send(event(given_id, 1000)) for _ in range(10)]
    answers = await asyncio.gather(*good, *bad, *same)
    assert [a.status_code for a in answers] == [200] * 40 + [404] * 10 + [200] * 10
    assert sum(a.json()["accepted"] for a in answers[50:]) == 1
    assert len(gateway.rows(EVENTS)) == 41


EVENT_IDS = st.sampled_from(["a", "b", "c", "A", "9b2f4c1e-0d51-4a53-8d0e-0a4f1f0a7c11"])
BATCHES = st.lists(
    st.lists(
        st.tuples(EVENT_IDS, st.sampled_from(["play", "skip", "like"]), st.sampled_from("123")),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Sends batches to a gateway of its own, in a loop of its own, that lives for all examples."""
    home = tmp_path_factory.mktemp("batches")
    loop = asyncio.new_event_loop()
    context = running(home / "home", f"sqlite:///{home / 'quintet.db'}")
    gateway = loop.run_until_complete(context.__aenter__())

    def send(batches: list[list[tuple[str, str, str]]], prefix: str) -> list[tuple[int, int]]:
        async def all_of_them() -> list[tuple[int, int]]:
            given_id = await gateway.recommend()
            counts = []
            for batch in batches:
                events = [
                    event(given_id, 0, event_id=f"{prefix}{i}", kind=k, track_id=f"t{t}")
                    for i, k, t in batch
                ]
                response = await gateway.client.post(FEEDBACK, json={"events": events})
                counts.append((response.json()["accepted"], response.json()["duplicates"]))
            return counts

        return loop.run_until_complete(all_of_them())

    send.gateway = gateway  # type: ignore[attr-defined]
    yield send
    loop.run_until_complete(context.__aexit__(None, None, None))
    loop.close()


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=BATCHES)
def test_however_often_events_come_each_is_stored_once_and_as_first_sent(sender, batches):
    # Not drawn: Hypothesis repeats what it draws, and the database remembers.
    prefix = uuid4().hex[:12]
    counts = sender(batches, prefix)
    first: dict[str, tuple[str, str]] = {}
    for batch, (accepted, duplicates) in zip(batches, counts, strict=True):
        before = len(first)
        for name, kind, track in batch:
            first.setdefault(f"{prefix}{name}", (kind, f"t{track}"))
        assert accepted == len(first) - before
        assert accepted + duplicates == len(batch)
    stored = {
        row["event_id"]: (row["kind"], row["track_id"])
        for row in sender.gateway.rows(EVENTS)
        if row["event_id"].startswith(prefix)
    }
    assert stored == first


# Without the database


class Away:
    """A database that can be taken away: its folder is a file."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "data" / "quintet.db"
        self.url = f"sqlite:///{self.path}"
        self.hidden = tmp_path / "hidden"

    def leave(self) -> None:
        if self.path.parent.exists():
            self.path.parent.rename(self.hidden)
        self.path.parent.write_text("in the way", encoding="utf-8")

    def come_back(self) -> None:
        self.path.parent.unlink()
        if self.hidden.exists():
            self.hidden.rename(self.path.parent)


@pytest.fixture
def away(tmp_path: Path) -> Away:
    return Away(tmp_path)


async def replayed(gateway: Running, events: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(StoreUnavailable):
                if len(rows := gateway.rows(EVENTS)) >= events:
                    return rows
            await asyncio.sleep(0.05)  # until the database is tried again


async def test_events_wait_on_the_disk_while_the_database_is_away(tmp_path, away):
    away.leave()
    async with running(tmp_path / "home", away.url) as gateway:
        given_id = await gateway.recommend("ann")
        first = await gateway.send(event(given_id, 1))
        assert (first.status_code, first.json()) == (200, SPOOLED)
        again = await gateway.send(event(given_id, 1, kind="skip"))
        assert again.json() == {"accepted": 0, "duplicates": 1, "degraded": ["database"]}
        request = feedback_pb2.RecordEventsRequest(events=[message(given_id)])
        answer = await gateway.stub.RecordEvents(request, timeout=5)
        assert list(answer.degraded) == ["database"]
        body = {"seeds": ["s1"]}
        told = await gateway.client.post("/api/v1/recommendations", json=body)
        assert told.json()["degraded"] == ["database"]
        away.come_back()
        rows = await replayed(gateway, 1)
        async with asyncio.timeout(10):
            while (await gateway.send(event(given_id, 1))).json()["degraded"]:
                await asyncio.sleep(0.05)
        told = await gateway.client.post("/api/v1/recommendations", json=body)
        assert told.json()["degraded"] == []
    assert [row["kind"] for row in rows if row["event_id"] == "e1"] == ["like"]
    assert {row["listener"] for row in rows} == {names_of(gateway).listener("ann")}
    assert len(gateway.rows(EVENTS)) == 1
    assert list((gateway.home / "spool").iterdir()) == []


def names_of(gateway: Running) -> Pseudonyms:
    return Pseudonyms.of(gateway.home / "access")


async def test_a_database_locked_by_an_import_sends_events_to_the_disk(tmp_path):
    path = tmp_path / "quintet.db"
    async with running(tmp_path / "home", f"sqlite:///{path}") as gateway:
        given_id = await gateway.recommend()
        await gateway.send(event(given_id, 1))
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        for number in (2, 3):
            response = await gateway.send(event(given_id, number))
            assert response.json() == SPOOLED
        holder.execute("ROLLBACK")
        holder.close()
        await replayed(gateway, 3)


async def test_what_was_never_given_out_is_not_taken_while_nobody_can_tell(tmp_path, away):
    away.leave()
    async with running(tmp_path / "home", away.url) as gateway:
        response = await gateway.send(event("0" * 40))
        assert detail_of(response)[:2] == (503, "STORE_UNAVAILABLE")
        assert (await gateway.send(event(await gateway.recommend()))).json() == SPOOLED
    (path,) = (gateway.home / "spool").iterdir()
    assert b"0" * 40 not in path.read_bytes()


async def test_a_full_spool_is_told_by_name_and_what_it_holds_is_stored(tmp_path, away):
    away.leave()
    async with running(tmp_path / "home", away.url, spool_bytes=4096) as gateway:
        given_id = await gateway.recommend()
        accepted = 0
        while (response := await gateway.send(event(given_id, accepted))).status_code == 200:
            accepted += 1
        assert detail_of(response)[:2] == (503, "STORE_UNAVAILABLE")
        assert response.json()["error"]["details"][0]["metadata"]["spool"] == "full"
        away.come_back()
        assert len(await replayed(gateway, accepted)) == accepted > 5


async def test_a_deleted_listener_is_not_in_what_is_replayed(tmp_path, away):
    async with running(tmp_path / "home", away.url) as gateway:
        given_id = await gateway.recommend("ann")
        await gateway.send(event(given_id, 1))
        away.leave()
        assert (await gateway.send(event(given_id, 2, listener="ann"))).json() == SPOOLED
        refused = await gateway.client.delete("/api/v1/listeners/ann")
        assert detail_of(refused)[:2] == (503, "STORE_UNAVAILABLE")
        away.come_back()
        async with asyncio.timeout(10):
            while (gone := await gateway.client.delete("/api/v1/listeners/ann")).is_error:
                await asyncio.sleep(0.05)
        assert gone.json()["deleted_events"] == 2
        assert (await gateway.send(event(given_id, 3, listener="bob"))).status_code == 200
    (row,) = gateway.rows(EVENTS)
    assert (row["event_id"], row["listener"]) == ("e3", names_of(gateway).listener("bob"))


async def test_what_was_spooled_survives_kill_9_and_is_stored_once(tmp_path, away):
    home = tmp_path / "home"
    async with running(home, away.url) as gateway:
        given_id = await gateway.recommend("ann")
        await gateway.send(event(given_id, 0))
    away.leave()
    process, address = start(home, away.url)
    try:
        for number in range(1, 6):
            body = event(given_id, number)
            response = httpx.post(address, json=body, timeout=10, trust_env=False)
            assert response.json() == SPOOLED
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
    (path,) = (home / "spool").glob("*.events")
    with path.open("ab") as stream:
        stream.write(b"0badc0de [{torn")
    away.come_back()
    async with running(home, away.url) as gateway:
        again = await gateway.send(*(event(given_id, number) for number in range(7)))
        rows = await replayed(gateway, 7)
    assert [row["event_id"] for row in rows] == [f"e{number}" for number in range(7)]
    assert {row["listener"] for row in rows} == {names_of(gateway).listener("ann")}
    assert again.json()["accepted"] + again.json()["duplicates"] == 7
    assert list((home / "spool").iterdir()) == []


# Killed


def start(home: Path, url: str) -> tuple[subprocess.Popen[str], str]:
    """Starts the gateway as a process of its own; returns it with its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {
        "QUINTET_HOME": str(home),
        "QUINTET_DATABASE_URL": url,
        "QUINTET_GATEWAY_PORT": str(port),
        "QUINTET_GATEWAY_GRPC_PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "quintet_gateway"],
        env={**os.environ, **variables},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "startup complete" not in (line := process.stderr.readline()):
        assert line, "the gateway ended before it served"
    return process, f"http://127.0.0.1:{port}{FEEDBACK}"


async def test_what_was_answered_survives_kill_9_at_once(tmp_path, database_url):
    home = tmp_path / "home"
    async with running(home, database_url) as gateway:
        given_id = await gateway.recommend("ann")
    process, address = start(home, database_url)
    try:
        for number in range(10):
            body = event(given_id, number)
            response = httpx.post(address, json=body, timeout=10, trust_env=False)
            assert response.json() == STORED
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
    assert process.returncode == -signal.SIGKILL
    assert {row["event_id"] for row in gateway.rows(EVENTS)} == {f"e{n}" for n in range(10)}


async def test_a_kill_in_the_middle_loses_nothing_that_was_answered(tmp_path):
    home, url = tmp_path / "home", sqlite_url(tmp_path)
    async with running(home, url) as gateway:
        given_id = await gateway.recommend()
    process, address = start(home, url)
    answered: set[str] = set()

    async def send(client: httpx.AsyncClient, number: int) -> None:
        body = event(given_id, number)
        with contextlib.suppress(httpx.HTTPError):
            if (await client.post(address, json=body)).is_success:
                answered.add(body["event_id"])
                if len(answered) == 20:
                    os.kill(process.pid, signal.SIGKILL)

    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        await asyncio.gather(*(send(client, number) for number in range(60)))
    process.communicate(timeout=10)
    assert len(answered) >= 20
    assert answered <= {row["event_id"] for row in gateway.rows(EVENTS)}


def test_a_key_that_is_too_short_is_one_line_and_exit_code_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "quintet_gateway"],
        env={**os.environ, "QUINTET_HOME": str(tmp_path), "QUINTET_LISTENER_KEY": "secretish"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "QUINTET_LISTENER_KEY" in done.stderr
    assert "secretish" not in done.stderr


def test_a_grpc_port_in_use_is_one_line_and_exit_code_2(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "quintet_gateway"],
            env={**os.environ, "QUINTET_HOME": str(tmp_path), "QUINTET_GATEWAY_GRPC_PORT": port,
                 "QUINTET_GATEWAY_PORT": "0"},
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [
        f"error: 127.0.0.1:{port} cannot be bound; it may be in use. "
        "Choose another port with QUINTET_GATEWAY_GRPC_PORT."
    ]
