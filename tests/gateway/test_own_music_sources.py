"""Sources of music over HTTP: their state, requests for work, quarantine, sources of tracks."""

from pathlib import Path
from typing import Any

import pytest
from quintet_access.clients import ClientFolder
from quintet_access.tokens import Scope
from quintet_gateway.schemas.library import (
    LibraryResponse,
    OwnTracksResponse,
    QuarantineResponse,
    RequestFacts,
    SourceMatchResponse,
)
from quintet_store import open_engine, reading, writing
from quintet_store.items import Group
from quintet_store.library_requests import begin_request, recent_requests, report_worker
from quintet_store.recording_items import record_items
from quintet_store.source_groups import group_of
from quintet_store.source_items import mark_unseen
from quintet_store.sources import SourceSpec
from quintet_store.tables import SourceGroup, table_of
from quintet_store.track_ids import add_ids
from quintet_text.track_ids import RECORDING
from sqlalchemy import select

from tests.fakes.own_music import gateway_of, own_item, store
from tests.known_secrets import known

MBID = "0a1b2c3d-0000-4000-8000-000000000001"
FOLDER = SourceSpec("music", "folder", "/srv/music", play_allowed=True)
SERVER = SourceSpec("home", "subsonic", "https://music.example", {"user": "me"}, "env:MUSIC_HOME")
NEW = {"name": "new", "kind": "folder", "address": "/srv/new"}


def requests_in(home: Path) -> list[tuple[str, str, dict[str, Any]]]:
    engine = open_engine(f"sqlite:///{home / 'quintet.db'}")
    try:
        with writing(engine) as connection:
            return [(r.action, r.source, dict(r.options)) for r in recent_requests(connection)]
    finally:
        engine.dispose()


async def test_sources_show_counts_progress_and_that_nobody_works(tmp_path: Path) -> None:
    store(tmp_path, FOLDER, [own_item("one", "/srv/music/one.mp3")], bad={"x": "no title"})
    async with gateway_of(tmp_path) as (_, client):
        answer = await client.get("/api/v1/library")
    assert answer.headers["cache-control"] == "no-store"
    found = LibraryResponse.model_validate_json(answer.content)
    assert (found.worker_running, found.worker_command) == (False, "quintet library work")
    (source,) = found.sources
    assert (source.name, source.kind, source.present, source.quarantined) == (
        ("music", "folder", 1, 1)
    )
    assert (source.analysis.done, source.analysis.total) == (0, 1)


async def test_work_is_queued_and_its_progress_is_shown(tmp_path: Path) -> None:
    store(tmp_path, FOLDER, [own_item("one")])
    async with gateway_of(tmp_path) as (_, client):
        for action in ("sync", "analyse"):
            answer = await client.post(f"/api/v1/library/sources/music/{action}")
            assert answer.status_code == 202
            request = RequestFacts.model_validate_json(answer.content)
            assert (request.action, request.source, request.state) == (action, "music", "queued")
        assert (await client.delete("/api/v1/library/sources/music")).status_code == 202
        engine = open_engine(f"sqlite:///{tmp_path / 'quintet.db'}")
        with writing(engine) as connection:
            report_worker(connection, "one")
            begin_request(connection)
        engine.dispose()
        found = LibraryResponse.model_validate_json((await client.get("/api/v1/library")).content)
    assert found.worker_running
    assert [(r.action, r.state) for r in found.requests] == [
        ("remove", "queued"),
        ("analyse", "queued"),
        ("sync", "running"),
    ]


