"""The search that works before the page is loaded, and hands over what was typed and picked."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.slow import slow
from tests.ui.patience import patient_context

pytestmark = slow("each test loads the page in a browser")


@pytest.fixture
def waiting(chromium, served_page):
    """Opens the page whose scripts come only when `release` is called."""
    contexts = []

    def opened(locale="en-US", path="/"):
        context = patient_context(chromium, locale=locale, viewport={"width": 1280, "height": 900})
        contexts.append(context)
        tab = context.new_page()
        held: list[Any] = []
        tab.route(re.compile(r"/static/js/index\."), lambda route: held.append(route))
        tab.release = lambda: [route.continue_() for route in held]
        tab.goto(served_page + path, wait_until="commit")
        tab.locator("#shell").wait_for()
        return tab

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("locale", "label", "loading"),
    [("en-US", "Search for a song", "is loading"), ("ko-KR", "노래, 가수", "불러오는 중")],
)
def test_what_is_typed_and_picked_at_first_is_kept(waiting, locale, label, loading):
    tab = waiting(locale)
    box = tab.get_by_role("combobox", name=label)
    expect(box).to_be_focused()
    expect(tab.locator("#shell")).to_contain_text(loading)
    box.fill("everlong")
    # Enter before the results are there picks the first of them.
    box.press("Enter")
    expect(box).to_have_value("")
    box.fill("bohemian rha")
    expect(tab.get_by_role("option", name="Bohemian Rhapsody").first).to_be_visible()
    tab.release()
    tab.locator("#shell").wait_for(state="detached")
    expect(tab.locator(".seed:not(.empty) .title").first).to_have_text("Everlong")
    expect(box).to_have_value("bohemian rha")
    expect(box).to_be_focused()
    expect(tab.get_by_role("option", name="Bohemian Rhapsody").first).to_be_visible()
    expect(tab.locator(".card").first).to_be_visible()


def test_the_first_search_answers_like_that_of_the_page(served_page, songs):
    def ask(query, language="en"):
        answer = httpx.get(
            f"{served_page}/shell/search", params={"q": query, "lang": language}, trust_env=False
        )
        assert answer.status_code == 200
        return answer.json()

    found = ask("everlong")
    assert found["tracks"][0]["title"] == "Everlong"
    assert found["tracks"][0]["drawn"].startswith("data:image/svg+xml")
    names = [(track["title"], track["byline"]) for track in found["tracks"]]
    assert len(set(names)) == len(names)
    assert [t["id"] for t in ask(f"https://open.spotify.com/track/{songs[0]}")["tracks"]] == [
        songs[0]
    ]
    assert ask("") == {"tracks": [], "status": ""}
    assert "없어요" in ask("https://open.spotify.com/track/" + "0" * 22, "ko")["status"]
    assert len(ask("x" * 5000, "xx")["tracks"]) <= 8
