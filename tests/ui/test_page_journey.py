"""A listener's whole way, in a real browser, in both languages."""

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

expect = pytest.importorskip("playwright.sync_api").expect
SHOTS = Path(__file__).parents[2] / "docs" / "screenshots"
WANTED = ("hotel cali", "bohemian rha", "back in black", "teen spirit", "everlong")
SAID = {
    "en-US": {
        "search": "Search for a song", "ask": "Find music like this", "like": "Like", "mute": "Not this artist",
        "save": "Save", "skip": "Skip", "list": "Your list", "preset": "Hidden gems", "csv": "Download CSV",
        "away": "away or still starting", "remove": "Remove", "less": "Less like this", "empty": "Pick at least one",
    },
    "ko-KR": {
        "search": "노래, 가수, 앨범 검색", "ask": "비슷한 음악 찾기", "like": "좋아요", "mute": "이 가수 빼기",
        "save": "저장", "skip": "넘기기", "list": "추천 목록", "preset": "숨은 명곡", "csv": "CSV 내려받기",
        "away": "멈췄거나 아직 시작하는 중", "remove": "빼기", "less": "덜 비슷하게", "empty": "먼저 한 곡 이상",
    },
}  # fmt: skip


def pick(tab, said, texts=WANTED):
    """Searches and picks by keyboard alone."""
    box = tab.get_by_role("combobox", name=said["search"])
    for number, text in enumerate(texts, start=1):
        box.fill(text)
        expect(tab.get_by_role("listbox")).to_have_attribute("aria-busy", "false")
        box.press("ArrowDown")
        box.press("Enter")
        expect(tab.locator(".seat:not(.empty)")).to_have_count(number)
        expect(box).to_have_value("")


def titles(tab):
    return tab.locator(".card h3").all_inner_texts()


def ask(tab, said):
    tab.get_by_role("button", name=said["ask"]).click()
    expect(tab.locator(".card")).to_have_count(50)


def settled(tab):
    """Waits until nothing on the page is being made anew."""
    expect(tab.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )
    expect(tab.locator('[data-testid="stSkeleton"]')).to_have_count(0)


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_a_listener_gets_from_search_to_a_refined_list_and_back_by_link(visit, locale):
    said = SAID[locale]
    tab = visit(locale=locale)
    expect(tab.get_by_text(said["empty"])).to_be_visible()
    expect(tab.get_by_role("button", name=said["ask"])).to_be_disabled()
    pick(tab, said)
    ask(tab, said)
    assert tab.evaluate("document.documentElement.lang") == locale[:2]
    first = titles(tab)
    assert len(set(first)) > 40
    assert all(text.strip() for text in tab.locator(".why").all_inner_texts())

    # Tune: a preset changes limits and so the list.
    tab.get_by_role("button", name=said["preset"]).or_(
        tab.get_by_role("radio", name=said["preset"])
    ).first.click()
    expect(tab.locator(".card h3").first).not_to_have_text(first[0])
    settled(tab)
    tuned = titles(tab)

    # Like: all seats are taken, so the closest one weighs more.
    liked = tab.locator(".card").nth(1)
    liked.get_by_role("button", name=re.compile(f"{said['like']} ")).click()
    expect(tab.locator(".weight output", has_text="1.5")).to_have_count(1)
    # Not this artist, skip, less like this: gone, and nothing of them comes back.
    settled(tab)
    artist = tab.locator(".card").nth(2).locator(".byline").first.inner_text()
    tab.locator(".card").nth(2).get_by_role("button", name=said["mute"]).click()
    expect(
        tab.locator(".card .byline", has_text=re.compile(f"^{re.escape(artist)}$"))
    ).to_have_count(0)
    settled(tab)
    skipped = titles(tab)[0]
    tab.locator(".card").first.get_by_role("button", name=said["skip"]).click()
    expect(tab.locator(".card h3").first).not_to_have_text(skipped)
    settled(tab)
    assert titles(tab) != tuned
    saved = tab.locator(".card").nth(3)
    saved.get_by_role("button", name=said["save"]).click()
    expect(saved.get_by_role("button", name=said["save"])).to_have_attribute("aria-pressed", "true")

    # Export.
    settled(tab)
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name=said["csv"]).click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_text(encoding="utf-8-sig"))))
    assert [row["title"] for row in rows] == titles(tab)

    # The link restores seats, weights, tuning, refusals and language.
    query = parse_qs(urlparse(tab.url).query)
    assert len(query["seat"]) == 5
    assert query["lang"] == [locale[:2]]
    again = visit(tab.url.split("/", 3)[3].join(["/", ""]), locale="fr-FR")
    expect(again.locator(".card")).to_have_count(50)
    assert titles(again) == titles(tab)
    expect(again.get_by_role("heading", name=said["list"])).to_be_visible()
    expect(again.locator(".weight output", has_text="1.5")).to_have_count(1)


