"""The scripts of the page by themselves, in a real browser: what plays goes on, text stays text."""

from quintet_ui.translations import translations_for

from tests.ui.scripts import Component, card, silence


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


PLAYS = "(({currentTime, paused}) => currentTime > 0.1 && !paused)(document.querySelector('audio'))"


def test_a_preview_plays_on_while_the_list_is_refined_and_its_length_is_told(cards):
    tab, _, give = cards
    sounds = silence(30)
    give(card("a"), card("b", preview=sounds), card("c"))
    tab.locator("[data-id=b] .play").click()
    tab.wait_for_function(PLAYS)
    give(card("b", preview=sounds, rank=1, liked=True), card("d"))
    assert tab.evaluate("!document.querySelector('audio').paused")
    assert tab.locator("[data-id=b] .like").get_attribute("aria-pressed") == "true"
    assert tab.locator("[data-id=b] .play").get_attribute("aria-label") == "Pause: Title b"
    tab.locator("[data-id=b]").focus()
    tab.keyboard.press("Space")
    tab.wait_for_function("window.sent.player.length > 0")
    ((heard,),) = tab.evaluate("window.sent.player")
    assert heard["id"] == "b"
    assert 50 < heard["dwell"] < 60_000


def test_the_queue_goes_on_back_and_without_what_is_skipped(cards):
    tab, _, give = cards
    give(*(card(name, preview=silence(30)) for name in "abcd"), card("e"))
    shown = tab.locator(".player .names .title")
    tab.locator("[data-id=a] .play").click()
    tab.wait_for_function(PLAYS)
    tab.locator(".player").get_by_role("button", name="Queue").click()
    assert tab.locator(".queue .title").all_inner_texts() == ["Title b", "Title c", "Title d"]
    tab.get_by_role("button", name="Remove Title c from the queue").click()
    tab.locator(".player").get_by_role("button", name="Next song").click()
    assert shown.inner_text() == "Title b"
    tab.locator(".player").get_by_role("button", name="Previous song").click()
    assert shown.inner_text() == "Title a"
    assert tab.locator(".queue .title").all_inner_texts() == ["Title b", "Title d"]
    # A song that the listener skips does not play on.
    tab.locator("[data-id=a] .skip").click()
    assert shown.inner_text() == "Title b"
    tab.wait_for_function(PLAYS)
    # What ends gives way to the next; after the last one, nothing plays.
    tab.evaluate("document.querySelector('audio').currentTime = 29.9")
    tab.wait_for_function(
        "document.querySelector('.player .names .title').textContent === 'Title d'"
    )
    assert tab.get_by_role("button", name="Next song").is_disabled()
    tab.get_by_role("button", name="Close the player").click()
    assert tab.locator(".player").is_hidden()
    # Each message has all that the page has not confirmed.
    assert {each["id"] for each in tab.evaluate("window.sent.player.at(-1)")} >= {"a", "b"}


def test_a_song_that_cannot_be_played_is_searched_for_on_the_service_chosen_once(cards):
    tab, _, give = cards
    tab.evaluate("() => { window.opened = []; window.open = (...facts) => opened.push(facts); }")
    give(card("a"), card("b", artist="AC/DC"))
    tab.locator("[data-id=a] .play").click()
    assert tab.evaluate("window.opened") == []
    tab.get_by_role("button", name="Deezer").click()
    tab.locator("[data-id=b] .play").click()
    addresses = [facts[0] for facts in tab.evaluate("window.opened")]
    assert addresses == [
        "https://www.deezer.com/search/Artist%20Title%20a",
        "https://www.deezer.com/search/AC%2FDC%20Title%20b",
    ]
    assert all(facts[1:] == ["_blank", "noopener,noreferrer"] for facts in tab.evaluate("opened"))


def test_a_radio_goes_on_in_the_one_player_and_says_how_its_songs_ended(cards):
    tab, _, give = cards
    give(card("z", preview=silence(30)))
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<ol class=radio></ol>')")
    radio = Component(tab, "radio")
    songs = [
        {**card(name, preview=silence(30)), "place": n, "transition": ""}
        for n, name in enumerate("abcd", start=1)
    ]
    labels = {"heading": "Radio", "now": "Now, song #"}
    radio.give({"labels": labels, "tracks": songs[:2]})
    shown = tab.locator(".player .names .title")
    tab.locator(".radio [data-id=a] .play").click()
    tab.wait_for_function(PLAYS)
    assert shown.inner_text() == "Title a"
    tab.evaluate("document.querySelector('audio').currentTime = 29.9")
    tab.wait_for_function("window.sent.radio.length === 1")
    # The page has the next songs: they follow the one that plays.
    radio.give({"labels": labels, "tracks": songs[1:]})
    assert shown.inner_text() == "Title b"
    assert tab.locator(".queue .title").all_text_contents() == ["Title c", "Title d"]
    tab.locator(".player").get_by_role("button", name="Next song").click()
    assert shown.inner_text() == "Title c"
    assert [(each["id"], each["how"]) for each in radio.sent()] == [("a", "finish"), ("b", "skip")]
    # A skip by the radio's own button goes on too; a song of the list is not the radio's.
    radio.give({"labels": labels, "tracks": songs[3:]})
    assert shown.inner_text() == "Title d"
    tab.locator(".cards .play").click()
    tab.locator(".player").get_by_role("button", name="Pause").click()
    radio.give({"labels": labels, "tracks": songs[:2]})
    assert shown.inner_text() == "Title z"
    assert len(radio.sent()) == 2
    assert tab.locator("audio").count() == 1


