"""Saved lists over HTTP: kept, replaced, pushed by the worker, and deleted with their listener."""

import os
from pathlib import Path
from typing import Any

import pytest
from quintet_access.clients import ClientFolder
from quintet_access.tokens import Scope
from quintet_client import models
from quintet_command.library_worker import LibraryWorker
from quintet_contract.limits import MAX_LIMIT
from quintet_settings import sqlite_url
from quintet_store.sources import SourceSpec

from tests.fakes.own_music import gateway_of, own_item, store
from tests.known_secrets import known

LISTS = "/api/v1/playlists"
BODY = {"name": "Evening", "track_ids": ["t1", "t2"]}


async def test_a_list_is_saved_replaced_read_and_deleted(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as (_, client):
        uri = "spotify:track:6rqhFgbbKwnb9MLmUQDhG6"
        first = (
            await client.post(LISTS, json={"name": " Evening ", "track_ids": ["t1", uri]})
        ).json()
        assert (first["name"], first["track_ids"]) == ("Evening", ["t1", "6rqhFgbbKwnb9MLmUQDhG6"])
        again = (await client.post(LISTS, json={**BODY, "track_ids": ["t3", "t3"]})).json()
        assert (again["id"], again["track_ids"], again["tracks"]) == (first["id"], ["t3"], 1)
        other = (await client.post(LISTS, json={**BODY, "listener": "ann"})).json()
        assert other["id"] != first["id"]
        for number in range(3):
            await client.post(LISTS, json={**BODY, "name": f"n{number}"})
        names, token = [], ""
        while True:
            answer = await client.get(LISTS, params={"page_size": 2, "page_token": token})
            assert answer.headers["cache-control"] == "no-store"
            page = models.SavedListsPage.model_validate_json(answer.content)
            names += [each.name for each in page.items]
            if not (token := page.next_page_token):
                break
        assert names == ["n2", "n1", "n0", "Evening"]
        mine = (await client.get(LISTS, params={"listener": "ann"})).json()
        assert [each["id"] for each in mine["lists"]] == [other["id"]]

        # A listener's lists are data of the listener.
        exported = (await client.get("/api/v1/listeners/ann/export")).text
        assert f'"list_id":"{other["id"]}"' in exported.replace(" ", "")
        await client.delete("/api/v1/listeners/ann")
        assert (await client.get(f"{LISTS}/{other['id']}")).status_code == 404

        assert (await client.delete(f"{LISTS}/{first['id']}")).json() == {"id": first["id"]}
        for method in ("GET", "DELETE"):
            gone = await client.request(method, f"{LISTS}/{first['id']}")
            assert gone.status_code == 404
            assert "/api/v1/playlists lists them" in gone.json()["error"]["message"]


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"{LISTS}/a%00b", 404),
        ("DELETE", f"{LISTS}/a%00b", 404),
        ("GET", f"{LISTS}?page_token=WyJcdWQ4MDAiLCAiIl0=", 400),
        ("GET", "/api/v1/library/tracks?ids=t1,a%00b", 200),
        ("GET", "/api/v1/tracks/a%00b/audio", 404),
        ("GET", "/api/v1/tracks/a%00b/cover", 404),
    ],
)
async def test_what_no_database_can_hold_is_unknown_and_the_database_is_not_down(
    tmp_path: Path, postgresql: Any, method: str, path: str, code: int
) -> None:
    async with gateway_of(tmp_path, database_url=postgresql.new_database()) as (_, client):
        assert (await client.request(method, path)).status_code == code
        # A fault of the database would stop all calls of it for a moment.
        assert (await client.get(LISTS)).status_code == 200


async def test_a_mistake_names_the_field(tmp_path: Path) -> None:
    store(tmp_path, SourceSpec("beets", "beets", "/x/library.db"), [])
    async with gateway_of(tmp_path) as (_, client):
        for body, field in (
            ({**BODY, "name": "a\nb"}, "name"),
            ({**BODY, "name": "x" * 201}, "name"),
            ({**BODY, "track_ids": []}, "track_ids"),
            ({**BODY, "track_ids": [f"t{n}" for n in range(MAX_LIMIT + 1)]}, "track_ids"),
            ({**BODY, "track_ids": [""]}, "track_ids"),
            ({**BODY, "listener": "a b"}, "listener"),
            ({**BODY, "more": 1}, "more"),
        ):
            answer = await client.post(LISTS, json=body)
            assert answer.status_code == 400, body
            assert field in answer.json()["error"]["message"]
        assert (await client.get(LISTS, params={"page_token": "x"})).status_code == 400
        saved = (await client.post(LISTS, json=BODY)).json()
        for source, status in (("nowhere", 404), ("beets", 400), ("../x", 400)):
            answer = await client.post(f"{LISTS}/{saved['id']}/pushes", json={"source": source})
            assert answer.status_code == status, source
            assert "source" in answer.json()["error"]["message"]


async def test_a_push_is_done_by_the_worker_and_its_result_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "one.mp3").write_bytes(b"")
    source = SourceSpec("music", "folder", str(music))
    tracks = store(tmp_path, source, [own_item("one", str(music / "one.mp3")), own_item("two")])
    monkeypatch.setenv("QUINTET_HOME", os.fspath(tmp_path))
    async with gateway_of(tmp_path) as (_, client):
        page = models.SavedListsPage.model_validate_json((await client.get(LISTS)).content)
        assert [(t.source, t.kind) for t in page.targets] == [("music", "folder")]
        body = {"name": "Evening", "track_ids": [*tracks.values()]}
        saved = (await client.post(LISTS, json=body)).json()
        for _ in range(2):  # equal requests that have not begun are one
            answer = await client.post(f"{LISTS}/{saved['id']}/pushes", json={"source": "music"})
            assert answer.status_code == 202
            assert (answer.json()["action"], answer.json()["state"]) == ("push", "queued")
        LibraryWorker(sqlite_url(tmp_path / "quintet.db")).run(lambda _: None, once=True)
        after = models.SavedListTracks.model_validate_json(
            (await client.get(f"{LISTS}/{saved['id']}")).content
        )
    (request,) = after.requests
    assert (request.state, request.message) == (
        "done",
        "music: playlist 'Evening' created, 1 track; 1 missing: Björk - two",
    )
    (push,) = after.pushes
    assert (push.source, push.playlist, push.tracks, push.missing) == (
        ("music", "Evening.m3u8", 1, 1)
    )
    assert (music / "Evening.m3u8").read_text().endswith("\none.mp3\n")


async def test_lists_need_the_scope_playlists(tmp_path: Path) -> None:
    folder = ClientFolder(tmp_path / "access")
    others = [scope for scope in Scope if scope is not Scope.PLAYLISTS]
    clients = [folder.create("one", [Scope.PLAYLISTS]), folder.create("two", others)]
    async with gateway_of(tmp_path, auth="on") as (_, client):
        codes = []
        for who, secret in clients:
            form = {"grant_type": "client_credentials", "client_id": who.client_id}
            form["client_secret"] = known(secret)
            token = (await client.post("/api/token", data=form)).json()["access_token"]
            headers = {"Authorization": f"Bearer {known(token)}"}
            codes.append((await client.get(LISTS, headers=headers)).status_code)
            codes.append((await client.post(LISTS, json=BODY, headers=headers)).status_code)
        codes.append((await client.get(LISTS)).status_code)
    assert codes == [200, 200, 403, 403, 401]
