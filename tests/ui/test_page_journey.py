"""A listener's whole way, in a real browser, in both languages."""

import csv
import io
import json
import re
import signal
import time
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import expect
from quintet_ui.list_request import GLANCE_SECONDS

from tests.slow import slow
from tests.ui.patience import WAIT_SECONDS

WANTED = ("hotel cali", "bohemian rha", "back in black", "teen spirit", "everlong")
SAID = {
    "en-US": {
        "search": "Search for a song",
        "like": "Like",
        "mute": "Not this artist",
        "save": "Save",
        "skip": "Skip",
        "more": "More about",
        "refresh": "Refresh the list",
        "saved": "Saved songs",
        "list": "Your list",
        "preset": "Hidden gems",
        "download": "Download {}",
        "away": "unavailable or still starting",
        "empty": "Pick at least one",
    },
    "ko-KR": {
        "search": "노래, 가수, 앨범 검색",
        "like": "좋아요",
        "mute": "이 가수 빼기",
        "save": "저장",
        "skip": "넘기기",
        "more": "더 보기",
        "refresh": "목록 새로 고침",
        "saved": "저장한 곡",
        "list": "추천 목록",
        "preset": "숨은 명곡",
        "download": "{} 내려받기",
        "away": "사용할 수 없거나 아직 시작하는 중",
        "empty": "먼저 한 곡 이상",
    },
}


def pick(tab, said, texts, first=1):
    """Searches and picks by keyboard alone: Enter right after typing takes the first song."""
    box = tab.get_by_role("combobox", name=said["search"])
    for number, text in enumerate(texts, start=first):
        box.fill(text)
        box.press("Enter")
        expect(tab.locator(".seed:not(.empty)")).to_have_count(number)
        expect(box).to_have_value("")


def titles(tab):
    return tab.locator(".card h3").all_inner_texts()


def listed(tab):
    expect(tab.locator(".card")).to_have_count(50)
    settled(tab)


def menu(card, said):
    """Opens what a row has besides like and skip."""
    opener = card.get_by_role("button", name=re.compile(said["more"]))
    if opener.get_attribute("aria-expanded") != "true":
        opener.click()
    return card


def preset(tab, said):
    name = said["preset"]
    tab.get_by_role("radio", name=name).or_(tab.get_by_role("button", name=name)).first.click()


def download(tab, said, kind):
    """Returns the text of a file that the page gives."""
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name=said["download"].format(kind)).click()
    # Named after the seeds.
    assert "Hotel California" in waiting.value.suggested_filename
    return waiting.value.path().read_text(encoding="utf-8-sig")


def settled(tab):
    """Waits until nothing on the page is being made anew."""
    expect(tab.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )
    expect(tab.locator('[data-testid="stSkeleton"]')).to_have_count(0)