def test_seeds_saved_songs_and_results_play_in_the_same_player(cards):
    tab, _, give = cards
    give(card("z"))
    sound = silence(30)
    parts = {"seeds": "ol", "tray": "div", "search": "div"}
    html = "".join(f"<{tag} class={name}></{tag}>" for name, tag in parts.items())
    tab.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", html)
    songs = {name: {**card(name, preview=sound), "weight": 1, "taken": False} for name in parts}
    empty = {"labels": {"remove": "", "empty": ""}, "levels": [{"name": "normal", "weight": 1}]}
    more = {
        "seeds": {**empty, "count": 5, "seeds": [songs["seeds"]],
                  "labels": translations_for("en").group("seeds")},
        "tray": {**empty, "listener": "", "forgotten": "", "restored": True,
                 "tracks": [songs["tray"]]},
        "search": {"labels": translations_for("en").group("search"), "query": "", "status": "",
                   "start": True, "genres": [], "language": "en", "tracks": [songs["search"]]},
    }  # fmt: skip
    for name in parts:
        script = Component(tab, name)
        script.give(more[name])
        tab.locator(f".{name} .play:visible").first.click()
        tab.wait_for_function(PLAYS)
        assert tab.locator(".player .names .title").inner_text() == f"Title {name}"
        assert tab.locator(".play.playing:visible").count() == 1
        # A press on a cover picks, opens or removes nothing.
        assert script.sent() == []
    assert tab.locator("audio").count() == 1


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
    # An answer to an earlier act does not bring it back.
    give(card("a"), card("b"), card("c"), handled=0)
    assert not tab.locator("[data-id=b]").is_visible()
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
    give(card("b"), card("c"), list="2")
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
    tab.wait_for_function("window.sent.mood.length === 3")
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


def test_a_seed_is_dragged_by_its_cover_and_its_name_and_a_press_is_no_drag(component):
    tab, sent, give = component("seeds", "<ol class=seeds></ol>")
    tab.set_viewport_size({"width": 1200, "height": 600})
    seeds = [{**card(name), "weight": 1, "against": False} for name in "abc"]
    levels = [{"name": "normal", "weight": 1}]
    labels = translations_for("en").group("seeds")
    give({"labels": labels, "count": 5, "levels": levels, "seeds": seeds})
    for part in (".play", ".slot"):
        tab.locator(f"[data-id=a] > {part}").drag_to(tab.locator("[data-id=c]"))
        assert [each["id"] for each in sent()[-1]] == ["b", "c", "a"]
        # It shows before the page has answered.
        assert [row.get_attribute("data-id") for row in tab.locator(".seed[data-id]").all()] == [
            "b", "c", "a",
        ]  # fmt: skip
        give({"labels": labels, "count": 5, "levels": levels, "seeds": seeds})
    assert len(sent()) == 2
    # By less than a few pixels it is a press.
    box = tab.locator("[data-id=a] > .slot").bounding_box()
    tab.mouse.move(box["x"] + 40, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 43, box["y"] + 20)
    tab.mouse.up()
    assert tab.locator("[data-id=a] .menu").is_visible()
    assert len(sent()) == 2


def test_a_song_that_is_picked_has_its_seat_at_once(component):
    tab, _, give = component("seeds", "<ol class=seeds></ol><div class=search></div>")
    levels = [{"name": "normal", "weight": 1}]
    seeds = {"labels": translations_for("en").group("seeds"), "count": 5, "levels": levels}
    seeds["seeds"] = [{**card("a"), "weight": 1, "against": False}]
    give(seeds)
    search = Component(tab, "search")
    songs = [{**card(name), "taken": False} for name in "bc"]
    search.give({
        "labels": translations_for("en").group("search"), "query": "", "status": "", "start": True,
        "genres": [], "language": "en", "tracks": songs,
    })  # fmt: skip
    tab.locator(".option").first.click()
    assert search.sent() == [["b"]]
    assert [row.get_attribute("data-id") for row in tab.locator(".seed[data-id]").all()] == [
        "a", "b",
    ]  # fmt: skip
    # The page says what is true.
    give(seeds)
    assert tab.locator(".seed[data-id]").count() == 1
