"""Audio and covers on their way through the page, and what cards show of own music."""

import httpx
import pytest
from quintet_client import Quintet, Retries
from quintet_client.models import OwnTrack, TrackPlace
from quintet_ui.cards import _places, bare, shown_track
from quintet_ui.guard import _ROUTES
from quintet_ui.own_files import OwnFiles, audio_address
from starlette.applications import Starlette

DATA = bytes(range(256)) * 10
PART = 1000


def gateway(request: httpx.Request) -> httpx.Response:
    """Answers as the gateway does, with parts of at most PART bytes."""
    path = request.url.path
    if path.endswith("/cover"):
        if request.headers.get("if-none-match") == '"a"':
            return httpx.Response(304, headers={"etag": '"a"'})
        return httpx.Response(200, content=b"png", headers={"content-type": "image/png"})
    if "denied" in path:
        detail = {"reason": "PLAY_DENIED", "domain": "quintet", "metadata": {}}
        error = {
            "code": 403,
            "status": "PERMISSION_DENIED",
            "message": "/home/ann",
            "details": [detail],
        }
        return httpx.Response(403, json={"error": error})
    start, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
    if int(start) >= len(DATA):
        metadata = {"content_range": f"bytes */{len(DATA)}"}
        detail = {"reason": "RANGE_UNSATISFIABLE", "domain": "quintet", "metadata": metadata}
        error = {"code": 416, "status": "INVALID_ARGUMENT", "message": "x", "details": [detail]}
        return httpx.Response(416, json={"error": error})
    stop = min(len(DATA), int(start) + PART, int(last or len(DATA)) + 1)
    headers = {"content-range": f"bytes {start}-{stop - 1}/{len(DATA)}", "etag": '"a"'}
    headers |= {"content-type": "audio/mpeg", "x-request-id": "secret"}
    return httpx.Response(206, content=DATA[int(start) : stop], headers=headers)


async def asked(path: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with Quintet(transport=httpx.MockTransport(gateway), retries=Retries(attempts=1)) as client:
        app = Starlette(routes=OwnFiles(client).routes())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as browser:
            return await browser.get(path, headers=named)


async def test_a_part_is_passed_on_with_what_a_player_needs() -> None:
    answer = await asked(audio_address("a b"), range="bytes=10-")
    assert (answer.status_code, answer.content) == (206, DATA[10 : 10 + PART])
    assert answer.headers["content-range"] == f"bytes 10-{9 + PART}/{len(DATA)}"
    assert answer.headers["content-type"] == "audio/mpeg"
    assert "x-request-id" not in answer.headers


async def test_a_whole_file_is_put_together_from_parts() -> None:
    answer = await asked(audio_address("a"))
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-length"] == str(len(DATA))
    assert "content-range" not in answer.headers


async def test_a_failure_keeps_its_status_and_names_no_path() -> None:
    denied = await asked(audio_address("denied"))
    assert (denied.status_code, denied.text) == (403, "The audio or the cover is unavailable.\n")
    beyond = await asked(audio_address("a"), range="bytes=99999-")
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(DATA)}"


async def test_a_cover_is_passed_on_or_is_still_the_same() -> None:
    assert (await asked("/own/cover/a")).headers["content-type"] == "image/png"
    assert (await asked("/own/cover/a", if_none_match='"a"')).status_code == 304


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/own-music", True),
        ("/own/audio/audio-1f", True),
        ("/own/cover/a b", True),
        ("/own/audio/", False),
        ("/own/audio/a/../../x", False),
        ("/own/other/a", False),
    ],
)
def test_the_guard_knows_the_addresses_of_own_music(path: str, allowed: bool) -> None:
    assert bool(_ROUTES.fullmatch(path)) is allowed


def test_a_card_shows_places_and_plays_only_what_may_be_played() -> None:
    place = TrackPlace(
        source="music", kind="folder", item_id="1", path="/m/a.mp3", present=True, playable=True
    )
    own = OwnTrack(id="a/b", has_cover=True, places=(place,))
    shown = shown_track(bare("a/b"), None, own)
    assert (shown["audio"], shown["cover"]) == ("/own/audio/a%2Fb", "/own/cover/a%2Fb")
    assert _places(own) == [{"source": "music", "path": "/m/a.mp3", "gone": False}]
    silent = place.model_copy(update={"playable": False, "present": False})
    own = OwnTrack(id="a", has_cover=False, places=(silent,))
    shown = shown_track(bare("a"), None, own)
    assert (shown["audio"], shown["cover"]) == ("", "")
    assert _places(own) == [{"source": "music", "path": "/m/a.mp3", "gone": True}]
    assert shown_track(bare("a"), None)["audio"] == ""
    assert _places(None) == []