async def test_a_source_is_added_with_the_name_of_its_secret_alone(tmp_path: Path) -> None:
    async with gateway_of(tmp_path) as (_, client):
        body = {"name": "home", "kind": "jellyfin", "address": "http://nas:8096"}
        body["credential"] = "file:jellyfin-key"
        answer = await client.post("/api/v1/library/sources", json=body)
        assert answer.status_code == 202, answer.text
    assert requests_in(tmp_path) == [
        (
            "add",
            "home",
            {
                **{"kind": "jellyfin", "address": "http://nas:8096", "user": ""},
                **{"credential": f"file:{tmp_path}/credentials/jellyfin-key"},
                **{"play_allowed": False, "send_password": False, "music": ""},
            },
        )
    ]


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"name": "My music"}, "name", "name"),
        ({"kind": "plex"}, "kind", "'folder', 'subsonic', 'jellyfin' or 'beets'"),
        ({"address": "music"}, "address", "must be a whole path"),
        ({"address": ""}, "address", "at least 1 character"),
        ({"kind": "subsonic", "address": "https://h"}, "credential", "is required"),
        ({"credential": "env:QUINTET_LISTENER_KEY"}, "credential", "begins with MUSIC_"),
        ({"credential": "env:PATH"}, "credential", "begins with MUSIC_"),
        ({"credential": "file:/etc/shadow"}, "credential", "QUINTET_HOME/credentials"),
        ({"credential": "file:../listener-key"}, "credential", "QUINTET_HOME/credentials"),
        (
            {"kind": "subsonic", "address": "https://me:pw@h", "credential": "env:MUSIC_A"},
            "address",
            "no user and password",
        ),
        (
            {"kind": "jellyfin", "address": "file:///etc", "credential": "env:MUSIC_A"},
            "address",
            "must begin with http",
        ),
        ({"password": "hunter2"}, "password", "not a known field"),
    ],
)
async def test_a_wrong_source_is_answered_with_its_field(
    tmp_path: Path, change: dict[str, Any], field: str, said: str
) -> None:
    async with gateway_of(tmp_path) as (_, client):
        answer = await client.post("/api/v1/library/sources", json={**NEW, **change})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["details"][0]["metadata"]["field"] == field
    assert said in error["message"]
    # What was sent as a credential may be the secret.
    assert not change.get("credential") or change["credential"] not in error["message"]
    assert requests_in(tmp_path) == []


async def test_names_that_are_taken_or_unknown_are_errors(tmp_path: Path) -> None:
    store(tmp_path, FOLDER, [])
    async with gateway_of(tmp_path) as (_, client):
        taken = await client.post("/api/v1/library/sources", json={**NEW, "name": "music"})
        unknown = await client.post("/api/v1/library/sources/nope/sync")
        nothing = await client.get("/api/v1/library/sources/nope/quarantine")
    assert (taken.status_code, unknown.status_code, nothing.status_code) == (400, 404, 404)
    assert "there is a source 'music' already" in taken.json()["error"]["message"]
    assert unknown.json()["error"]["details"][0]["reason"] == "ID_UNKNOWN"


async def test_the_quarantine_is_read_page_by_page_and_of_one_source(tmp_path: Path) -> None:
    store(tmp_path, FOLDER, [], bad={f"f{n}": f"reason {n}" for n in range(5)})
    store(tmp_path, SERVER, [], bad={"g": "other"})
    reasons, token = [], ""
    async with gateway_of(tmp_path) as (_, client):
        for _ in range(3):
            answer = await client.get(
                "/api/v1/library/sources/music/quarantine",
                params={"page_size": 2, "page_token": token},
            )
            page = QuarantineResponse.model_validate_json(answer.content)
            reasons += [each.reason for each in page.quarantined]
            token = page.next_page_token
        broken = await client.get(
            "/api/v1/library/sources/music/quarantine", params={"page_token": "x"}
        )
    assert reasons == [f"reason {n}" for n in range(5)]
    assert token == ""
    assert broken.json()["error"]["details"][0]["reason"] == "PAGE_TOKEN_INVALID"


async def test_a_track_shows_its_sources_and_paths(tmp_path: Path) -> None:
    odd = "/srv/music/\udcff.mp3"
    two = own_item("two", "/srv/music/two.mp3")
    ids = store(tmp_path, FOLDER, [own_item("one", odd), two], covers={"one": f"{'0' * 32}.jpg"})
    engine = open_engine(f"sqlite:///{tmp_path / 'quintet.db'}")
    with writing(engine) as connection:
        add_ids(connection, [(ids["two"], RECORDING, MBID)])
    engine.dispose()
    store(tmp_path, SERVER, [own_item("far", audio_hash="6f6e65".rjust(32, "0"))])
    async with gateway_of(tmp_path) as (_, client):
        answer = await client.get(
            "/api/v1/library/tracks", params={"ids": f"{ids['one']},nope,{ids['one']},{ids['two']}"}
        )
        none = await client.get("/api/v1/library/tracks", params={"ids": " , "})
    track, other = OwnTracksResponse.model_validate_json(answer.content).tracks
    assert (track.recording_mbid, other.recording_mbid) == ("", MBID)
    assert track.has_cover
    assert [(p.source, p.path, p.playable) for p in track.places] == [
        ("home", "", False),
        ("music", "/srv/music/\ufffd.mp3", True),
    ]
    assert none.json()["error"]["details"][0]["reason"] == "ID_COUNT"


