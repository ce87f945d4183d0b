"""The list with radar and export: requested once, then refined in place."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import streamlit as st
from quintet_client.models import RankedTrack, Recommendations
from quintet_contract.limits import DEFAULT_DISCOVERY
from quintet_explain import novelty_sentence

from quintet_ui import session
from quintet_ui.alerts import show_degraded, show_fault
from quintet_ui.cards import cards_data, visible
from quintet_ui.components import card_list, radar_box
from quintet_ui.export import exports, link
from quintet_ui.faults import GatewayFault
from quintet_ui.list_request import FAILING, PAUSES, READY, current_list, try_again
from quintet_ui.plain import code
from quintet_ui.preferences import Preferences, without_refusals
from quintet_ui.radar import mean_of, profile_of, radar_data, radar_rows
from quintet_ui.signals import acted, handled, undoable
from quintet_ui.translations import Translations
from quintet_ui.tray import saved_tray

DIAL: Final[Mapping[float, str]] = {
    0.0: "familiar",
    0.25: "rather_familiar",
    0.5: "half",
    DEFAULT_DISCOVERY: "rather_new",
    1.0: "new",
}
"""The stops of the dial from familiar to new, and the names of their texts."""


def results() -> None:
    """Show the list as soon as there is a seed to start from; poll until it arrives."""
    if not session.preferences().is_complete:
        return
    st.fragment(_results, run_every=PAUSES[st.session_state.get("list_state", READY)])()


def shown_tracks() -> list[RankedTrack]:
    """List the tracks of the last list that are shown; empty before there is one."""
    known: tuple[Preferences, Recommendations] | None = st.session_state.get("answer")
    now = session.preferences()
    return visible(known[1], now) if known is not None and now.is_complete else []


def _results() -> None:
    # Seeds and panel are outside of this fragment: they must show what an action here changed.
    if st.session_state.pop("refined", False):
        st.rerun()
    texts = session.texts()
    before = st.session_state.get("list_state", READY)
    # Side by side: the room belongs to the rows.
    heading, dial = st.columns([2, 3], vertical_alignment="center")
    named = heading.container(horizontal=True, vertical_alignment="center")
    named.header(texts("cards.heading"))
    with dial:
        _dial(texts)
    # Alerts come and go in this container: if the list moved, its audio would stop.
    alerts = st.container()
    with alerts:
        answer, fault = current_list(texts)
    if st.session_state.list_state != before:
        # The polling interval belongs to the fragment, which only a full rerun creates again.
        st.rerun()
    with alerts:
        _say(answer, fault, texts)
    if answer is None:
        return
    with named:
        _refresh(texts)
    tracks = visible(answer, session.preferences())
    if not tracks:
        return
    with st.container(key="results"):
        wide, narrow = st.columns([5, 3], gap="medium")
    if answer.discovery.sentence:
        heading.write(_novelty(answer, texts))
    with wide:
        _cards(answer, texts, stale=st.session_state.list_state != READY)
    with narrow:
        saved_tray(texts)
        # Beside the rows: above them it would move them when the first song is hidden.
        _hidden(texts)
        exports(tracks, texts)
        _radar(answer, tracks, texts)
        link(texts)
        _facts(answer, texts)
    # An act on a row runs this fragment alone.
    session.write_link()


def _refresh(texts: Translations) -> None:
    """Offer the next list, after an act on a row."""
    # Always there: if it came with the first act, it would move the rows.
    st.button(
        texts("cards.refresh"),
        icon=":material/refresh:",
        help=texts("cards.refresh_help"),
        on_click=session.ask_again,
        disabled=not st.session_state.stale,
    )


def _hidden(texts: Translations) -> None:
    """Say how many songs and artists are hidden; show them again on a press."""
    now = session.preferences()
    songs, artists = len({*now.skipped, *now.disliked}), len(now.muted)
    if songs or artists:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(texts("tuning.refused", songs=songs, artists=artists))
            st.button(texts("tuning.show_again"), on_click=_shown_again, type="tertiary")


def _shown_again() -> None:
    session.set_preferences(without_refusals(session.preferences()))
    session.ask_again()


def _dial(texts: Translations) -> None:
    """Show the dial from familiar to new; each move asks for another list."""
    now = session.preferences().discovery
    # A link may hold a value between two stops.
    st.session_state.dial = min(DIAL, key=lambda stop: abs(stop - now))
    st.select_slider(
        texts("dial.label"),
        list(DIAL),
        format_func=lambda stop: texts(f"dial.{DIAL[stop]}"),
        key="dial",
        on_change=_dialled,
        help=texts("dial.help"),
    )


def _dialled() -> None:
    session.set_preferences(replace(session.preferences(), discovery=st.session_state.dial))
    st.session_state.refined = True


def _novelty(answer: Recommendations, texts: Translations) -> str:
    """State what the dial did, in the page's language; the answer is in one language only."""
    made = answer.discovery
    return novelty_sentence(
        made.new,
        made.new + made.known,
        texts.language,
        from_memory=made.from_memory,
        lacks_new=made.lacks_new,
        lacks_known=made.lacks_known,
    )


def _say(answer: Recommendations | None, fault: GatewayFault | None, texts: Translations) -> None:
    """Show failures, degraded parts, or why the list is empty."""
    if fault is not None:
        show_fault(fault, texts, retries=st.session_state.list_state == FAILING)
        if answer is None:
            st.button(texts("fault.retry"), on_click=try_again)
    if answer is None:
        return
    show_degraded(answer.degraded, texts)
    if not visible(answer, session.preferences()):
        st.info(texts("cards.none"), icon=":material/filter_alt_off:")


def _cards(answer: Recommendations, texts: Translations, *, stale: bool) -> None:
    data = cards_data(
        answer,
        session.preferences(),
        st.session_state.saved,
        _chosen(answer),
        texts,
        stale=stale,
        own=session.own_tracks([ranked.track.id for ranked in answer.tracks]),
    )
    card_list({**data, "handled": handled(), "undoable": undoable()}, key="cards", acted=acted)


def _chosen(answer: Recommendations) -> str:
    """Choose the track that the radar shows: the selected one, else the first."""
    ids = [ranked.track.id for ranked in answer.tracks]
    chosen: str = st.session_state.chosen
    return chosen if chosen in ids else next(iter(ids), "")


def _radar(answer: Recommendations, tracks: Sequence[RankedTrack], texts: Translations) -> None:
    profile, mean = profile_of(answer), mean_of(tracks)
    if not profile and not mean:
        return
    chosen = next((r for r in tracks if r.track.id == _chosen(answer)), tracks[0])
    # In quotes, so that a song called "The list" is distinct from the list.
    title = f"“{chosen.track.title or chosen.track.id}”"
    shapes = {
        texts("radar.profile"): profile,
        title: mean_of([chosen]),
        texts("radar.list"): mean,
    }
    st.header(texts("radar.heading"))
    st.caption(texts("radar.help"))
    radar_box(radar_data(shapes, texts), key="radar")
    with st.expander(texts("radar.numbers")):
        st.table(radar_rows(shapes, texts))


def _facts(answer: Recommendations, texts: Translations) -> None:
    pool = answer.pool
    st.caption(
        texts(
            "cards.pool",
            initial=pool.initial,
            left=pool.after_filtering,
            candidates=pool.candidates,
            model=code(answer.versions.model),
        )
    )
    if pool.unknown_filtered:
        st.caption(texts("cards.unknown", count=pool.unknown_filtered))
