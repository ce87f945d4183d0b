"""The proxy against a local server that speaks Spotify's contract: token and /v1/search."""

import asyncio
import base64
import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client import REGISTRY
from quintet.search.v1 import search_pb2, search_pb2_grpc

Search = search_pb2.SearchTracksRequest
CATALOGUE, SPOTIFY, BOTH = (
    search_pb2.SOURCE_CATALOGUE,
    search_pb2.SOURCE_SPOTIFY,
    search_pb2.SOURCE_BOTH,
)
SECRET = "s3cr3t-of-the-app"


def item(name: str, title: str) -> dict:
    return {
        "id": name,
        "name": title,
        "type": "track",
        "artists": [{"id": "4gzpq5DPGxSnKTe4SA8HAU", "name": "Queen"}],
        "album": {
            "id": "6i6folBtxKV28WX3msQ4FE",
            "name": "Bohemian Rhapsody",
            "release_date": "2018-10-19",
            "images": [{"url": "https://i.scdn.co/image/x", "height": 640, "width": 640}],
        },
        "duration_ms": 354320,
        "explicit": False,
        "popularity": 71,
        "external_ids": {"isrc": "GBUM71029604"},
        "preview_url": None,
    }


class SpotifyServer(ThreadingHTTPServer):
    """Answers searches by a script of statuses, then normally.

    A script's entry is a status, a (status, Retry-After) pair, "hang" or "garbage".
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.items = [item("t02", "Bohemian Rhapsody"), item("sp1", "Queen of Spotify")]
        self.script: list = []
        self.token_status = 200
        self.tokens = 0
        self.searches: list[tuple[float, dict[str, list[str]]]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: SpotifyServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        scheme, _, credentials = self.headers["Authorization"].partition(" ")
        expected = base64.b64encode(f"app:{SECRET}".encode()).decode()
        good = form == {"grant_type": ["client_credentials"]} and scheme == "Basic"
        if self.path != "/api/token" or not good or credentials != expected:
            return self.answer(400, {"error": "invalid_client"})
        if self.server.token_status != 200:
            return self.answer(self.server.token_status, {"error": "invalid_client"})
        self.server.tokens += 1
        token = f"token-{self.server.tokens}"
        return self.answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = parse_qs(address.query)
        self.server.searches.append((time.monotonic(), asked))
        step = self.server.script.pop(0) if self.server.script else 200
        if step == "hang":
            self.server.released.wait(60)
            self.close_connection = True
            return None
        if step == "garbage":
            return self.answer(200, {"tracks": [1, 2]})
        status, wait = step if isinstance(step, tuple) else (step, None)
        if status != 200:
            headers = {} if wait is None else {"Retry-After": str(wait)}
            return self.answer(status, {"error": {"status": status, "message": "no"}}, headers)
        if self.headers["Authorization"] != f"Bearer token-{self.server.tokens}":
            return self.answer(401, {"error": {"status": 401, "message": "bad token"}})
        if address.path != "/v1/search" or asked["type"] != ["track"] or not asked["q"]:
            return self.answer(404, {"error": {"status": 404, "message": "not found"}})
        offset, limit = int(asked["offset"][0]), int(asked["limit"][0])
        items = self.server.items[offset : offset + limit]
        total = len(self.server.items)
        page = {"items": items, "limit": limit, "offset": offset, "total": total}
        return self.answer(200, {"tracks": page})

    def answer(self, status: int, body: dict, headers: dict | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *_args: object) -> None:
        pass


@pytest.fixture
def spotify(monkeypatch) -> Iterator[SpotifyServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = SpotifyServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def options(server: SpotifyServer, **more):
    return {
        "client_id": "app",
        "client_secret": SECRET,
        "spotify_api_url": f"{server.url}/v1/",
        "spotify_token_url": f"{server.url}/api/token",
        "spotify_timeout": 0.5,
        **more,
    }


@pytest.fixture
async def stub(spotify, serving):
    async with serving(**options(spotify)) as channel:
        yield search_pb2_grpc.SearchServiceStub(channel)


def degraded_so_far() -> float:
    return REGISTRY.get_sample_value("quintet_degraded_total", {"part": "spotify"}) or 0.0


def found(answer) -> list[tuple[str, bool, int]]:
    return [(match.track.id, match.recommendable, match.source) for match in answer.matches]


async def test_spotifys_tracks_say_which_are_recommendable(stub):
    answer = await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
    assert found(answer) == [("t02", True, SPOTIFY), ("sp1", False, SPOTIFY)]
    assert (answer.source, answer.total_size, list(answer.degraded)) == (SPOTIFY, 2, [])
    track = answer.matches[1].track
    assert (track.title, track.album, track.isrc) == (
        "Queen of Spotify",
        "Bohemian Rhapsody",
        "GBUM71029604",
    )
    assert (track.duration_ms, track.popularity, track.provenance) == (354320, 71, "spotify")
    assert track.cover_url == "https://i.scdn.co/image/x"


async def test_both_gives_the_catalogue_first_and_then_what_only_spotify_has(stub):
    answer = await stub.SearchTracks(Search(query="queen", source=BOTH))
    assert [name for name, _, _ in found(answer)] == ["t02", "t03", "t12", "sp1"]
    assert found(answer)[-1] == ("sp1", False, SPOTIFY)
    assert answer.source == BOTH
    scores = [match.score for match in answer.matches]
    assert scores == sorted(scores, reverse=True)


async def test_pages_of_both_join_without_gap_or_repetition(stub, spotify):
    spotify.items = [item(f"sp{number}", f"Queen {number}") for number in range(7)]
    names, token = [], ""
    while True:
        request = Search(query="queen", source=BOTH, page_size=4, page_token=token)
        answer = await stub.SearchTracks(request)
        names += [name for name, _, _ in found(answer)]
        if not (token := answer.next_page_token):
            break
    assert names == ["t02", "t03", "t12", *(f"sp{number}" for number in range(7))]


async def test_a_small_page_at_spotify_is_asked_for_more_than_once(spotify, serving):
    spotify.items = [item(f"sp{number}", "Queen") for number in range(25)]
    async with serving(**options(spotify, spotify_page_size=10)) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        answer = await stub.SearchTracks(Search(query="q", source=SPOTIFY, page_size=25))
    assert len(answer.matches) == 25
    assert [asked["limit"] for _, asked in spotify.searches] == [["10"], ["10"], ["5"]]


async def test_retry_after_is_honoured(stub, spotify):
    spotify.script = [(429, 1)]
    answer = await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
    assert answer.source == SPOTIFY
    (first, _), (second, _) = spotify.searches
    assert second - first >= 1.0


async def test_a_wait_longer_than_the_time_left_falls_back_at_once(stub, spotify):
    spotify.script = [(429, 30)]
    before, started = degraded_so_far(), time.monotonic()
    answer = await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
    assert time.monotonic() - started < 1.0
    assert [name for name, _, _ in found(answer)] == ["t02", "t03", "t12"]
    assert (answer.source, list(answer.degraded)) == (CATALOGUE, ["spotify"])
    assert degraded_so_far() == before + 1
    assert len(spotify.searches) == 1


async def test_server_errors_are_tried_again(stub, spotify):
    spotify.script = [500, 503]
    answer = await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
    assert answer.source == SPOTIFY
    assert len(spotify.searches) == 3


async def test_lasting_server_errors_fall_back(stub, spotify):
    spotify.script = [500] * 20
    answer = await stub.SearchTracks(Search(query="queen", source=BOTH))
    assert list(answer.degraded) == ["spotify"]
    assert answer.source == CATALOGUE
    assert answer.matches


async def test_silence_falls_back_within_the_callers_deadline(stub, spotify):
    spotify.script = ["hang"] * 20
    answer = await stub.SearchTracks(Search(query="queen", source=SPOTIFY), timeout=3.0)
    assert list(answer.degraded) == ["spotify"]
    assert answer.matches


async def test_others_are_answered_while_spotify_is_silent(stub, spotify):
    spotify.script = ["hang"] * 20
    waiting = asyncio.ensure_future(stub.SearchTracks(Search(query="queen", source=SPOTIFY)))
    while not spotify.searches:
        await asyncio.sleep(0)
    started = time.monotonic()
    assert (await stub.SearchTracks(Search(query="queen"))).matches
    assert time.monotonic() - started < 0.4
    assert not waiting.done()
    spotify.released.set()
    assert list((await waiting).degraded) in (["spotify"], [])


async def test_when_all_threads_are_taken_the_catalogue_answers_at_once(spotify, serving):
    spotify.script = ["hang"]
    async with serving(**options(spotify, spotify_threads=1, spotify_timeout=5)) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        waiting = asyncio.ensure_future(stub.SearchTracks(Search(query="q", source=SPOTIFY)))
        while not spotify.searches:
            await asyncio.sleep(0)
        started = time.monotonic()
        answer = await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
        assert time.monotonic() - started < 1.0
        assert list(answer.degraded) == ["spotify"]
        spotify.released.set()
        await waiting


async def test_one_token_serves_many_searches_and_a_refused_one_is_replaced(stub, spotify):
    for _ in range(3):
        await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
    assert spotify.tokens == 1
    spotify.script = [401]
    answer = await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
    assert answer.source == SPOTIFY
    assert spotify.tokens == 2


async def test_refused_credentials_fall_back(stub, spotify):
    spotify.token_status = 400
    answer = await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
    assert list(answer.degraded) == ["spotify"]
    assert not spotify.searches


async def test_an_answer_of_another_shape_falls_back(stub, spotify):
    spotify.script = ["garbage"]
    answer = await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
    assert list(answer.degraded) == ["spotify"]


async def test_an_empty_query_lists_the_catalogue(stub, spotify):
    answer = await stub.SearchTracks(Search(source=SPOTIFY))
    assert (answer.source, list(answer.degraded)) == (CATALOGUE, [])
    assert answer.matches
    assert not spotify.searches


async def test_no_secret_and_no_token_is_ever_logged(stub, spotify, caplog):
    caplog.set_level(logging.DEBUG)
    spotify.script = [500, 401]
    await stub.SearchTracks(Search(query="queen", source=SPOTIFY))
    text = caplog.text
    assert SECRET not in text
    assert base64.b64encode(f"app:{SECRET}".encode()).decode() not in text
    assert "token-" not in text
