"""A listener brings exports of other services: dropped on the page, imported, shown."""

import io
import json
import re
import subprocess
import sys
import zipfile

import httpx
import pytest
from playwright.sync_api import expect

from tests.slow import slow
from tests.ui.access import violations
from tests.ui.patience import WAIT_SECONDS

SAID = {
    "en-US": {
        "who": "Who listens?",
        "heading": "Bring your listening history",
        "no_worker": "nothing imports it now",
        "done": "Now part of your memory. New entries: 1",
        "unmatched": "Without a match in this catalogue: 1",
        "failed": "Nothing was imported: the file is damaged",
    },
    "ko-KR": {
        "who": "누가 듣나요?",
        "heading": "내 청취 기록 가져오기",
        "no_worker": "가져오기 작업이 실행되고 있지 않아요",
        "done": "내 기록에 반영했어요. 새로 더한 항목: 1",
        "unmatched": "이 카탈로그에서 찾지 못한 항목: 1",
        "failed": "가져온 곡이 없어요. 파일이 손상되었거나",
    },
}


def export(track):
    heard = {
        "ts": "2026-11-02T03:10:05Z",
        "ms_played": 200_000,
        "master_metadata_track_name": "x",
        "master_metadata_album_artist_name": "y",
        "spotify_track_uri": f"spotify:track:{track}",
    }
    unknown = {**heard, "spotify_track_uri": None, "master_metadata_track_name": "<b>Nope</b>"}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("MyData/Streaming_History_Audio_2026.json", json.dumps([heard, unknown]))
    name, kind = "my_spotify_data.zip", "application/zip"
    return {"name": name, "mimeType": kind, "buffer": content.getvalue()}


@pytest.mark.parametrize(
    ("locale", "width"),
    [pytest.param("en-US", 1440, marks=slow("a second width")), ("ko-KR", 390)],
    ids=["desk", "phone"],
)
def test_an_export_is_uploaded_and_the_page_shows_what_it_brought(
    visit, installation, songs, axe, picture, locale, width
):
    said = SAID[locale]
    tab = visit(locale=locale, width=width, height=900)
    if width < 700:
        tab.locator('[data-testid="stExpandSidebarButton"]').click()
    tab.get_by_label(said["who"]).fill("Ann")
    tab.get_by_label(said["who"]).press("Enter")
    # By keyboard: the panel opens with Enter, and the field takes the files.
    panel = tab.locator("summary", has_text=said["heading"])
    panel.focus()
    panel.press("Enter")
    bad = {"name": "notes.json", "mimeType": "application/json", "buffer": b"no history"}
    tab.locator("input[type=file]").set_input_files([export(songs[0]), bad])
    expect(tab.get_by_text(said["no_worker"]).first).to_be_visible()
    expect(tab.locator(".upload code").first).to_have_text("quintet library work")
    subprocess.run(
        [sys.executable, "-m", "quintet_command", "history", "work"],
        env=installation.environment,
        check=True,
        capture_output=True,
        timeout=WAIT_SECONDS,
    )
    expect(tab.get_by_text(said["done"])).to_be_visible()
    expect(tab.get_by_text(said["unmatched"])).to_be_visible()
    expect(tab.get_by_text(said["failed"])).to_be_visible()
    tab.locator(".upload details summary").click()
    expect(tab.locator(".upload details li")).to_have_text(re.compile("y - <b>Nope</b>$"))
    assert violations(tab, axe) == []
    picture(tab, f"history-{locale[:2]}")


@pytest.mark.parametrize(
    ("method", "path", "headers", "code"),
    [
        ("POST", "/own/histories", {}, 403),
        ("POST", "/own/histories", {"origin": "https://elsewhere.example"}, 403),
        ("DELETE", "/own/histories", {}, 405),
        ("POST", "/own/histories/x", {}, 404),
        ("PUT", f"/own/histories/{'0' * 32}?offset=-1", {"origin": "own"}, 400),
        ("PUT", f"/own/histories/{'0' * 32}?offset=0", {"origin": "own"}, 404),
        ("POST", "/own/histories", {"origin": "own"}, 400),
    ],
)
def test_uploads_that_the_page_does_not_send_are_denied(served_page, method, path, headers, code):
    named = {name: served_page if value == "own" else value for name, value in headers.items()}
    content = None if method == "DELETE" else b"x"
    answer = httpx.request(
        method, served_page + path, headers=named, content=content, trust_env=False
    )
    assert answer.status_code == code


def test_a_part_of_more_than_a_mebibyte_is_not_passed_on(served_page):
    answer = httpx.put(
        f"{served_page}/own/histories/{'0' * 32}?offset=0",
        headers={"origin": served_page},
        content=b"x" * (1024 * 1024 + 1),
        trust_env=False,
    )
    assert answer.status_code == 413
