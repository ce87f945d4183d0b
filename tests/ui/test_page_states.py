"""What the page shows in each state, over the real services; Streamlit's own test runner."""

import json
import signal
import socket
import time
from pathlib import Path

import pytest
import quintet_ui
import streamlit as st
from quintet_client import errors
from quintet_command.ports import free_ports
from quintet_ui import session
from quintet_ui.translations import Translations, translations_for
from quintet_ui.tuning import ANY
from streamlit import config
from streamlit.testing.v1 import AppTest

from tests.ui.patience import WAIT_SECONDS

PAGE = Path(quintet_ui.__file__).parent / "page.py"
EN = translations_for("en")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.delenv("SPOTIPY_CLIENT_ID", raising=False)
    config.set_option("global.disableWidgetStateDuplicationWarning", True)
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def page(monkeypatch, installation):
    """Runs the page against a gateway, with a query in its address."""

    def run(gateway=installation.gateway, **query):
        monkeypatch.setenv("QUINTET_GATEWAY_URL", gateway)
        # A page keeps settings and client as long as its process runs.
        st.cache_resource.clear()
        app = AppTest.from_file(str(PAGE), default_timeout=WAIT_SECONDS)
        for name, value in query.items():
            app.query_params[name] = value
        return settled(app.run())

    return run


def settled(app):
    """Runs the page until its list is here or cannot be had, as a browser would by itself."""
    deadline = time.monotonic() + WAIT_SECONDS
    while "list_state" in app.session_state and app.session_state["list_state"] == "waiting":
        assert time.monotonic() < deadline
        app.run()
    assert not app.exception
    return app


