"""Each state of the page as a picture for the documentation, and readable by everybody."""

import re

import pytest
from playwright.sync_api import expect

from tests.slow import slow
from tests.ui.access import violations

SHOWN = {
    "en": {"queue": "Queue", "forget": "Delete my history", "keep": "Keep everything",
           "radio": "Start the radio"},
    "ko": {"queue": "재생 대기열", "forget": "내 기록 지우기", "keep": "그대로 두기",
           "radio": "라디오 시작"},
}  # fmt: skip


def settle(tab):
    expect(tab.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )
    expect(tab.locator('[data-testid="stSkeleton"]')).to_have_count(0)


def picture_states(tab, language, take, check):
    """Takes pictures of the states of a list on a desktop, each checked by axe."""
    said = SHOWN[language]
    settle(tab)
    take(tab, f"pad-{language}")
    row = tab.locator(".card").nth(1)
    row.locator(".open").click()
    row.scroll_into_view_if_needed()
    take(tab, f"why-{language}")
    check(tab)
    row.locator(".open").click()
    if tab.locator(".play.here").count():
        tab.locator(".play.here").first.click()
        expect(tab.locator(".player")).to_be_visible()
        tab.locator(".player").get_by_role("button", name=said["queue"]).click()
        take(tab, f"player-{language}")
        check(tab)
        tab.locator(".player .tool").last.click()
    tab.locator(".play:not(.here)").first.click()
    expect(tab.locator(".services")).to_be_visible()
    check(tab)
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name=said["radio"]).click()
    expect(
        tab.get_by_role("button", name=re.compile("like|좋아요", re.IGNORECASE)).last
    ).to_be_visible()
    settle(tab)
    check(tab)
    tab.get_by_role("button", name=said["forget"]).click()
    expect(tab.get_by_role("dialog")).to_be_visible()
    check(tab)
    tab.get_by_role("dialog").get_by_role("button", name=said["keep"]).click()


def picture_sheet(tab, language, take, check):
    """Takes a picture of the panel on a phone."""
    settle(tab)
    tab.get_by_test_id("stExpandSidebarButton").click()
    expect(tab.locator(".mood").first).to_be_visible()
    settle(tab)
    take(tab, f"sheet-{language}")
    check(tab)


@slow("draws every state in two languages")
@pytest.mark.parametrize(
    ("language", "locale", "scheme"), [("en", "en-US", "light"), ("ko", "ko-KR", "dark")]
)
def test_each_state_of_the_list_is_readable(visit, axe, picture, songs, language, locale, scheme):
    link = "/?" + "&".join(f"seat=1~{song}" for song in songs)

    def check(tab):
        assert violations(tab, axe) == []

    tab = visit(link, locale=locale, scheme=scheme, width=1440)
    expect(tab.locator(".card")).to_have_count(50)
    picture_states(tab, language, picture, check)
    phone = visit(link, locale=locale, scheme=scheme, width=390, height=844)
    expect(phone.locator(".card")).to_have_count(50)
    picture_sheet(phone, language, picture, check)
