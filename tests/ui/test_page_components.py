"""The scripts of the page by themselves, in a real browser: what plays goes on, text stays text."""

import base64
import io
import wave
from pathlib import Path

import pytest
import quintet_ui.components

FOLDER = Path(quintet_ui.components.__file__).parent
LABELS = {
    "preview": "Preview", "like": "Like", "save": "Save", "skip": "Skip", "mute": "Mute",
    "dislike": "Less", "choose": "Compare", "open": "Open", "bars": "Why", "heading": "List",
    "more": "More about", "why": "Why this song", "likeness": "Alike", "nerds": "For nerds",
    "keys": "Keys", "changed": "New list: #",
}  # fmt: skip
DRAWN = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"


def silence(seconds):
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 8000 * seconds)
    return f"data:audio/wav;base64,{base64.b64encode(content.getvalue()).decode()}"


def card(name, **changes):
    return {
        "id": name, "rank": 1, "title": f"Title {name}", "byline": "Artist", "artist": "Artist",
        "details": "Album", "cover": DRAWN, "drawn": DRAWN, "preview": "", "link": "",
        "sentence": "Because.",
        "why": {"facts": ["Because."], "likeness": [], "fit": None, "bars": []},
        "year": "1976", "chip": "More",
        "liked": False, "saved": False, **changes,
    }  # fmt: skip


@pytest.fixture
def component(chromium):
    """Opens a script alone in a tab; returns the tab, what it sent, and how to give it data."""
    tab = chromium.new_page()

    def opened(name, html):
        tab.set_content(f'<html lang="en"><body>{html}</body></html>')
        script = "\n".join(
            (FOLDER / part).read_text(encoding="utf-8") for part in ("dom.js", f"{name}.js")
        )
        tab.evaluate(
            """async (script) => {
                const address = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
                const {default: show} = await import(address);
                window.sent = [];
                const setTriggerValue = (_name, value) => window.sent.push(value);
                const parentElement = document.body;
                window.give = (data) => show({data, parentElement, setTriggerValue});
            }""",
            script,
        )
        return (
            tab,
            lambda: tab.evaluate("window.sent"),
            lambda data: tab.evaluate("(data) => window.give(data)", data),
        )

    yield opened
    tab.close()


@pytest.fixture
def cards(component):
    """The list alone; returns a tab, what it sent, and how to give it other tracks."""
    tab, sent, give_data = component("cards", '<ol class="cards"></ol>')

    def give(*tracks):
        give_data(
            {"labels": LABELS, "tracks": list(tracks), "chosen": "", "stale": False, "list": "1"}
        )

    return tab, sent, give


def test_titles_are_text_and_never_run(cards):
    tab, _, give = cards
    why = {
        "facts": ["<b>x</b>"],
        "likeness": [{"name": "<i>a</i>", "text": "<i>b</i>", "share": 0.5}],
        "fit": {"name": "<i>c</i>", "lines": ["<i>d</i>"], "share": 0.25},
        "bars": [{"name": "<i>e</i>", "text": "+1.0", "share": 1.0, "sign": "up"}],
    }
    give(card("a", title="<img src=x onerror='window.broken = 1'>", why=why))
    assert tab.locator("h3").inner_text() == "<img src=x onerror='window.broken = 1'>"
    shown = tab.locator(".why").text_content()
    assert all(text in shown for text in ("<b>x</b>", *(f"<i>{name}</i>" for name in "abcde")))
    assert tab.evaluate("window.broken") is None


def test_a_preview_plays_on_while_the_list_is_refined_and_its_length_is_told(cards):
    tab, sent, give = cards
    sounds = silence(30)
    give(card("a"), card("b", preview=sounds), card("c"))
    tab.evaluate("document.querySelector('audio').play()")
    give(card("b", preview=sounds, rank=1, liked=True), card("d"))
    assert tab.evaluate("!document.querySelector('audio').paused")
    assert tab.locator("[data-id=b] .like").get_attribute("aria-pressed") == "true"
    tab.wait_for_function("document.querySelector('audio').currentTime > 0.1")
    tab.evaluate("document.querySelector('audio').pause()")
    tab.wait_for_function("window.sent.length > 0")
    (told,) = sent()
    assert (told["kind"], told["id"]) == ("play", "b")
    assert 50 < told["dwell"] < 20_000


def test_a_preview_ends_with_its_card_and_when_another_starts(cards):
    tab, sent, give = cards
    give(card("a", preview=silence(30)), card("b", preview=silence(30)))
    tab.evaluate("document.querySelector('[data-id=a] audio').play()")
    tab.evaluate("document.querySelector('[data-id=b] audio').play()")
    tab.wait_for_function("document.querySelector('[data-id=a] audio').paused")
    tab.evaluate("window.gone = document.querySelector('[data-id=b] audio')")
    give(card("a", preview=silence(30)))
    tab.wait_for_function("window.gone.paused && window.sent.length === 2")
    assert {each["id"] for each in sent()} == {"a", "b"}


def test_a_cover_that_is_gone_gives_way_to_the_one_drawn(cards):
    tab, _, give = cards
    give(card("a", cover="data:image/png;base64,broken"))
    tab.wait_for_function("document.querySelector('img').src.startsWith('data:image/svg')")


