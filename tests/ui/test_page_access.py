"""The page for everybody: axe-core, the keyboard, a phone."""

import pytest
from playwright.sync_api import expect

from tests.slow import slow
from tests.ui.access import violations
from tests.ui.patience import patient_context


@pytest.mark.parametrize(
    "scheme", ["light", pytest.param("dark", marks=slow("the same in the other colours"))]
)
def test_axe_finds_no_serious_violation(visit, axe, picture, songs, scheme):
    # Read in Korean by night and in English by day.
    tab = visit(scheme=scheme, locale="ko-KR" if scheme == "dark" else "en-US", height=1350)
    expect(tab.locator(".option").first).to_be_visible()
    expect(tab.locator('[data-testid="stSkeleton"]')).to_have_count(0)
    assert violations(tab, axe) == []
    tab.goto(tab.url.partition("?")[0] + "?" + "&".join(f"seat=1~{song}" for song in songs))
    expect(tab.locator(".card")).to_have_count(50)
    expect(tab.locator(".radar .shape")).to_have_count(6)  # three shapes, and three in the legend
    expect(tab.locator('[data-testid="stSkeleton"]')).to_have_count(0)
    assert violations(tab, axe) == []
    picture(tab, f"listener-{scheme}")


def test_a_phone_shows_everything_within_its_width(visit, axe, picture, songs):
    link = "/?" + "&".join(f"seat=1~{song}" for song in songs)
    tab = visit(link, width=360, height=1200)
    expect(tab.locator(".card")).to_have_count(50)
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 360
    for part in (".card", ".seed", "#box"):
        box = tab.locator(part).first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    assert violations(tab, axe) == []
    picture(tab, "listener-phone")
    # The menus of a seat and of a row, and the panel, which says what it is.
    tab.locator(".slot").last.click()
    tab.locator(".card").first.get_by_role("button", name="More about").click()
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 360
    assert violations(tab, axe) == []
    panel = tab.get_by_test_id("stExpandSidebarButton")
    assert (
        panel.evaluate("(button) => getComputedStyle(button, '::after').content")
        == '"Tune and settings"'
    )


def test_the_keyboard_alone_reaches_search_seats_and_rows(visit, songs):
    tab = visit("/?" + f"seat=1~{songs[0]}")
    expect(tab.locator(".card")).to_have_count(50)
    # What is still being drawn moves what the next key reaches.
    expect(tab.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )
    expect(tab.locator('[data-testid="stSkeleton"]')).to_have_count(0)
    tab.locator("#box").focus()
    reached = set()
    for _ in range(20):
        tab.keyboard.press("Tab")
        name = tab.evaluate(
            """() => {
                let at = document.activeElement;
                while (at && at.shadowRoot) at = at.shadowRoot.activeElement;
                return at.dataset.control?.split("-")[0] || at.textContent.trim();
            }"""
        )
        if name == "slot" and name not in reached:
            # Its menu opens here, and is what Tab reaches next.
            tab.keyboard.press("Enter")
        reached.add(name)
        if "like" in reached:
            break
    assert {"slot", "normal", "against", "remove", "like"} <= reached
    tab.keyboard.press("Enter")
    expect(tab.locator('.like[aria-pressed="true"]')).to_have_count(1)


@slow("examines two more pages")
def test_axe_finds_no_serious_violation_on_the_second_page(chromium, served_page, axe, picture):
    context = patient_context(chromium, viewport={"width": 1280, "height": 1250})
    tab = context.new_page()
    tab.goto(f"{served_page}/operator")
    expect(tab.get_by_role("heading", name="Events")).to_be_visible()
    expect(tab.locator("table").first).to_be_visible()
    expect(tab.locator('[data-testid="stSkeleton"]')).to_have_count(0)
    assert violations(tab, axe) == []
    picture(tab, "operator")
    tab.get_by_role("link", name="Explore").click()
    expect(tab.locator(".map .regions button").first).to_be_visible()
    tab.locator(".map .over").press("Enter")
    expect(tab.locator(".map .card")).to_be_visible()
    assert violations(tab, axe) == []
    tab.keyboard.press("Escape")
    tab.get_by_role("link", name="Listen").click()
    expect(tab.get_by_role("combobox")).to_be_visible()
    context.close()


@pytest.mark.parametrize(
    "width", [pytest.param(1280, marks=slow("a second width")), 390], ids=["desk", "phone"]
)
def test_radio_and_the_question_before_a_deletion_are_for_everybody(visit, axe, songs, width):
    tab = visit(f"/?seat=1~{songs[0]}", width=width, height=900)
    expect(tab.locator(".card")).to_have_count(50)
    start = tab.get_by_role("button", name="Start the radio")
    start.focus()
    start.press("Enter")
    expect(tab.get_by_text("Now, song 1 of this radio")).to_be_visible()
    skip = tab.locator(".st-key-radio-skip button")
    skip.focus()
    skip.press("Enter")
    expect(tab.get_by_text("Now, song 2 of this radio")).to_be_visible()
    undo = tab.locator(".st-key-radio-undo button")
    undo.focus()
    undo.press("Enter")
    expect(tab.get_by_text("Now, song 1 of this radio")).to_be_visible()
    # What is being drawn again is shown fainter.
    expect(tab.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )
    expect(tab.locator(".cards")).to_have_attribute("aria-busy", "false")
    assert violations(tab, axe) == []
    if width < 700:
        tab.get_by_test_id("stExpandSidebarButton").click()
    forget = tab.get_by_role("button", name="Delete my history")
    forget.focus()
    forget.press("Enter")
    expect(tab.get_by_role("dialog")).to_be_visible()
    assert violations(tab, axe) == []
    tab.get_by_role("button", name="Keep everything").press("Enter")
    expect(tab.get_by_role("dialog")).to_have_count(0)