@pytest.mark.parametrize(
    "locale", ["en-US", pytest.param("ko-KR", marks=slow("the same in the other language"))]
)
def test_a_listener_gets_from_search_to_a_refined_list_and_back_by_link(visit, locale):
    said = SAID[locale]
    tab = visit(locale=locale)
    expect(tab.get_by_text(said["empty"])).to_be_visible()
    # The search is ready to type in, and the list begins with the first song.
    assert tab.evaluate("document.activeElement.shadowRoot.activeElement.id") == "box"
    pick(tab, said, WANTED[:1])
    listed(tab)
    pick(tab, said, WANTED[1:], first=2)
    listed(tab)
    assert tab.evaluate("document.documentElement.lang") == locale[:2]
    first = titles(tab)
    assert len(set(first)) > 40
    assert all(text.strip() for text in tab.locator(".why").all_text_contents())
    assert sum(bool(text) for text in tab.locator(".chip").all_inner_texts()) > 40

    # Tune: a preset changes limits and so the list.
    preset(tab, said)
    expect(tab.locator(".card h3").first).not_to_have_text(first[0])
    settled(tab)

    # Like marks the row alone, and the list stays as it is.
    before = titles(tab)
    liked = tab.locator(".card").nth(1).get_by_role("button", name=re.compile(said["like"])).first
    liked.click()
    expect(liked).to_have_attribute("aria-pressed", "true")
    # Not this artist, skip: gone at once; nothing else moves.
    artist = tab.locator(".card").nth(2).locator(".byline").first.inner_text().split(" · ")[0]
    menu(tab.locator(".card").nth(2), said).get_by_role("button", name=said["mute"]).click()
    exactly = re.compile(f"^{re.escape(artist)}( · |$)")
    expect(tab.locator(".card:visible .row .byline", has_text=exactly)).to_have_count(0)
    settled(tab)
    skipped, track = titles(tab)[0], tab.locator(".card").first.get_attribute("data-id")
    tab.locator(".card").first.get_by_role("button", name=said["skip"]).click()
    expect(tab.locator(".card:visible h3").first).not_to_have_text(skipped)
    # The page has confirmed what the row showed at once.
    expect(tab.locator(f'.card[data-id="{track}"]')).to_have_count(0)
    settled(tab)
    assert [title for title in before if title in titles(tab)] == titles(tab)
    saved = menu(tab.locator(".card").nth(3), said)
    kept = saved.locator("h3").inner_text()
    saved.get_by_role("button", name=said["save"]).click()
    expect(tab.locator(".tray li")).to_have_count(1)
    settled(tab)

    # Export.
    rows = list(csv.DictReader(io.StringIO(download(tab, said, "CSV"))))
    assert [row["title"] for row in rows] == titles(tab)
    assert all(row["artist"] for row in rows)
    # No song of the catalogue is a file here, so there is nothing that an M3U8 could play.
    expect(tab.get_by_role("button", name=said["download"].format("M3U8"))).to_have_count(0)
    entries = json.loads(download(tab, said, "JSPF"))["playlist"]["track"]
    assert [entry["title"] for entry in entries] == titles(tab)

    # The next list: what was refused stays out, what was saved stays.
    tab.get_by_role("button", name=said["refresh"]).click()
    listed(tab)
    assert skipped not in titles(tab)
    expect(tab.locator(".tray li")).to_contain_text(kept)

    # The link restores seeds, tuning, refusals, saved songs and language.
    query = parse_qs(urlparse(tab.url).query)
    assert len(query["seat"]) == 5
    assert query["lang"] == [locale[:2]]
    again = visit(f"/?{urlparse(tab.url).query}", locale="fr-FR")
    listed(again)
    # Nobody's memory counts there, so that the list may differ; what was refused stays out.
    expect(again.locator(".card .row .byline", has_text=exactly)).to_have_count(0)
    assert skipped not in titles(again)
    expect(again.get_by_role("heading", name=said["list"])).to_be_visible()
    expect(again.locator(".tray li")).to_contain_text(kept)


def seat(tab, title):
    """Opens the menu of a seed."""
    button = tab.get_by_role("button", name=re.compile(f"^{re.escape(title)}.*Options$"))
    if button.get_attribute("aria-expanded") != "true":
        button.click()


@slow("draws a page many times")
def test_seats_are_reordered_turned_around_and_removed(visit, songs):
    tab = visit("/?" + "&".join(f"seat=1~{song}" for song in songs[:3]))
    seeds = tab.locator(".slot .title")
    expect(seeds).to_have_count(3)
    listed(tab)
    before = seeds.all_inner_texts()
    seat(tab, before[0])
    tab.get_by_role("button", name=f"Move {before[0]} behind").click()
    expect(seeds.first).to_have_text(before[1])
    # By pointer, as a mouse and a finger do.
    tab.locator(".slot").first.drag_to(tab.locator(".slot").nth(2))
    expect(seeds.nth(2)).to_have_text(before[1])
    tab.locator(".slot").nth(2).drag_to(tab.locator(".slot").first)
    expect(seeds.first).to_have_text(before[1])
    seat(tab, before[0])
    tab.get_by_role("button", name=f"Less like this: {before[0]}").click()
    expect(tab.locator(".seed.against .slot .title")).to_have_text(before[0])
    seat(tab, before[1])
    tab.get_by_role("group", name=f"How much {before[1]} counts").get_by_text("More").click()
    seat(tab, before[2])
    tab.get_by_role("button", name=f"Remove {before[2]}").click()
    expect(seeds).to_have_count(2)
    listed(tab)
    assert parse_qs(urlparse(tab.url).query)["seat"] == [f"2~{songs[1]}", f"-1~{songs[0]}"]


def test_back_undoes_one_change_at_a_time_and_forward_repeats_it(visit, installation, songs):
    tab = visit(f"/?seat=1~{songs[0]}")
    listed(tab)
    before = titles(tab)
    first = tab.locator(".card").first
    track = first.get_attribute("data-id")
    stored = installation.feedback_on(track)
    first.get_by_role("button", name="Skip").click()
    expect(tab.locator(f'.card[data-id="{track}"]')).to_have_count(0)
    expect(tab).to_have_url(re.compile("skip="))
    settled(tab)
    box = tab.get_by_role("combobox")
    box.fill("nirvana")
    box.press("Enter")
    expect(tab.locator(".seed:not(.empty)")).to_have_count(2)
    # The slot shows the song before the page has it, and with it the address.
    expect(tab).to_have_url(re.compile("seat=.*seat="))
    settled(tab)
    tab.go_back()
    expect(tab.locator(".seed:not(.empty)")).to_have_count(1)
    expect(tab.locator(f'.card[data-id="{track}"]')).to_have_count(0)
    settled(tab)
    tab.go_back()
    expect(tab.locator(f'.card[data-id="{track}"]')).to_have_count(1)
    settled(tab)
    assert titles(tab) == before
    assert installation.feedback_on(track) == stored
    tab.go_forward()
    expect(tab.locator(f'.card[data-id="{track}"]')).to_have_count(0)


