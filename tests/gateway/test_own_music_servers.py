"""Audio of media servers through the gateway: stand-ins that speak Subsonic and Jellyfin."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from quintet_store.sources import SourceSpec

from tests.fakes.own_music import gateway_of, own_item, store
from tests.known_secrets import known

DATA = bytes(range(256)) * 16
PASSWORD = known("sesame-of-the-media-server")


class MediaServer(ThreadingHTTPServer):
    """One song under two protocols; `says` replaces the answer to a request for it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.says: tuple[int, dict[str, str], bytes] | None = None
        self.token = "token-of-jellyfin-1"
        self.logins = 0
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: MediaServer

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        self.server.logins += 1
        sent = self.rfile.read(int(self.headers["content-length"]))
        if PASSWORD.encode() not in sent:
            self.answer(401, {}, b"")
            return
        self.answer(200, {}, b'{"AccessToken": "%s"}' % self.server.token.encode())

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.asked.append((parts.path, self.headers.get("range", "")))
        if self.server.says is not None:
            self.answer(*self.server.says)
        elif parts.path == "/rest/stream.view":
            self.stream(query["t"] == hashlib.md5(f"{PASSWORD}{query['s']}".encode()).hexdigest())
        else:
            self.stream(f'Token="{self.server.token}"' in self.headers["authorization"])

    def stream(self, allowed: bool) -> None:
        if not allowed:
            self.answer(401, {}, b"")
            return
        span = self.headers.get("range", "").removeprefix("bytes=").split("-")
        if len(span) < 2:
            self.answer(200, {"Content-Type": "audio/flac"}, DATA)
            return
        start, end = int(span[0]), min(int(span[1]), len(DATA) - 1)
        if start >= len(DATA):
            self.answer(416, {"Content-Range": f"bytes */{len(DATA)}"}, b"")
            return
        headers = {"Content-Type": "audio/flac", "ETag": '"one"'}
        headers["Content-Range"] = f"bytes {start}-{end}/{len(DATA)}"
        self.answer(206, headers, DATA[start : end + 1])

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[MediaServer]:
    made = MediaServer()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def source(home: Path, kind: str, address: str, user: str = "me", **more: Any) -> str:
    spec = SourceSpec("home", kind, address, {"user": user}, "env:MUSIC_HOME", True)
    return store(home, spec, [own_item("song/1", **more)])["song/1"]


async def played(home: Path, track: str, span: str = "bytes=0-", times: int = 1) -> httpx.Response:
    async with gateway_of(home) as (_, client):
        for _ in range(times):
            answer = await client.get(f"/api/v1/tracks/{track}/audio", headers={"range": span})
    return answer


@pytest.mark.parametrize("kind", ["subsonic", "jellyfin"])
async def test_a_part_is_passed_on_with_its_headers(
    tmp_path: Path, server: MediaServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSIC_HOME", PASSWORD)
    track = source(tmp_path, kind, server.url)
    answer = await played(tmp_path, track, "bytes=16-", times=2)
    assert (answer.status_code, answer.content) == (206, DATA[16:])
    assert answer.headers["content-type"] == "audio/flac"
    assert answer.headers["content-range"] == f"bytes 16-{len(DATA) - 1}/{len(DATA)}"
    assert answer.headers["etag"] == '"one"'
    # Bounded, so that no answer is open for as long as the song plays.
    assert server.asked[-1][1] == f"bytes=16-{16 + 1024 * 1024 - 1}"
    path = "/rest/stream.view" if kind == "subsonic" else "/Audio/song%2F1/stream"
    assert server.asked[-1][0] == path
    assert server.logins == (kind == "jellyfin")
    whole = await played(tmp_path, track, "")
    assert (whole.status_code, whole.content) == (200, DATA)
    assert (await played(tmp_path, track, "bytes=99999-")).status_code == 416


async def test_a_token_that_was_revoked_is_renewed(
    tmp_path: Path, server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSIC_HOME", PASSWORD)
    track = source(tmp_path, "jellyfin", server.url)
    async with gateway_of(tmp_path) as (_, client):
        path = f"/api/v1/tracks/{track}/audio"
        assert (await client.get(path)).status_code == 200
        server.token = "token-of-jellyfin-2"
        assert (await client.get(path)).status_code == 200
    assert server.logins == 2


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ((200, {"Content-Type": "text/html"}, b"<h1>Log in</h1>"), "something else than audio"),
        ((302, {"Location": "http://169.254.169.254/"}, b""), "it answered HTTP 302"),
        ((500, {"Content-Type": "audio/flac"}, b""), "it answered HTTP 500"),
        ((206, {"Content-Type": "audio/flac"}, b"0" * (1024 * 1024 + 1)), "another part"),
    ],
)
async def test_a_server_that_answers_otherwise_is_a_404_with_the_reason(
    tmp_path: Path,
    server: MediaServer,
    says: tuple[int, dict[str, str], bytes],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MUSIC_HOME", PASSWORD)
    server.says = says
    answer = await played(tmp_path, source(tmp_path, "subsonic", server.url))
    error = answer.json()["error"]
    assert (answer.status_code, error["details"][0]["reason"]) == (404, "AUDIO_UNAVAILABLE")
    assert why in error["message"]
    assert PASSWORD not in answer.text


async def test_an_address_that_is_denied_gets_no_byte(
    tmp_path: Path, server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSIC_HOME", PASSWORD)
    track = source(tmp_path, "subsonic", server.url)
    # A name that leads to a denied address needs a DNS server of its own; what is tested here is
    # that the address of the connection decides, before anything is sent.
    monkeypatch.setattr("quintet_gateway.adapters.music.servers.is_allowed", lambda *_: False)
    answer = await played(tmp_path, track)
    assert answer.status_code == 404
    assert "it has the address 127.0.0.1, which is denied" in answer.json()["error"]["message"]
    assert server.asked == []


async def test_a_server_that_is_down_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSIC_HOME", PASSWORD)
    answer = await played(tmp_path, source(tmp_path, "subsonic", "http://127.0.0.1:1"))
    assert answer.status_code == 404
    assert "home: it cannot be reached" in answer.json()["error"]["message"]


async def test_a_missing_secret_is_named_by_its_variable(
    tmp_path: Path, server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MUSIC_HOME", raising=False)
    answer = await played(tmp_path, source(tmp_path, "subsonic", server.url))
    assert "MUSIC_HOME: holds no secret" in answer.json()["error"]["message"]