async def test_each_route_needs_its_scope(tmp_path: Path) -> None:
    ids = store(tmp_path, FOLDER, [own_item("one", "/srv/music/one.mp3")])
    clients = ClientFolder(tmp_path / "access")
    reader = clients.create("reader", [Scope.READ, Scope.FEEDBACK, Scope.ADMIN])
    owner = clients.create("owner", [Scope.LIBRARY])
    async with gateway_of(tmp_path, auth="on") as (_, client):

        async def status(path: str, made: Any, method: str = "GET") -> int:
            form = {"grant_type": "client_credentials"}
            login = (made[0].client_id, known(made[1]))
            token = (await client.post("/api/token", data=form, auth=login)).json()["access_token"]
            headers = {"authorization": f"Bearer {token}"}
            return (await client.request(method, path, headers=headers)).status_code

        own = f"/api/v1/tracks/{ids['one']}/audio"
        for path in ("/api/v1/library", f"/api/v1/library/tracks?ids={ids['one']}", own):
            assert await status(path, reader) == 403
        assert await status("/api/v1/library/sources/music/sync", reader, "POST") == 403
        assert await status("/api/v1/library", owner) == 200
        # There is no such file on this machine, which is found out after the scope was checked.
        assert await status(own, owner) == 404
        assert await status(f"/api/v1/tracks/{ids['one']}/cover", owner) == 403
        assert (await client.get("/api/v1/library")).status_code == 401


async def test_songs_albums_and_artists_of_a_server_are_found_by_its_ids(tmp_path: Path) -> None:
    groups = (Group("artist", "ar-1", "Björk"), Group("album", "al-1", "Début"))
    songs = [own_item("so-1", groups=groups), own_item("so-2", groups=groups), own_item("so-3")]
    ids = store(tmp_path, SERVER, songs)
    both = [ids["so-1"], ids["so-2"]]
    async with gateway_of(tmp_path) as (_, client):

        async def match(**asked: str) -> dict[str, Any]:
            answer = await client.get("/api/v1/library/sources/home/match", params=asked)
            assert answer.status_code == 200, answer.text
            return SourceMatchResponse.model_validate_json(answer.content).model_dump()

        song = {"source": "home", "kind": "song", "id": "so-3", "name": ""}
        assert await match(id="so-3") == {**song, "track_ids": [ids["so-3"]]}
        artist = {"source": "home", "kind": "artist", "id": "ar-1", "name": "Björk"}
        assert await match(id="ar-1") == {**artist, "track_ids": both}
        assert await match(artist="bjork") == {**artist, "track_ids": both}
        found = await match(id="al-1")
        assert (found["kind"], found["name"], found["track_ids"]) == ("album", "Début", both)
        for asked in ({"id": "so-9"}, {"artist": "Ann"}):
            answer = await client.get("/api/v1/library/sources/home/match", params=asked)
            assert answer.status_code == 404
            assert "quintet library sync home" in answer.json()["error"]["message"]
        for path, asked in (
            ("home", {}),
            ("home", {"id": "a", "artist": "b"}),
            ("home", {"id": "a\0"}),
        ):
            answer = await client.get(f"/api/v1/library/sources/{path}/match", params=asked)
            assert answer.status_code == 400
        assert (await client.get("/api/v1/library/sources/no/match?id=a")).status_code == 404
        answer = await client.get(f"/api/v1/library/tracks?ids={ids['so-1']}")
        (track,) = OwnTracksResponse.model_validate_json(answer.content).tracks
        (place,) = track.places
        assert [each.id for each in place.artists] == ["ar-1"]
        assert place.album is not None
        assert place.album.id == "al-1"


def test_groups_of_a_song_follow_its_source(tmp_path: Path) -> None:
    first, then = Group("artist", "ar-1", "Ann"), Group("artist", "ar-2", "Bob")
    store(tmp_path, SERVER, [own_item("so-1", groups=[first]), own_item("so-2", groups=[first])])
    engine = open_engine(f"sqlite:///{tmp_path / 'quintet.db'}")

    def songs(artist: str) -> int:
        with reading(engine) as connection:
            found = group_of(connection, "home", "artist", artist)
        return len(found.track_ids) if found else 0

    with writing(engine) as connection:
        # The server moved a song to another artist, and then lost it.
        record_items(connection, "home", [own_item("so-1", groups=[then])], "2026-02-01")
    assert (songs("ar-1"), songs("ar-2")) == (1, 1)
    with writing(engine) as connection:
        mark_unseen(connection, "home", "2026-03-01")
    assert (songs("ar-1"), songs("ar-2")) == (0, 0)
    with reading(engine) as connection:
        assert not connection.execute(select(table_of(SourceGroup))).all()
    engine.dispose()


async def test_a_database_that_is_down_is_a_503(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    async with gateway_of(tmp_path, database_url=url) as (_, client):
        answer = await client.get("/api/v1/library")
    assert answer.status_code == 503
    assert answer.json()["error"]["details"][0]["reason"] == "STORE_UNAVAILABLE"