def test_every_act_names_its_track_and_the_focus_stays(cards):
    tab, sent, give = cards
    give(card("a"), card("b"), card("c"))
    tab.locator("[data-id=b] .open").click()
    kinds = ("like", "save", "choose", "dislike")
    for kind in kinds:
        tab.locator(f"[data-id=b] .{kind}").click()
    assert [(each["kind"], each["id"]) for each in sent()] == [(kind, "b") for kind in kinds]
    # A row that leaves gives its focus to the next one, before the page has answered.
    assert not tab.locator("[data-id=b]").is_visible()
    assert tab.evaluate("document.activeElement.dataset.id") == "c"
    # What the page could not store comes back.
    give(card("b", liked=True), card("a"), card("c"))
    assert tab.locator("[data-id=b]").is_visible()
    assert tab.evaluate("document.activeElement.dataset.id") == "c"


def test_acts_show_on_the_row_at_once(cards):
    tab, _, give = cards
    give(*(card(f"t{number}") for number in range(50)))
    took = tab.evaluate(
        """async () => {
            const row = document.querySelector("[data-id=t7]");
            const began = performance.now();
            row.querySelector(".like").click();
            const marked = row.querySelector(".like").getAttribute("aria-pressed");
            row.querySelector(".skip").click();
            const left = row.getBoundingClientRect().height === 0;
            await new Promise(requestAnimationFrame);
            return {marked, left, ms: performance.now() - began};
        }"""
    )
    assert (took["marked"], took["left"]) == ("true", True)
    # The promise is 100 ms; a busy machine may be slower, and here nothing waits for the network.
    assert took["ms"] < 500


def test_a_new_list_is_announced(cards):
    tab, _, give = cards
    give(card("a"))
    tab.evaluate(
        "(data) => window.give(data)",
        {
            "labels": LABELS,
            "tracks": [card("b"), card("c")],
            "chosen": "",
            "stale": False,
            "list": "2",
        },
    )
    assert tab.locator("[role=status]").first.text_content() == "New list: 2"


def test_a_mood_is_chosen_by_pointer_and_by_keyboard(component):
    labels = dict.fromkeys(("presets", "tempo", "pad", "energy", "valence", "any"), "x")
    labels |= dict.fromkeys(("top", "bottom", "left", "right", "clear", "seeds", "list"), "x")
    labels |= {"hint": "Tap", "aim": "Energy #, happy #"}
    preset = {"name": "calm", "label": "Calm", "pressed": True}
    data = {
        "labels": labels, "mood": {"energy": 0.2, "valence": None}, "presets": [preset],
        "tempi": [], "dots": [{"kind": "mine", "title": "<b>A</b>", "energy": 0.5, "valence": 1}],
    }  # fmt: skip
    tab, sent, give = component("mood", '<div class="mood"></div>')
    tab.add_style_tag(content=".pad{position:relative;width:200px;height:200px}")
    give(data)
    assert tab.locator(".aim.level").count() == 1
    tab.locator(".preset").click()
    box = tab.locator(".pad").bounding_box()
    tab.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    tab.locator("[data-control=energy]").focus()
    tab.keyboard.press("ArrowUp")
    tab.wait_for_function("window.sent.length === 3")
    preset_off, pointed, pressed = sent()
    assert (preset_off["kind"], preset_off["name"]) == ("preset", "")
    assert pointed["mood"] == {"energy": 0.75, "valence": 0.75}
    assert pressed["mood"] == {"energy": 0.8, "valence": 0.75}


def test_saved_songs_of_the_browser_wait_for_the_page_that_reads_them(component):
    labels = dict.fromkeys(("heading", "none", "remove", "copy"), "x")
    data = {"labels": labels, "listener": "", "forgotten": "", "tracks": []}
    kept = """{"": ["a", "b"]}"""
    store = (
        "(kept) => Object.defineProperty(window, 'localStorage', {value: {kept,"
        " getItem() { return this.kept; }, setItem(_n, v) { this.kept = v; }}})"
    )
    tab, sent, give = component("tray", '<div class="tray"></div>')
    # A page without an address keeps nothing, so this one has a store of its own.
    tab.evaluate(store, kept)
    give({**data, "restored": False})
    # Shown again before the page has the songs.
    give({**data, "restored": False})
    assert sent() == [["a", "b"]]
    assert tab.evaluate("window.localStorage.kept") == kept
    give({**data, "restored": True})
    assert tab.evaluate("window.localStorage.kept") == "{}"


def test_a_lost_server_is_said_until_it_is_back(component):
    tab, _, give = component(
        "watch", '<div data-test-connection-state="CONNECTED"></div><div class="watch"></div>'
    )
    give({"labels": {"lost": "Lost.", "back": "Back."}})
    assert not tab.locator(".lost").is_visible()
    state = "(s) => document.querySelector('div').setAttribute('data-test-connection-state', s)"
    tab.evaluate(state, "PINGING_SERVER")
    tab.locator(".lost", has_text="Lost.").wait_for()
    tab.evaluate(state, "CONNECTED")
    tab.locator(".lost").wait_for(state="hidden")
    tab.locator("[role=status]", has_text="Back.").wait_for(state="attached")
