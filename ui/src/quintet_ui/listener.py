"""The listener's page: search, five seeds, and the list as soon as there is one seed."""

import secrets
import time
from typing import Final

import streamlit as st
from quintet_client.models import Track
from quintet_contract.limits import MAX_SEEDS

from quintet_ui import session
from quintet_ui.alerts import show_fault
from quintet_ui.cards import search_data, seeds_data
from quintet_ui.components import search_box, seed_row, toast_box, triggered
from quintet_ui.export import welcome_back
from quintet_ui.faults import GatewayFault
from quintet_ui.finding import MOST_LETTERS, search_status, tracks_for
from quintet_ui.genres import genres_for
from quintet_ui.identity import forget_button, who_listens
from quintet_ui.list_request import ask_early
from quintet_ui.plain import code, ordered
from quintet_ui.preferences import with_replaced, with_seeds
from quintet_ui.prompt import prompt_section
from quintet_ui.radio import radio_section
from quintet_ui.results import results, shown_tracks
from quintet_ui.translations import Translations
from quintet_ui.tray import saved_tray
from quintet_ui.tuning import tuning_panel

_SURPRISES: Final = 50  # songs that a surprise is one of
_AGAIN_SECONDS: Final = 2.0  # before a failed search is tried again


def listener_page() -> None:
    """Show the page."""
    texts = session.texts()
    _leave_out_unknown()
    ask_early()
    begun = bool(session.preferences().seeds)
    # With a song picked, their room belongs to the list: the title is then read aloud alone.
    with st.container(key="begun" if begun else "opening"):
        st.title(texts("page.title"))
    # Always there, so that the search after it keeps its place, text and focus.
    with st.container(key="lead"):
        if not begun:
            st.write(texts("page.lead"))
    if "returned" in st.session_state:
        welcome_back()
    if "playlist" in st.session_state:
        st.success(texts("spotify.done"), icon=":material/check_circle:")
        st.link_button(texts("spotify.open"), st.session_state.playlist)
    with st.sidebar:
        tuning = st.container(key="tuning")
        # The room of the panel is kept from its heading on; its rest follows the list.
        tuning.header(texts("tuning.heading"))
        who_listens(texts)
        forget_button(texts)
    with st.container(key="finder"):
        _search()
    with st.container(key="slots"):
        _seeds(texts)
    _missing(texts)
    prompt_section()
    toast_box({"labels": texts.group("toast")}, key="toast")
    if session.preferences().is_complete:
        results()
    else:
        saved_tray(texts)
    radio_section()
    if (explore := st.session_state.get("explore_page")) is not None:
        st.page_link(explore, label=texts("map.open"), icon=":material/scatter_plot:")
    # After the list, whose songs are points of the pad.
    with tuning:
        tuning_panel(shown_tracks(), texts)


def _leave_out_unknown() -> None:
    """Leave out songs of a link that the catalogue does not have, and say so."""
    if not st.session_state.get("link_checked"):
        st.session_state.link_checked = True
        st.session_state.left_out = session.leave_out_unknown()
    if st.session_state.left_out:
        text = session.texts()("link.left_out", count=st.session_state.left_out)
        st.warning(text, icon=":material/link_off:")


@st.fragment
def _search() -> None:
    """Show the search; typing reruns only this fragment."""
    # The fragment alone was rerun: the seeds outside of it must show the new one, at once.
    if st.session_state.pop("seed_added", False):
        st.rerun()
    texts = session.texts()
    query: str = st.session_state.get("query", "")
    now = session.preferences()
    # Suggestions are for the start: later they would only push the list down.
    tracks, fault = _found(query) if query or not now.seeds else ([], None)
    status = "" if fault is not None or not query else search_status(query, tracks, texts)
    ids = [track.id for track in tracks]
    features = session.features_of(ids)
    search_box(
        search_data(
            tracks,
            query,
            status,
            now,
            features,
            genres_for(query, texts),
            texts,
            st.session_state.get("replacing", ""),
            session.own_tracks(ids),
        ),
        key="search",
        typed=_typed,
        picked=_picked,
        surprised=_surprised,
    )
    if fault is not None:
        show_fault(fault, texts)