@pytest.fixture
def silent():
    """The address of a gateway that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def components(app):
    """Returns what each of our components was given, by the name of its class."""
    given = {}
    for element in app.get("bidi_component"):
        proto = element.proto
        given[proto.component_name.removeprefix("quintet_")] = json.loads(
            proto.json or proto.mixed.json
        )
    return given


def seeds(songs):
    return [f"1~{song}" for song in songs]


def test_at_first_there_are_suggestions_five_free_seats_and_no_list(page):
    app = page()
    shown = components(app)
    assert len(shown["search"]["tracks"]) == 8
    assert shown["search"]["query"] == ""
    assert shown["seeds"]["seeds"] == []
    assert "cards" not in shown
    assert EN("page.empty") in [caption.value for caption in app.caption]
    # Nothing was chosen: the address stays, and Back leaves at once.
    assert dict(app.query_params) == {}


def test_a_link_with_seats_fills_them_and_shows_the_list(page, songs):
    shown = components(page(seat=seeds(songs[:2])))
    assert [seed["id"] for seed in shown["seeds"]["seeds"]] == songs[:2]
    assert all(seed["byline"] for seed in shown["seeds"]["seeds"])
    assert len(shown["cards"]["tracks"]) == 50


def test_a_list_has_reasons_and_a_radar(page, songs):
    app = page(seat=seeds(songs))
    cards = components(app)["cards"]
    assert not cards["stale"]
    assert all(card["sentence"] and card["why"]["bars"] for card in cards["tracks"])
    assert len(components(app)["radar"]["shapes"]) == 3
    assert len(app.table) == 1


def test_what_is_set_is_shown_and_removed_and_advanced_follows_the_link(page, songs):
    link = {"aim": ["energy~0.8"], "min": ["key~2"], "max": ["tempo~140"], "diversity": "0.3"}
    app = page(seat=seeds(songs), **link)
    labels = {button.key: button.label for button in app.button}
    assert labels["unset-aim-energy"] == "Energy: aim at 80 %"
    assert labels["unset-most-tempo"] == "Tempo: at most 140 BPM"
    assert components(app)["mood"]["mood"] == {"energy": 0.8, "valence": None}
    app.session_state["advanced_open"] = True
    app.run()
    assert app.slider(key="diversity").value == 0.3
    assert app.select_slider(key="aim_energy").value == 0.8
    app.select_slider(key="limits_energy").set_value((0.2, 0.9)).run()
    assert app.query_params["min"] == ["key~2", "energy~0.2"]
    app.select_slider(key="aim_energy").set_value(ANY).run()
    assert "aim" not in app.query_params
    app.selectbox(key="attribute").set_value("key").run()
    # A range of keys says nothing, so a key has a target alone; a range of a link can be removed.
    assert [slider.key for slider in app.select_slider] == ["dial", "aim_key"]
    app.button(key="unset-least-key").click().run()
    assert app.query_params["min"] in ("energy~0.2", ["energy~0.2"])


def test_limits_that_leave_nothing_are_said_so(page, songs):
    app = page(seat=seeds(songs[:1]), min=["tempo~205", "acousticness~1"], max=["energy~0"])
    assert EN("cards.none") in [info.value for info in app.info]


def test_a_song_that_the_catalogue_lacks_is_left_out_of_a_link_and_said_so(page, songs):
    app = page(seat=["1~nosuchsong", *seeds(songs[:1])])
    assert EN("link.left_out", count=1) in [warning.value for warning in app.warning]
    shown = components(app)
    assert [seed["id"] for seed in shown["seeds"]["seeds"]] == songs[:1]
    assert len(shown["cards"]["tracks"]) == 50
    assert app.query_params["seat"] in (seeds(songs[:1])[0], seeds(songs[:1]))


def test_without_a_gateway_the_page_stands_and_says_what_is_missing(page):
    (closed,) = free_ports(1)
    app = page(f"http://127.0.0.1:{closed}", seat=["1~t1"])
    warnings = [warning.value for warning in app.warning]
    assert any(EN("fault.offline") in text and EN("fault.again") in text for text in warnings)
    assert any(button.label == EN("fault.retry") for button in app.button)


def seconds_of(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began


def test_a_gateway_that_hangs_costs_one_deadline_and_not_one_a_call(page, silent, monkeypatch):
    monkeypatch.setenv("QUINTET_UI_GATEWAY_SECONDS", "2")
    (closed,) = free_ports(1)
    link = ["1~t1", "1~t2", "1~t3"]
    # A busy machine is slow without a gateway too.
    usual = seconds_of(lambda: page(f"http://127.0.0.1:{closed}", seat=link))
    began = time.monotonic()
    app = page(silent, seat=link)
    assert time.monotonic() - began < 3 * usual + 4
    assert any(EN("fault.slow") in warning.value for warning in app.warning)


@pytest.mark.parametrize("service", ["search", "profile"])
def test_a_service_that_hangs_is_waited_for_once(page, installation, songs, service):
    process = installation.processes[service]
    usual = seconds_of(lambda: page(seat=seeds(songs[:4])))
    process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        app = page(seat=seeds(songs[:4]))
        # One budget of the gateway, 5 s here, and not one for each of four songs.
        assert time.monotonic() - began < 3 * usual + 12
        shown = components(app)
        assert [seed["id"] for seed in shown["seeds"]["seeds"]] == songs[:4]
        assert all(seed["drawn"] for seed in shown["seeds"]["seeds"])
        assert len(shown["cards"]["tracks"]) == 50
        if service == "search":
            # A list needs no search while the gateway keeps its songs; a text does.
            app.session_state["query"] = "nirvana"
            warnings = [warning.value for warning in app.run().warning]
            assert any(EN("fault.slow") in text for text in warnings)
    finally:
        process.send_signal(signal.SIGCONT)
        installation.await_answer(f"{installation.gateway}/readyz")


def test_the_language_is_switched_for_everything(page, songs):
    app = page(seat=seeds(songs[:1]))
    app.get("button_group")[0].set_value("ko").run()
    korean = translations_for("ko")
    assert app.title[0].value == korean("page.title")
    assert components(app)["search"]["labels"]["label"] == korean("search.label")
    assert app.query_params["lang"] in ("ko", ["ko"])


def test_every_text_comes_from_the_catalogues(page, songs, monkeypatch):
    """With every text marked, nothing unmarked is left but data and the reasons' sentences."""
    marked = Translations("en", {key: f"⟦{EN.get(key)}⟧" for key in EN.keys})
    monkeypatch.setattr("quintet_ui.session.translations_for", lambda _language: marked)
    app = page(seat=seeds(songs), skip="x1")
    told = [element.value for kind in ("title", "header", "caption", "warning", "info", "markdown")
            for element in getattr(app, kind)]  # fmt: skip
    widgets = (app.button, app.select_slider, app.slider, app.expander)
    told += [element.label for kind in widgets for element in kind]
    for data in components(app).values():
        told += data["labels"].values()
    cards = components(app)["cards"]["tracks"]
    whys = [card["why"] for card in cards]
    told += [bar["name"] for why in whys for bar in (*why["bars"], *why["likeness"])]
    told += [
        each["label"] for kind in ("presets", "tempi") for each in components(app)["mood"][kind]
    ]
    told += components(app)["radar"]["axes"]
    told += list(app.table[0].value.columns)
    assert len(told) > 300
    titles = {text for card in cards for text in (card["title"], f"`“{card['title']}”`")}
    # As reasons do, it comes from `quintet_explain`, which has both languages.
    titles.add(app.session_state["answer"][1].discovery.sentence)
    assert [text for text in told if "⟦" not in text and text not in titles] == []


