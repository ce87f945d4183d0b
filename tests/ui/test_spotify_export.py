"""The list as a Spotify playlist: OAuth against a server in Spotify's place."""

import base64
import json
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import expect
from quintet_ui.settings import Settings
from quintet_ui.spotify import (
    ExportFailed,
    PendingExport,
    PendingExports,
    can_export,
    export,
    unmasked,
)

from tests.known_secrets import known
from tests.slow import slow
from tests.ui.patience import WAIT_SECONDS, patient_context

TOKEN, CODE = known("token-that-nobody-may-see"), known("code-from-spotify")
SECRET = known("s3cr3t-of-our-app")
PLAYLIST = "https://open.spotify.com/playlist/37i9dQZF1DXcBWIGoYBM5M"


@dataclass
class Spotify:
    """What was asked of the server in Spotify's place."""

    url: str = ""
    status: int = 201
    made: list = field(default_factory=list)
    added: list = field(default_factory=list)


def handler_of(spotify):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = parse_qs(urlparse(self.path).query)
            back = f"{asked['redirect_uri'][0]}?code={CODE}&state={asked['state'][0]}"
            self.send_response(302)
            self.send_header("Location", back)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/api/token":
                basic = base64.b64encode(f"client:{SECRET}".encode()).decode()
                assert self.headers["Authorization"] == f"Basic {basic}"
                assert parse_qs(body)["code"] == [CODE]
                told = {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
                return self.reply(200, {**told, "scope": "playlist-modify-private"})
            assert self.headers["Authorization"] == f"Bearer {TOKEN}"
            if self.path == "/v1/me/playlists":
                spotify.made.append(json.loads(body))
                told = {"id": "p1", "external_urls": {"spotify": PLAYLIST}}
                return self.reply(spotify.status, told)
            spotify.added.append(json.loads(body))
            return self.reply(201, {"snapshot_id": "s"})

        def reply(self, status, told):
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args):
            pass

    return Handler


@pytest.fixture
def spotify():
    state = Spotify()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(state))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def settings_of(spotify, page="http://127.0.0.1:1"):
    return {
        "SPOTIPY_CLIENT_ID": "client",
        "SPOTIPY_CLIENT_SECRET": SECRET,
        "QUINTET_UI_SPOTIFY_REDIRECT_URI": f"{page}/",
        "QUINTET_UI_SPOTIFY_ACCOUNTS_URL": spotify.url,
        "QUINTET_UI_SPOTIFY_API_URL": f"{spotify.url}/v1/",
    }


@pytest.fixture
def configured_page(installation, spotify, tmp_path):
    """A page with Spotify set up, and its log."""
    page = f"http://127.0.0.1:{installation.ports['spotify_ui']}"
    log = tmp_path / "page.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "quintet_ui"],
            env={
                **installation.environment,
                **settings_of(spotify, page),
                "QUINTET_UI_PORT": str(installation.ports["spotify_ui"]),
            },
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    installation.await_answer(f"{page}/_stcore/health")
    yield page, log
    process.terminate()
    process.wait(timeout=WAIT_SECONDS)


@slow("starts a second page")
def test_a_listener_saves_the_list_as_a_playlist_and_nobody_else_can(
    chromium, configured_page, spotify, songs
):
    page, log = configured_page
    context = patient_context(chromium, locale="en-US", viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.goto(f"{page}/?" + "&".join(f"seat=1~{song}" for song in songs))
    expect(tab.locator(".card")).to_have_count(50)
    shown = [card.get_attribute("data-id") for card in tab.locator(".card").all()]
    button = tab.get_by_role("link", name="Save as a Spotify playlist")
    expect(button).to_be_visible()
    state = parse_qs(urlparse(button.get_attribute("href")).query)["state"][0]
    with context.expect_page() as opened:
        button.click()
    back = opened.value
    expect(back.get_by_text("The playlist is in your Spotify library.")).to_be_visible()
    expect(back.get_by_role("link", name="Open the playlist")).to_have_attribute("href", PLAYLIST)
    (made,) = spotify.made
    assert made["name"].startswith("Like Hotel California")
    assert made["public"] is False
    assert [uri.rpartition(":")[2] for uri in spotify.added[0]] == shown
    # The session is as it was left, and the address holds neither code nor state.
    expect(back.locator(".card")).to_have_count(50)
    expect(back).not_to_have_url(re.compile("code="))
    # The same state a second time, in whatever browser, makes nothing.
    other = patient_context(chromium, locale="en-US")
    thief = other.new_page()
    thief.goto(f"{page}/?code={CODE}&state={state}")
    expect(thief.get_by_text("Spotify was not allowed")).to_be_visible()
    assert len(spotify.made) == 1
    context.close()
    other.close()
    assert TOKEN not in log.read_text(encoding="utf-8")
    assert SECRET not in log.read_text(encoding="utf-8")


def configured(monkeypatch, spotify):
    for name, value in settings_of(spotify).items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_long_lists_are_added_in_parts(monkeypatch, spotify):
    ids = [f"{number:022d}" for number in range(250)]
    assert export(configured(monkeypatch, spotify), CODE, "x", ids) == PLAYLIST
    assert [len(part) for part in spotify.added] == [100, 100, 50]


def test_a_refusal_by_spotify_is_a_failure_without_its_text(monkeypatch, spotify):
    spotify.status = 403
    with pytest.raises(ExportFailed) as caught:
        export(configured(monkeypatch, spotify), CODE, "x", ["0" * 22])
    assert TOKEN not in str(caught.value)
    assert caught.value.__suppress_context__


def test_without_all_three_settings_there_is_no_export(monkeypatch, spotify):
    assert configured(monkeypatch, spotify).exports_to_spotify
    monkeypatch.delenv("QUINTET_UI_SPOTIFY_REDIRECT_URI")
    monkeypatch.delenv("SPOTIPY_REDIRECT_URI", raising=False)
    assert not Settings().exports_to_spotify


def pending(browser="b", moment=None):
    return PendingExport({}, (), "", browser, time.monotonic() if moment is None else moment)


def test_a_state_counts_once_in_one_browser_and_for_a_while():
    pending_exports = PendingExports()
    pending_exports.keep("s", pending())
    assert pending_exports.take("s", "b") is not None
    assert pending_exports.take("s", "b") is None
    pending_exports.keep("s", pending())
    assert pending_exports.take("s", "another") is None
    pending_exports.keep("s", pending(moment=time.monotonic() - 3600))
    assert pending_exports.take("s", "b") is None


def test_one_browser_keeps_its_mark_however_its_cookie_is_masked():
    # As two answers of one server to one browser set it.
    first = "2|4b62559b|cd331fcdc7acd718e221f65bd5bd9500|1795545980"
    second = "2|17a15f7c|91f0152a9b6fddffbee2fcbc897e9fe7|1795545980"
    assert unmasked(first) == unmasked(second)
    assert unmasked("2|17a15f7c|" + "0" * 32 + "|1795545980") != unmasked(first)
    assert unmasked("something else") == "something else"


def test_states_are_bounded_in_number():
    pending_exports = PendingExports()
    for number in range(1500):
        pending_exports.keep(f"s{number}", pending())
    assert pending_exports.take("s0", "b") is None
    assert pending_exports.take("s1499", "b") is not None


@pytest.mark.parametrize(("name", "known"), [("0" * 22, True), ("t1", False), ("0" * 23, False)])
def test_only_tracks_that_spotify_knows_are_exported(name, known):
    assert can_export(name) is known