def test_songs_and_saved_songs_stay_over_reloads_and_other_pages(visit, songs):
    tab = visit(f"/?seat=1~{songs[0]}&save={songs[1]}&save={songs[2]}")
    listed(tab)
    expect(tab.locator(".tray li")).to_have_count(2)
    tab.get_by_role("link", name="Operator").click()
    expect(tab.get_by_role("heading", name="Operator")).to_be_visible()
    settled(tab)
    tab.reload()
    expect(tab.get_by_role("heading", name="Operator")).to_be_visible()
    settled(tab)
    tab.get_by_role("link", name="Listen").click()
    listed(tab)
    expect(tab.locator(".tray li")).to_have_count(2)
    tab.locator(".tray li").first.locator(".remove").click()
    expect(tab.locator(".tray li")).to_have_count(1)
    settled(tab)
    # Another visit of the same browser, by an address without them.
    tab.goto(tab.url.partition("?")[0])
    expect(tab.locator(".tray li")).to_have_count(1)


def test_ten_rows_fit_and_the_list_is_gone_through_by_keyboard(visit, songs):
    tab = visit(f"/?seat=1~{songs[0]}", width=1440)
    listed(tab)
    boxes = [row.bounding_box() for row in tab.locator(".card").all()[:10]]
    assert all(box["height"] <= 64 for box in boxes)
    assert boxes[-1]["y"] + boxes[-1]["height"] - boxes[0]["y"] <= 640
    # Most of the first screen is songs, and on a phone each says why it is there.
    assert boxes[6]["y"] + boxes[6]["height"] <= 900
    tab.set_viewport_size({"width": 390, "height": 844})
    expect(tab.locator(".card .chip").first).to_be_visible()
    assert tab.locator(".card").nth(4).bounding_box()["y"] < 844 - 64
    cut = tab.locator(".card .chip").evaluate_all(
        "(chips) => chips.filter((each) => each.scrollWidth > each.clientWidth).length"
    )
    assert cut <= 5
    tab.set_viewport_size({"width": 1440, "height": 900})
    # One row is a Tab stop; its keys go on from it.
    assert tab.locator('.card[tabindex="0"]').count() == 1
    names = titles(tab)
    tab.locator(".card").first.focus()
    tab.keyboard.press("j")
    assert tab.evaluate(FOCUSED) == names[1]
    tab.keyboard.press("l")
    like = tab.locator(".card").nth(1).locator(".like")
    expect(like).to_have_attribute("aria-pressed", "true")
    settled(tab)
    tab.keyboard.press("s")
    expect(tab.locator(".card h3").nth(1)).to_have_text(names[2])
    # The next row has the focus, also after the page has confirmed it.
    settled(tab)
    assert tab.evaluate(FOCUSED) == names[2]
    tab.keyboard.press("k")
    assert tab.evaluate(FOCUSED) == names[0]
    tab.keyboard.press("Control+z")
    expect(tab.locator(".card h3").nth(1)).to_have_text(names[1])
    settled(tab)
    tab.keyboard.press("?")
    expect(tab.locator(".keys")).to_be_visible()


FOCUSED = (
    "document.activeElement.shadowRoot.activeElement.closest('.card').querySelector('h3').innerText"
)


def test_the_dial_moves_a_list_of_five_and_a_sixth_song_asks_which_one_it_replaces(visit, songs):
    tab = visit("/?" + "&".join(f"seat=1~{song}" for song in songs) + "&new=1")
    expect(tab.get_by_text("50 of 50 are by artists you did not name.")).to_be_visible()
    expect(tab.locator(".card .known")).to_have_count(0)
    dial = tab.get_by_role("slider", name="Familiar or new?")
    dial.focus()
    dial.press("Home")
    expect(tab.locator(".card").first.locator(".known")).to_be_attached()
    settled(tab)
    assert parse_qs(urlparse(tab.url).query)["new"] == ["0"]
    third = tab.locator(".slot .title").nth(2).inner_text()
    box = tab.get_by_role("combobox")
    box.fill("coldplay")
    box.press("Enter")
    expect(tab.get_by_text("You have five songs. Which one does")).to_be_visible()
    tab.get_by_role("button", name=third, exact=True).click()
    expect(tab.locator(".slot .title").nth(2)).not_to_have_text(third)
    expect(tab.locator(".seed:not(.empty)")).to_have_count(5)