def test_features_of_covers_and_unknown_tracks_never_break_the_page(page):
    page()
    with pytest.raises(errors.NotFound):
        session.gateway().track("no/such track")


def test_a_radio_follows_the_listener_and_repeats_no_song(page, songs):
    app = page(seat=seeds(songs))
    start = next(each for each in app.button if each.label == EN("radio.start"))
    start.click().run()
    heard = []
    for action in ("like", "finish", "skip", "finish", "finish", "finish", "skip"):
        queue = app.session_state["radio"]
        now = queue.tracks[0]
        assert [each["id"] for each in components(app)["radio"]["tracks"]] == [
            each.track.id for each in queue.tracks
        ]
        app.button(f"radio-{action}").click().run()
        assert not app.exception
        if action != "like":
            heard.append(now.track.id)
    assert len(set(heard)) == len(heard) == 6
    # The second batch continues the first one.
    assert [track.position for track in app.session_state["radio"].tracks] == [7, 8, 9, 10]


def test_what_was_done_in_radio_is_undone_one_act_after_the_other(page, songs, installation):
    app = page(seat=seeds(songs))
    next(each for each in app.button if each.label == EN("radio.start")).click().run()
    queues, stored = [app.session_state["radio"]], []
    for action in ("finish", "skip", "like"):
        track = queues[-1].tracks[0].track.id
        stored.append((track, installation.feedback_on(track)))
        app.button(f"radio-{action}").click().run()
        queues.append(app.session_state["radio"])
    for track, kinds in reversed(stored):
        queues.pop()
        app.button("radio-undo").click().run()
        assert not app.exception
        assert app.session_state["radio"] == queues[-1]
        assert installation.feedback_on(track) == kinds
    assert not [each for each in app.button if each.key == "radio-undo"]


def test_a_wish_in_words_shows_its_parts_and_its_list_and_a_part_can_be_removed(page):
    app = page()
    app.text_input(key="prompt_text").set_value("calm rock with lutes, under 4 minutes")
    (ask,) = [button for button in app.button if button.label == EN("prompt.ask")]
    ask.click()
    app.run()
    assert not app.exception
    shown = [text.value for text in app.text]
    assert "Only tracks with length of at most 4:00." in shown
    assert any("`with lutes`" in warning.value for warning in app.warning)
    first = app.dataframe[0].value
    assert len(first) == 50
    app.button(key="prompt-quality:0-4").click().run()
    assert not app.exception
    assert "Prefers energy near 25%." not in [text.value for text in app.text]
    assert list(app.dataframe[0].value.iloc[:, 0]) != list(first.iloc[:, 0])
