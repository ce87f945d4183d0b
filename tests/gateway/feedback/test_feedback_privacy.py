"""Who may read and delete feedback, how long it stays, and that no log names a listener."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from quintet.feedback.v1 import feedback_pb2
from quintet_access.clients import ClientFolder
from quintet_access.keys import KeyFolder
from quintet_access.pseudonyms import Pseudonyms
from quintet_access.tokens import Scope, TokenIssuer
from quintet_store import listeners, open_engine, writing
from quintet_store.feedback import prune_before, stamp
from quintet_store.tables import BannedArtist, table_of
from sqlalchemy import update

from tests.fakes.feedback import (
    EVENTS,
    FEEDBACK,
    LISTS,
    SHOWN,
    Running,
    detail_of,
    event,
    message,
    refusal,
    running,
    sqlite_url,
)

BANNED = table_of(BannedArtist)


async def test_export_gives_all_and_deletion_leaves_no_link(gateway):
    mine, other = await gateway.recommend("ann"), await gateway.recommend("bob")
    await gateway.send(
        event(mine, 1), event(other, 2), event(other, 3, listener="ann", track_id="t2")
    )
    assert (await ban(gateway, "ann", "x")).json()["banned"] is True
    await gateway.recommend("ann", limit=2)  # still in the queue
    response = await gateway.client.get("/api/v1/listeners/ann/export")
    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in response.text.splitlines()]
    kinds = [line["record"] for line in lines]
    names = ("recommendation", "impression", "event", "signal", "banned_artist")
    assert [kinds.count(k) for k in names] == [2, 5, 2, 2, 1]
    assert not any("listener" in line for line in lines)

    await gateway.recommend("ann", limit=1)  # in the queue when all is deleted
    deleted = (await gateway.client.delete("/api/v1/listeners/ann")).json()
    assert deleted == {
        "deleted_events": 2, "unlinked_recommendations": 3, "deleted_playlists": 0,
        "deleted_signals": 3,
    }  # fmt: skip
    assert [row["event_id"] for row in gateway.rows(EVENTS)] == ["e2"]
    hashed = Pseudonyms.of(gateway.home / "access").listener("ann")
    assert hashed not in {row["listener"] for row in gateway.rows(LISTS)}
    assert len(gateway.rows(LISTS)) == 4
    again = (await gateway.client.delete("/api/v1/listeners/ann")).json()
    assert set(again.values()) == {0}
    assert (await gateway.client.get("/api/v1/listeners/ann/export")).text == ""


async def ban(gateway: Running, listener: str, artist: str, **more: Any) -> httpx.Response:
    body = {"listener": listener, "artist_id": artist, **more}
    return await gateway.client.put("/api/v1/feedback/banned-artists", json=body)


async def test_a_ban_is_kept_once_lifted_and_checked(gateway):
    for _ in range(2):
        assert (await ban(gateway, "ann", "spotify:artist:" + "4" * 22)).json() == {
            "listener": "ann", "artist_id": "4" * 22, "banned": True,
        }  # fmt: skip
    assert [row["artist_id"] for row in gateway.rows(BANNED)] == ["4" * 22]
    assert (await ban(gateway, "ann", "4" * 22, banned=False)).status_code == 200
    assert gateway.rows(BANNED) == []
    assert detail_of(await ban(gateway, "a b", "x")) == (400, "LISTENER_INVALID", "listener")
    for artist in ("", "a" * 257, "\0"):
        assert detail_of(await ban(gateway, "ann", artist)) == (400, "EVENT_RANGE", "artist_id")


async def test_a_ban_by_grpc_is_the_same(on_sqlite, monkeypatch):
    monkeypatch.setattr(listeners, "MAX_BANNED_ARTISTS", 1)
    stub = on_sqlite.stub
    request = feedback_pb2.BanArtistRequest(listener="ann", artist_id="x")
    await stub.BanArtist(request, timeout=60)
    assert [row["artist_id"] for row in on_sqlite.rows(BANNED)] == ["x"]
    more = stub.BanArtist(feedback_pb2.BanArtistRequest(listener="ann", artist_id="y"), timeout=60)
    assert await refusal(more) == ("FAILED_PRECONDITION", "STATE_CONFLICT", "")
    assert detail_of(await ban(on_sqlite, "ann", "y")) == (409, "STATE_CONFLICT", "")
    lifted = feedback_pb2.AllowArtistRequest(listener="ann", artist_id="x")
    await stub.AllowArtist(lifted, timeout=60)
    assert on_sqlite.rows(BANNED) == []


async def test_a_long_export_goes_through_all_its_pages(on_sqlite):
    given_id = await on_sqlite.recommend("ann", limit=500)
    for start in range(0, 1500, 500):
        batch = [event(given_id, start + n) for n in range(500)]
        assert (await on_sqlite.send(*batch)).json()["accepted"] == 500
    text = (await on_sqlite.client.get("/api/v1/listeners/ann/export")).text
    ids = [line["event_id"] for line in map(json.loads, text.splitlines()) if "event_id" in line]
    # Of 1,500 likes of one track the memory keeps one a second.
    signals = [line for line in text.splitlines() if json.loads(line)["record"] == "signal"]
    assert len(text.splitlines()) - len(signals) == 1 + 500 + 1500
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
                assert (await refusal(call(asked, timeout=60)))[0] == "UNAUTHENTICATED"
                if needed is not scope:
                    code, reason, _ = await refusal(call(asked, timeout=60, metadata=metadata))
                    assert (code, reason) == ("PERMISSION_DENIED", "SCOPE_MISSING")
        if scope is Scope.ADMIN:
            answer = await gateway.stub.DeleteListener(listener, timeout=60, metadata=metadata)
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