def test_links_and_texts_that_name_no_song_say_what_was_found(visit, songs):
    tab = visit()
    box = tab.get_by_role("combobox")
    for text in (
        f"https://open.spotify.com/track/{songs[1]}?si=abc",
        f"spotify:track:{songs[1]}",
    ):
        box.fill(text)
        expect(tab.locator(".option")).to_have_count(1)
        expect(tab.locator(".option .title")).to_contain_text("Bohemian Rhapsody")
    box.fill("spotify:track:0000000000000000000000")
    expect(tab.get_by_text("does not have the song of this link")).to_be_visible()
    box.fill("hotel californja")
    expect(tab.get_by_text("No song is named 'hotel californja'")).to_be_visible()
    box.fill("x" * 200)
    expect(tab.get_by_text("This catalogue has no song that matches")).to_be_visible()
    wide = tab.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert wide


@slow("waits for a start of the ranker")
def test_the_list_waits_for_a_killed_ranker_and_comes_back_by_itself(visit, installation, songs):
    tab = visit("/?" + "&".join(f"seat=1~{song}" for song in songs))
    expect(tab.locator(".card")).to_have_count(50)
    before = titles(tab)
    installation.kill("ranker")
    try:
        preset(tab, SAID["en-US"])
        expect(tab.get_by_text(SAID["en-US"]["away"])).to_be_visible()
        # What was there is still there to read, and the rest of the page goes on.
        expect(tab.locator(".card h3")).to_have_text(before)
        seat(tab, tab.locator(".slot .title").last.inner_text())
        tab.get_by_role("button", name=re.compile("^Remove")).last.click()
        expect(tab.locator(".seed:not(.empty)")).to_have_count(4)
        tab.get_by_role("combobox").fill("nirvana")
        expect(tab.locator(".option .byline", has_text="Nirvana").first).to_be_visible()
    finally:
        installation.start("ranker")
    expect(tab.get_by_text(SAID["en-US"]["away"])).to_have_count(0)
    expect(tab.locator(".card").first).to_be_visible()
    assert titles(tab) != before


def test_a_song_of_the_map_becomes_a_seed_or_starts_a_list(visit, songs, picture):
    seeds = "&".join(f"seat=1~{song}" for song in songs[:4])
    tab = visit(f"/explore?{seeds}", ready="application")
    drawn = tab.locator(".map .over")
    expect(tab.locator(".map .regions button").first).to_be_visible()
    tab.locator(".map .regions button").first.click()
    # By keyboard: the song in the middle.
    drawn.press("ArrowRight")
    expect(tab.locator(".map [role=status]")).to_contain_text("·")
    drawn.press("Enter")
    expect(tab.locator(".map .card .from")).to_be_visible()
    picture(tab, "map")
    tab.keyboard.press("Escape")
    expect(tab.locator(".map .card")).to_be_hidden()
    expect(drawn).to_be_focused()
    drawn.press("Enter")
    tab.locator(".map .card .add").click()
    expect(tab).to_have_url(re.compile(r"(seat=.*){5}"))
    # With five seeds, the page asks which one the next song replaces.
    for _ in range(4):
        drawn.press("ArrowUp")
    drawn.press("Enter")
    tab.locator(".map .card .add").click()
    keep = tab.get_by_role("button", name=re.compile("keep my five"))
    expect(keep).to_be_visible()
    drawn.press("Enter")
    tab.locator(".map .card .from").click()
    expect(tab.locator(".seed:not(.empty)")).to_have_count(1)
    expect(tab.locator(".card.moves").first).to_be_visible()
    assert tab.locator(".map").count() == 0


def search_seconds(tab, artist):
    """Searches for an artist; how long it takes until a song of theirs is shown."""
    began = time.monotonic()
    tab.get_by_role("combobox").fill(artist)
    found = tab.locator(".option .byline", has_text=re.compile(artist, re.IGNORECASE))
    expect(found.first).to_be_visible()
    return time.monotonic() - began


