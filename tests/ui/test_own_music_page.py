"""The page "Add your music", in a browser: sources, what failed and why, servers that fail."""

import re
import socket
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect
from quintet_store import open_engine, writing
from quintet_store.source_items import remove_source
from quintet_store.sources import SourceSpec

from tests.fakes.own_music import own_item, store
from tests.fakes.web_server import Answer, web_server
from tests.slow import slow
from tests.ui.access import violations

BAD = {
    "a": "artists: neither a tag nor the name of the file gives one",
    "b": "it is damaged: HeaderNotFoundError",
}


@pytest.fixture(scope="module")
def source(installation):
    """A folder of two songs that was read once, with two files that could not be read."""
    home = Path(installation.environment["QUINTET_HOME"])
    spec = SourceSpec("mine", "folder", "/music/mine", play_allowed=True)
    store(home, spec, [own_item("one"), own_item("two")], bad=BAD)
    yield spec
    engine = open_engine(f"sqlite:///{home / 'quintet.db'}")
    with writing(engine) as connection:
        remove_source(connection, "mine")
    engine.dispose()


@pytest.fixture
def worker(installation):
    """What works on requests, as `quintet up` starts it."""
    command = [sys.executable, "-m", "quintet_command", "library", "work"]
    installation.processes.start("library", command, {"MUSIC_PASSWORD": "not this one"})
    yield
    # Removed as well: other tests of the run wait for services, and fail if a program has ended.
    installation.processes.programs.pop("library").end()


def opened(visit, **options):
    tab = visit("/own-music", ready="heading", **options)
    expect(tab.locator('[data-testid="stSkeleton"]')).to_have_count(0)
    return tab


def add(tab, kind, name, address):
    """Fill the form for a server, and send it."""
    tab.get_by_role("radio", name=kind).or_(tab.get_by_role("button", name=kind)).first.click()
    tab.get_by_role("textbox", name="Address of the server").fill(address)
    for label, text in (
        ("Name of the source", name),
        ("User name", "ann"),
        ("Where the password is", "env:MUSIC_PASSWORD"),
    ):
        tab.get_by_role("textbox", name=label).fill(text)
    tab.get_by_role("button", name="Add", exact=True).click()


@slow("draws a page in two languages")
@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("locale", "scheme", "title", "failed"),
    [
        ("en-US", "light", "Add your music", "could not be read"),
        ("ko-KR", "dark", "내 음악 추가", "읽지 못한"),
    ],
)
def test_sources_and_their_failures_are_read_by_everybody(
    visit, axe, picture, locale, scheme, title, failed
):
    tab = opened(visit, locale=locale, scheme=scheme, height=1500)
    expect(tab.get_by_role("heading", level=1)).to_have_text(title)
    expect(tab.get_by_text("quintet library work")).to_be_visible()  # no worker runs
    expect(tab.get_by_text("/music/mine")).to_be_visible()
    tab.get_by_text(re.compile(failed)).click()
    for reason in BAD.values():
        expect(tab.get_by_text(reason)).to_be_visible()
    picture(tab, f"own-music-{scheme}")
    assert violations(tab, axe) == []


@slow("a second width")
@pytest.mark.usefixtures("source")
def test_a_phone_shows_all_of_own_music_within_its_width(visit, axe, picture):
    tab = opened(visit, width=360, height=1900)
    expect(tab.get_by_text("/music/mine")).to_be_visible()
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 360
    picture(tab, "own-music-phone")
    assert violations(tab, axe) == []


@slow("waits for three servers that fail")
@pytest.mark.usefixtures("source", "worker")
def test_servers_that_fail_are_named_in_plain_words(visit, picture):
    def denies(_):
        error = {"code": 40, "message": "Wrong username or password"}
        return Answer({"subsonic-response": {"status": "failed", "error": error}})

    with (
        socket.socket() as taken,
        web_server(denies) as strict,
        web_server(lambda _: Answer(b"<html>Sign in</html>")) as page,
    ):
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        tab = opened(visit, height=1500)
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for name, address in (("strict", strict.address), ("html", page.address), ("gone", nobody)):
            add(tab, "Subsonic", name, address)
            # The worker may have begun, or even ended, before the page is drawn again.
            expect(tab.locator("code", has_text=name).first).to_be_visible()
        for said in (
            "denied the user 'ann' or the password",
            "answered a web page instead of JSON",
            "cannot be reached",
        ):
            expect(tab.get_by_text(said)).to_be_visible()
        picture(tab, "own-music-failed")
    assert "not this one" not in tab.content()


@pytest.mark.usefixtures("source", "worker")
def test_a_list_is_sent_to_a_source_and_the_worker_s_answer_is_shown(visit, songs):
    tab = visit(f"/?seat=1~{songs[0]}&go=1", height=1500)
    tab.get_by_text("Send to my player").click()
    name = tab.get_by_role("textbox", name="Name of the playlist")
    expect(name).to_have_value(re.compile("^Like Hotel California"))
    name.fill("From the page")
    name.press("Enter")
    expect(tab.get_by_role("combobox", name=re.compile("Server or folder"))).to_be_visible()
    tab.get_by_role("button", name="Send the list").click()
    # The folder of this source is not on this machine: the reason is said, and nothing is lost.
    expect(tab.get_by_text("/music/mine: no such folder")).to_be_visible()