def test_seats_are_reordered_turned_around_and_removed(visit, songs):
    tab = visit("/?" + "&".join(f"seat=1~{song}" for song in songs[:3]))
    seats = tab.locator(".seat:not(.empty) .title")
    expect(seats).to_have_count(3)
    before = seats.all_inner_texts()
    tab.get_by_role("button", name=f"Move {before[0]} to the right").click()
    expect(seats.first).to_have_text(before[1])
    tab.get_by_role("button", name=f"Less like this: {before[0]}").click()
    expect(tab.locator(".seat.against .title")).to_have_text(before[0])
    tab.get_by_role("button", name=f"Remove {before[2]}").click()
    expect(seats).to_have_count(2)
    settled(tab)
    assert parse_qs(urlparse(tab.url).query)["seat"] == [f"1~{songs[1]}", f"-1~{songs[0]}"]
    ask(tab, SAID["en-US"])


def test_the_list_waits_for_a_killed_ranker_and_comes_back_by_itself(visit, installation, songs):
    tab = visit("/?" + "&".join(f"seat=1~{song}" for song in songs) + "&go=1")
    expect(tab.locator(".card")).to_have_count(50)
    before = titles(tab)
    installation.kill("ranker")
    try:
        tab.get_by_role("radio", name="Hidden gems").or_(
            tab.get_by_role("button", name="Hidden gems")
        ).first.click()
        expect(tab.get_by_text(SAID["en-US"]["away"])).to_be_visible()
        # What was there is still there to read, and the rest of the page goes on.
        assert titles(tab) == before
        tab.get_by_role("button", name=re.compile("^Remove")).last.click()
        expect(tab.locator(".seat:not(.empty)")).to_have_count(4)
        tab.get_by_role("combobox").fill("nirvana")
        expect(tab.locator(".option .byline", has_text="Nirvana").first).to_be_visible()
    finally:
        installation.start("ranker")
    expect(tab.get_by_text(SAID["en-US"]["away"])).to_have_count(0, timeout=30_000)
    expect(tab.locator(".card").first).to_be_visible()
    assert titles(tab) != before


def test_the_list_is_exported_as_m3u8_and_jspf(visit, songs):
    tab = visit("/?" + "&".join(f"seat=1~{song}" for song in songs) + "&go=1")
    expect(tab.locator(".card")).to_have_count(50)
    settled(tab)
    content = {}
    for kind in ("M3U8", "JSPF"):
        with tab.expect_download() as waiting:
            tab.get_by_role("button", name=f"Download {kind}").click()
        content[kind] = waiting.value.path().read_text(encoding="utf-8")
    assert content["M3U8"].startswith("#EXTM3U\n")
    assert content["M3U8"].count("#EXTINF:") == 50
    entries = json.loads(content["JSPF"])["playlist"]["track"]
    assert [entry["title"] for entry in entries] == titles(tab)


def test_pictures_for_the_readme_are_taken(visit, songs):
    SHOTS.mkdir(parents=True, exist_ok=True)
    link = "/?" + "&".join(f"seat=1~{song}" for song in songs) + "&go=1"
    for name, options in (
        ("listener", {"height": 1350}),
        ("listener-dark-ko", {"locale": "ko-KR", "scheme": "dark", "height": 1350}),
        ("listener-phone", {"width": 390, "height": 1350}),
    ):
        tab = visit(link, **options)
        expect(tab.locator(".card")).to_have_count(50)
        expect(tab.locator(".js-plotly-plot")).to_be_attached()
        settled(tab)
        tab.screenshot(path=SHOTS / f"{name}.png")
        assert (SHOTS / f"{name}.png").stat().st_size > 20_000