@slow("waits for a deadline several times")
def test_a_ranker_that_hangs_does_not_hold_the_page_up(visit, installation, songs):
    tab = visit("/?" + "&".join(f"seat=1~{song}" for song in songs))
    expect(tab.locator(".card")).to_have_count(50)
    settled(tab)
    before = titles(tab)
    # A busy machine is slow with a healthy ranker too.
    usual = search_seconds(tab, "eagles")
    ranker = installation.processes["ranker"]
    ranker.send_signal(signal.SIGSTOP)
    try:
        preset(tab, SAID["en-US"])
        expect(tab.get_by_text("Finding songs")).to_be_visible()
        # A search waits for one glance at the pending list at most, and not for its deadline.
        assert search_seconds(tab, "nirvana") < 3 * usual + 2 * GLANCE_SECONDS
        expect(tab.get_by_text("too long to answer")).to_be_visible()
        expect(tab.locator(".card h3")).to_have_text(before)
    finally:
        ranker.send_signal(signal.SIGCONT)
    expect(tab.get_by_text("too long to answer")).to_have_count(0)
    expect(tab.locator(".card h3").first).not_to_have_text(before[0])


def test_a_signal_is_undone_in_the_memory_too_and_kept_until_it_is_deleted(
    visit, installation, songs
):
    tab = visit("/?" + "&".join(f"seat=1~{song}" for song in songs))
    expect(tab.locator(".card")).to_have_count(50)
    settled(tab)
    before = titles(tab)
    for number, name in enumerate(("Skip", "Not this artist", "Less like this"), start=1):
        card = tab.locator(".card").nth(number)
        track, title = card.get_attribute("data-id"), card.locator("h3").inner_text()
        stored = installation.feedback_on(track)
        menu(card, SAID["en-US"]).get_by_role("button", name=re.compile(name)).first.click()
        expect(tab.locator(f'.card[data-id="{track}"]')).to_have_count(0)
        settled(tab)
        assert len(installation.feedback_on(track)) == len(stored) + 1
        # One of them by the key, the others by the button.
        if number == 1:
            tab.keyboard.press("Control+z")
        else:
            tab.locator(".toast").get_by_role("button", name="Undo").click()
        # The row is back at once; what is stored follows.
        expect(tab.locator(".card h3", has_text=title).first).to_be_visible()
        deadline = time.monotonic() + WAIT_SECONDS
        while installation.feedback_on(track) != stored:
            assert time.monotonic() < deadline
            tab.wait_for_timeout(100)
        settled(tab)
    assert titles(tab) == before
    # Other tests share the database, and other listeners' feedback stays.
    card = tab.locator(".card").nth(4)
    track = card.get_attribute("data-id")
    stored = installation.feedback_on(track)
    menu(card, SAID["en-US"]).get_by_role("button", name="Save").click()
    expect(tab.locator(".tray li")).to_have_count(1)
    settled(tab)
    assert sorted(installation.feedback_on(track)) == sorted([*stored, "save"])
    tab.get_by_role("button", name="Delete my history").click()
    tab.get_by_role("button", name="Delete for good").click()
    expect(tab.get_by_text("Deleted. Likes, skips and the like: 1;")).to_be_visible()
    assert installation.feedback_on(track) == stored


def test_a_named_listener_is_known_again_in_the_next_visit(visit, songs):
    link = "/?" + "&".join(f"seat=1~{song}" for song in songs) + ""
    tab = visit(link)
    tab.get_by_label("Who listens?").fill("Ann")
    tab.get_by_role("button", name="Remember me").click()
    expect(tab.get_by_text("Listening: Ann")).to_be_visible()
    expect(tab.locator(".card")).to_have_count(50)
    settled(tab)
    disliked = tab.locator(".card").nth(2).get_attribute("data-id")
    row = menu(tab.locator(".card").nth(2), SAID["en-US"])
    row.get_by_role("button", name="Less like this").click()
    expect(tab.locator(f'.card[data-id="{disliked}"]')).to_have_count(0)
    settled(tab)
    # Another visit with the same browser, without what the address of the first one keeps.
    # On a phone the panel that names the listener is closed at first.
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(tab.url.split("/?")[0] + link)
    expect(tab.get_by_text("are new to you")).to_be_visible()
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.goto(tab.url.split("/?")[0] + link)
    expect(tab.get_by_text("Listening: Ann")).to_be_visible()
    expect(tab.get_by_text("are new to you")).to_be_visible()
    settled(tab)
    expect(tab.locator(f'.card[data-id="{disliked}"]')).to_have_count(0)
    # Deleted: the name leaves the browser with the data.
    tab.get_by_role("button", name="Delete my history").click()
    tab.get_by_role("button", name="Delete for good").click()
    expect(tab.get_by_label("Who listens?")).to_be_visible()
    expect(tab.get_by_text("are by artists you did not name")).to_be_visible()
