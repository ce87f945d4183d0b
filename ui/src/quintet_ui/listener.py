"""The listener's page: search, five seats, one button, the list."""

import time
from typing import Final

import streamlit as st

from quintet_ui import session
from quintet_ui.answers import Track
from quintet_ui.atlas import atlas_section
from quintet_ui.cards import search_data, seats_data
from quintet_ui.client import GatewayFault
from quintet_ui.components import search_box, seat_row, triggered
from quintet_ui.notices import show_fault
from quintet_ui.results import results
from quintet_ui.state import MAX_SEATS, with_seat, with_seats
from quintet_ui.takeaway import welcome_back
from quintet_ui.tuning import tuning_panel
from quintet_ui.words import Words

FOUND: Final = 8
_AGAIN_SECONDS: Final = 2.0


def listen() -> None:
    """Shows the page."""
    words = session.words()
    st.title(words("page.title"))
    st.write(words("page.lead"))
    if "returned" in st.session_state:
        welcome_back()
    if "playlist" in st.session_state:
        st.success(words("spotify.done"), icon=":material/check_circle:")
        st.link_button(words("spotify.open"), st.session_state.playlist)
    with st.sidebar:
        tuning_panel(words)
    _search()
    _seats(words)
    _ask_button(words)
    results()
    atlas_section()
    session.write_link()


@st.fragment
def _search() -> None:
    """Shows the search; a letter typed runs this alone."""
    words = session.words()
    query: str = st.session_state.get("query", "")
    now = session.wish()
    # Suggestions that nobody can pick only push the list down.
    tracks, fault = _found(query) if query or now.free_seats else ([], None)
    status = words("search.full") if not now.free_seats else ""
    if fault is None and not status and query:
        status = words("search.count", count=len(tracks)) if tracks else ""
    if fault is None and query and not tracks:
        status = words("search.nothing", query=query)
    features = session.features_of([track["id"] for track in tracks])
    search_box(
        search_data(tracks, query, status, now, features, words),
        key="search",
        typed=_typed,
        picked=_picked,
    )
    if fault is not None:
        show_fault(fault, words)
    if st.session_state.pop("seat_taken", False):
        st.rerun()


def _found(query: str) -> tuple[list[Track], GatewayFault | None]:
    """Returns tracks for a text; what was found for it before, where that worked."""
    known = st.session_state.get("found")
    if known is not None and known[0] == query:
        fresh = known[2] is None or time.monotonic() - known[3] < _AGAIN_SECONDS
        if fresh:
            return known[1], known[2]
    fault: GatewayFault | None = None
    tracks: list[Track] = []
    try:
        tracks = session.ask(lambda to: to.search(query, FOUND), "search")
        session.remember(tracks)
    except GatewayFault as error:
        fault = error
    st.session_state.found = (query, tracks, fault, time.monotonic())
    return tracks, fault


def _typed() -> None:
    text = triggered("search", "typed")
    st.session_state.query = str(text or "")[:200]


def _picked() -> None:
    picked = triggered("search", "picked")
    if picked:
        session.set_wish(with_seat(session.wish(), str(picked)))
        st.session_state.query = ""
        st.session_state.seat_taken = True


def _seats(words: Words) -> None:
    now = session.wish()
    st.header(words("seats.heading"))
    st.caption(words("seats.taken", count=len(now.seats), all=MAX_SEATS))
    ids = [seat.track_id for seat in now.seats]
    data = seats_data(now, session.tracks_of(ids), session.features_of(ids), words)
    seat_row(data, key="seats", changed=_seats_changed)


def _seats_changed() -> None:
    session.set_wish(with_seats(session.wish(), triggered("seats", "changed")))


def _ask_button(words: Words) -> None:
    ready = session.wish().is_complete
    if st.button(
        words("page.ask"),
        type="primary",
        disabled=not ready,
        icon=":material/queue_music:",
        width="stretch",
    ):
        st.session_state.asked = True
    if not ready:
        st.session_state.asked = False
        against = bool(session.wish().seats)
        st.caption(words("page.only_against" if against else "page.empty"))