def _found(query: str) -> tuple[list[Track], GatewayFault | None]:
    """Search for a text; an earlier result of the same text is reused."""
    known = st.session_state.get("found")
    if known is not None and known[0] == query:
        fresh = known[2] is None or time.monotonic() - known[3] < _AGAIN_SECONDS
        if fresh:
            return known[1], known[2]
    fault: GatewayFault | None = None
    tracks: list[Track] = []
    try:
        tracks = session.ask(lambda to: tracks_for(to, query), "search")
        session.remember(tracks)
    except GatewayFault as error:
        fault = error
    st.session_state.found = (query, tracks, fault, time.monotonic())
    return tracks, fault


def _typed() -> None:
    typed = triggered("search", "typed")
    if isinstance(typed, dict):
        st.session_state.query = str(typed.get("text") or "")[:MOST_LETTERS]
        _pick(typed.get("picked"))


def _picked() -> None:
    if _pick(triggered("search", "picked")):
        st.session_state.query = ""


def _pick(ids: object) -> bool:
    """Take songs as seeds; the browser sends those again that it saw no answer for."""
    if not isinstance(ids, list) or not ids:
        return False
    for track_id in ids[: MAX_SEEDS + 1]:
        session.pick(str(track_id))
    st.session_state.seed_added = True
    return True


def _surprised() -> None:
    """Pick a song of one of the most used genres at random."""
    texts = session.texts()
    try:
        genre = secrets.choice(genres_for("", texts) or [""])
        query = f'genre:"{genre}"' if genre else ""
        page = session.ask(lambda to: to.search(query, limit=_SURPRISES), "search")
    except GatewayFault as fault:
        st.toast(texts(f"fault.{fault.fault.value}"), icon=":material/error:")
        return
    tracks = [match.track for match in page.tracks if match.recommendable]
    if tracks:
        track = secrets.choice(tracks)
        session.remember([track])
        session.pick(track.id)
        st.session_state.seed_added = True


def _seeds(texts: Translations) -> None:
    now = session.preferences()
    ids = [seed.track_id for seed in now.seeds]
    tracks = session.tracks_of(ids)
    # A song that was not found yet has no cover, and costs no second wait.
    features, own = session.features_of(list(tracks)), session.own_tracks(list(tracks))
    data = seeds_data(now, tracks, features, texts, own)
    seed_row(data, key="seeds", changed=_seeds_changed)
    waiting: str = st.session_state.get("replacing", "")
    if waiting:
        ask_which(waiting, texts)


def ask_which(waiting: str, texts: Translations) -> None:
    """Ask which of five songs a sixth one replaces."""
    tracks = session.tracks_of([waiting, *(s.track_id for s in session.preferences().seeds)])
    named = {name: ordered(track.title or name) for name, track in tracks.items()}
    st.write(texts("seeds.which", title=code(named.get(waiting, waiting))))
    with st.container(horizontal=True):
        for place, seed in enumerate(session.preferences().seeds):
            st.button(
                named.get(seed.track_id, seed.track_id),
                key=f"replace-{place}",
                on_click=_replaced,
                args=(place, waiting),
            )
        st.button(texts("seeds.keep"), type="tertiary", on_click=_replaced, args=(None, waiting))


def _replaced(place: int | None, track_id: str) -> None:
    st.session_state.replacing = ""
    if place is not None:
        session.set_preferences(with_replaced(session.preferences(), place, track_id))


def _seeds_changed() -> None:
    session.set_preferences(with_seeds(session.preferences(), triggered("seeds", "changed")))


def _missing(texts: Translations) -> None:
    """Say what is missing for a list."""
    now = session.preferences()
    if not now.is_complete:
        st.caption(texts("page.only_against" if now.seeds else "page.empty"))
