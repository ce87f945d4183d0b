"""Covers of media servers: asked for once, kept within bounds, and never from a denied address."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from quintet_gateway.adapters.music import MediaServers, ServerCovers
from quintet_gateway.adapters.music.server_covers import FRESH_SECONDS
from quintet_store.sources import SourceSpec

from tests.fakes.own_music import gateway_of, own_item, store
from tests.fakes.web_server import Answer, Request, Web, web_server
from tests.known_secrets import known

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100
PASSWORD = known("sesame-of-the-cover-server")
TOKEN = "token-of-jellyfin-7"


class Server:
    """One song under Subsonic and Jellyfin, with the picture of its album."""

    def __init__(self) -> None:
        self.picture = Answer(PNG, headers={"content-type": "image/png"})
        self.art: Any = "al-1"
        self.token = TOKEN

    def __call__(self, request: Request) -> Answer:
        if request.path == "/rest/getSong.view":
            song = {"id": request.query["id"], "coverArt": self.art}
            return Answer({"subsonic-response": {"status": "ok", "song": song}})
        if request.path == "/Users/AuthenticateByName":
            self.token = f"{TOKEN}-2" if self.token == "revoked" else self.token
            return Answer({"AccessToken": self.token, "User": {"Id": "u"}})
        if request.path == "/Items":
            if f'Token="{self.token}"' not in request.headers["authorization"]:
                return Answer({}, 401)
            album = {"AlbumId": "al-1", "AlbumPrimaryImageTag": "x"} if self.art else {}
            return Answer({"Items": [{"Id": request.query["ids"], "ImageTags": {}, **album}]})
        wanted = request.query.get("id") == "al-1" or request.path == "/Items/al-1/Images/Primary"
        return self.picture if wanted else Answer({}, 404)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("MUSIC_HOME", PASSWORD)
    with web_server(Server()) as web:
        yield web


def spec_of(kind: str, address: str) -> SourceSpec:
    return SourceSpec("home", kind, address, {"user": "me"}, "env:MUSIC_HOME")


def cover_of(home: Path, track: str, times: int = 1) -> list[httpx.Response]:
    async def run() -> list[httpx.Response]:
        async with gateway_of(home) as (_, client):
            return [await client.get(f"/api/v1/tracks/{track}/cover") for _ in range(times)]

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["subsonic", "jellyfin"])
def test_a_cover_is_asked_for_once_and_kept(tmp_path: Path, web: Web, kind: str) -> None:
    track = store(tmp_path, spec_of(kind, web.address), [own_item("song/1")])["song/1"]
    first, second = cover_of(tmp_path, track, times=2)
    for answer in (first, second):
        assert (answer.status_code, answer.content) == (200, PNG)
        assert answer.headers["content-type"] == "image/png"
    assert first.headers["etag"] == second.headers["etag"]
    asked = len(web.requests)
    # Another gateway finds it on the disk.
    (again,) = cover_of(tmp_path, track)
    assert (again.content, len(web.requests)) == (PNG, asked)
    (kept,) = (tmp_path / "server-covers").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    assert PASSWORD not in str(kept)


def test_the_page_asks_for_covers_of_servers(tmp_path: Path, web: Web) -> None:
    track = store(tmp_path, spec_of("subsonic", web.address), [own_item("1")])["1"]

    async def run() -> Any:
        async with gateway_of(tmp_path) as (_, client):
            return (await client.get("/api/v1/library/tracks", params={"ids": track})).json()

    assert asyncio.run(run())["tracks"][0]["has_cover"]


@pytest.mark.parametrize(
    ("picture", "art"),
    [
        (Answer({"subsonic-response": {"status": "failed"}}), "al-1"),
        (Answer(b"<svg onload='x()'/>", headers={"content-type": "image/svg+xml"}), "al-1"),
        (Answer(PNG, 302, {"location": "http://169.254.169.254/"}), "al-1"),
        (Answer(PNG + b"p" * 8 * 1024**2), "al-1"),
        (Answer(PNG), None),
        (Answer(PNG), {"not": "text"}),
    ],
    ids=["error", "svg", "redirect", "huge", "none", "shape"],
)
def test_what_is_no_picture_is_no_cover_and_is_not_asked_for_again(
    tmp_path: Path, web: Web, picture: Answer, art: Any
) -> None:
    web.answer.picture, web.answer.art = picture, art  # type: ignore[attr-defined]
    track = store(tmp_path, spec_of("subsonic", web.address), [own_item("1")])["1"]
    first, second = cover_of(tmp_path, track, times=2)
    assert [answer.status_code for answer in (first, second)] == [404, 404]
    assert len([r for r in web.requests if "getSong" in r.path]) == 1
    assert PASSWORD not in first.text


def test_a_denied_address_gets_no_byte(
    tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in the tests of audio: the address of the connection decides, before anything is sent.
    monkeypatch.setattr("quintet_gateway.adapters.music.servers.is_allowed", lambda *_: False)
    track = store(tmp_path, spec_of("subsonic", web.address), [own_item("1")])["1"]
    assert cover_of(tmp_path, track)[0].status_code == 404
    assert web.requests == []


def test_a_token_that_was_revoked_is_renewed(tmp_path: Path, web: Web) -> None:
    async def run() -> list[Any]:
        servers = MediaServers()
        covers = ServerCovers(servers, tmp_path, 0)
        spec = spec_of("jellyfin", web.address)
        first = await covers.get(spec, "1")
        web.answer.token = "revoked"  # type: ignore[attr-defined]
        second = await covers.get(spec, "2")
        await servers.close()
        return [first, second]

    assert [picture.data for picture in asyncio.run(run())] == [PNG, PNG]
    logins = [r for r in web.requests if r.path == "/Users/AuthenticateByName"]
    assert len(logins) == 2
    # Nothing is kept with a bound of 0.
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_covers_go_first_and_an_old_one_is_asked_for_again(
    tmp_path: Path, web: Web
) -> None:
    now = [time.time()]

    async def run() -> None:
        servers = MediaServers()
        covers = ServerCovers(servers, tmp_path, 3 * len(PNG), lambda: now[0])
        spec = spec_of("subsonic", web.address)
        first: set[Path] = set()
        for number, name in enumerate("abcde"):
            assert await covers.get(spec, name) is not None
            # Files of one test may have the same time, and a new one must be the newest.
            for path in set(tmp_path.iterdir()) - first:
                os.utime(path, (now[0] - 1_000 + number, now[0] - 1_000 + number))
                first.add(path)
            assert len(list(tmp_path.iterdir())) == min(number + 1, 3)
        asked = len(web.requests)
        assert await covers.get(spec, "e") is not None
        assert len(web.requests) == asked
        assert await covers.get(spec, "a") is not None
        assert len(web.requests) == asked + 2
        now[0] += FRESH_SECONDS + 100
        assert await covers.get(spec, "e") is not None
        assert len(web.requests) == asked + 4
        await servers.close()

    asyncio.run(run())
