"""The listener's page: search, five seeds, one button, the list."""

import time
from typing import Final

import streamlit as st
from quintet_client.models import Track
from quintet_contract.limits import MAX_SEEDS

from quintet_ui import session
from quintet_ui.alerts import show_fault
from quintet_ui.cards import search_data, seeds_data
from quintet_ui.components import search_box, seed_row, triggered
from quintet_ui.export import welcome_back
from quintet_ui.faults import GatewayFault
from quintet_ui.identity import who_listens
from quintet_ui.map import map_section
from quintet_ui.preferences import with_seed, with_seeds
from quintet_ui.prompt import prompt_section
from quintet_ui.radio import radio_section
from quintet_ui.results import results
from quintet_ui.translations import Translations
from quintet_ui.tuning import tuning_panel

FOUND: Final = 8  # as many results as fit without scrolling
_AGAIN_SECONDS: Final = 2.0  # before a failed search is tried again


def listener_page() -> None:
    """Show the page."""
    texts = session.texts()
    st.title(texts("page.title"))
    st.write(texts("page.lead"))
    if "returned" in st.session_state:
        welcome_back()
    if "playlist" in st.session_state:
        st.success(texts("spotify.done"), icon=":material/check_circle:")
        st.link_button(texts("spotify.open"), st.session_state.playlist)
    with st.sidebar:
        who_listens(texts)
        tuning_panel(texts)
    prompt_section()
    _search()
    _seeds(texts)
    _ask_button(texts)
    results()
    radio_section()
    map_section()
    session.write_link()


@st.fragment
def _search() -> None:
    """Show the search; typing reruns only this fragment."""
    texts = session.texts()
    query: str = st.session_state.get("query", "")
    now = session.preferences()
    # With five seeds nothing can be picked: suggestions would only push the list down.
    tracks, fault = _found(query) if query or now.free_places else ([], None)
    status = texts("search.full") if not now.free_places else ""
    if fault is None and not status and query:
        status = texts("search.count", count=len(tracks)) if tracks else ""
    if fault is None and query and not tracks:
        status = texts("search.nothing", query=query)
    features = session.features_of([track.id for track in tracks])
    search_box(
        search_data(tracks, query, status, now, features, texts),
        key="search",
        typed=_typed,
        picked=_picked,
    )
    if fault is not None:
        show_fault(fault, texts)
    # The fragment alone was rerun: the seeds outside of it must show the new one.
    if st.session_state.pop("seed_added", False):
        st.rerun()


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
        page = session.ask(lambda to: to.search(query, limit=FOUND), "search")
        # Spotify's search may find songs that the catalogue lacks: they cannot be seeds.
        tracks = [match.track for match in page.tracks if match.recommendable]
        session.remember(tracks)
    except GatewayFault as error:
        fault = error
    st.session_state.found = (query, tracks, fault, time.monotonic())
    return tracks, fault


def _typed() -> None:
    text = triggered("search", "typed")
    # The gateway rejects queries of more than 256 characters.
    st.session_state.query = str(text or "")[:200]


def _picked() -> None:
    picked = triggered("search", "picked")
    if picked:
        session.set_preferences(with_seed(session.preferences(), str(picked)))
        st.session_state.query = ""
        st.session_state.seed_added = True


def _seeds(texts: Translations) -> None:
    now = session.preferences()
    st.header(texts("seeds.heading"))
    st.caption(texts("seeds.taken", count=len(now.seeds), all=MAX_SEEDS))
    ids = [seed.track_id for seed in now.seeds]
    data = seeds_data(now, session.tracks_of(ids), session.features_of(ids), texts)
    seed_row(data, key="seeds", changed=_seeds_changed)


def _seeds_changed() -> None:
    session.set_preferences(with_seeds(session.preferences(), triggered("seeds", "changed")))


def _ask_button(texts: Translations) -> None:
    ready = session.preferences().is_complete
    if st.button(
        texts("page.ask"),
        type="primary",
        disabled=not ready,
        icon=":material/queue_music:",
        width="stretch",
    ):
        st.session_state.asked = True
    if not ready:
        st.session_state.asked = False
        against = bool(session.preferences().seeds)
        st.caption(texts("page.only_against" if against else "page.empty"))
