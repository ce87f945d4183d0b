"""The list with radar and export: requested once, then refined in place."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import streamlit as st
from quintet_client import QuintetError
from quintet_client.models import RankedTrack, Recommendations
from quintet_contract.limits import DEFAULT_DISCOVERY
from quintet_explain import novelty_sentence

from quintet_ui import session
from quintet_ui.alerts import show_degraded, show_fault
from quintet_ui.cards import cards_data, visible
from quintet_ui.components import card_list
from quintet_ui.export import exports, link
from quintet_ui.faults import PASSING, Fault, GatewayFault, gateway_fault
from quintet_ui.plain import code
from quintet_ui.preferences import Preferences, recommendation_call, without_refusals
from quintet_ui.radar import mean_of, profile_of, radar_figure, radar_rows
from quintet_ui.signals import acted, handled, undoable
from quintet_ui.translations import Translations
from quintet_ui.tray import saved_tray

GLANCE_SECONDS: Final = 0.5
"""Seconds that the page waits for a list before it shows progress; most lists take less."""
# States of the list: shown, requested, failed but tried again, failed for good.
_READY, _WAITING, _FAILING, _REFUSED = "ready", "waiting", "failing", "refused"
RETRY_SECONDS: Final = 2.0
_PAUSES: Final = {_READY: None, _WAITING: 0.5, _FAILING: RETRY_SECONDS, _REFUSED: None}
"""Seconds until the page polls again, by the list's state; None for not at all."""

DIAL: Final[Mapping[float, str]] = {
    0.0: "familiar",
    0.25: "rather_familiar",
    0.5: "half",
    DEFAULT_DISCOVERY: "rather_new",
    1.0: "new",
}
"""The stops of the dial from familiar to new, and the names of their texts."""


_Pending = tuple[Preferences, "Future[Recommendations]"]


@dataclass(frozen=True)
class Failure:
    """A request for a list that failed.

    Attributes:
        preferences: The preferences of the request.
        fault: Why it failed.
        again: When to try again, on the clock of `time.monotonic`.
    """

    preferences: Preferences
    fault: GatewayFault
    again: float


def results() -> None:
    """Show the list as soon as there is a seed to start from; poll until it arrives."""
    if not session.preferences().is_complete:
        return
    st.fragment(_results, run_every=_PAUSES[st.session_state.get("list_state", _READY)])()


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
    before = st.session_state.get("list_state", _READY)
    # Side by side, and so the refresh button below: the room belongs to the rows.
    heading, dial = st.columns([2, 3], vertical_alignment="bottom")
    heading.header(texts("cards.heading"))
    with dial:
        _dial(texts)
    # Alerts come and go in this container: if the list moved, its audio would stop.
    alerts = st.container()
    with alerts:
        answer, fault = _answer(texts)
    if st.session_state.list_state != before:
        # The polling interval belongs to the fragment, which only a full rerun creates again.
        st.rerun()
    with alerts:
        _say(answer, fault, texts)
    tracks = visible(answer, session.preferences()) if answer else []
    if answer is None or not tracks:
        return
    with st.container(key="results"):
        wide, narrow = st.columns([5, 3], gap="medium")
    with wide:
        _changes(_novelty(answer, texts) if answer.discovery.sentence else "", texts)
        _cards(answer, texts, stale=st.session_state.list_state != _READY)
    with narrow:
        saved_tray(texts)
        exports(tracks, texts)
        _radar(answer, tracks, texts)
        link(texts)
        _facts(answer, texts)
    # An act on a row runs this fragment alone.
    session.write_link()


def _changes(novelty: str, texts: Translations) -> None:
    """Show what the dial did and what is hidden; offer the next list after an act on a row."""
    now = session.preferences()
    songs, artists = len({*now.skipped, *now.disliked}), len(now.muted)
    with st.container(horizontal=True, vertical_alignment="center"):
        if novelty:
            st.write(novelty)
        # Always there: if it came with the first act, it would move the rows.
        st.button(
            texts("cards.refresh"),
            icon=":material/refresh:",
            help=texts("cards.refresh_help"),
            on_click=session.ask_again,
            disabled=not st.session_state.stale,
        )
        if songs or artists:
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
        show_fault(fault, texts, retries=st.session_state.list_state == _FAILING)
        if answer is None:
            st.button(texts("fault.retry"), on_click=_try_again)
    if answer is None:
        return
    show_degraded(answer.degraded, texts)
    if not visible(answer, session.preferences()):
        st.info(texts("cards.none"), icon=":material/filter_alt_off:")


def _answer(texts: Translations) -> tuple[Recommendations | None, GatewayFault | None]:
    """Get the list for the current preferences, else the previous list and the failure."""
    preferences = session.preferences()
    now = preferences.request
    known: tuple[Preferences, Recommendations] | None = st.session_state.get("answer")
    if known is not None and _is_answered(preferences):
        st.session_state.list_state = _READY
        return known[1], None
    old = known[1] if known else None
    failure = _failure(now)
    if failure is not None and time.monotonic() < failure.again:
        return old, failure.fault
    try:
        answer = _awaited(now, preferences)
    except GatewayFault as fault:
        st.session_state.pending = None
        st.session_state.failure = Failure(now, fault, time.monotonic() + RETRY_SECONDS)
        st.session_state.list_state = _FAILING if fault.fault in PASSING else _REFUSED
        return old, fault
    if answer is None:
        if failure is not None:
            # While it is tried again, the last failure stays visible.
            return old, failure.fault
        st.session_state.list_state = _WAITING
        st.info(texts("cards.loading"), icon=":material/hourglass_top:")
        return old, None
    st.session_state.pending = st.session_state.failure = None
    st.session_state.list_state = _READY
    st.session_state.answer = (now, answer)
    st.session_state.made_without = preferences.refused
    st.session_state.stale = False
    st.session_state.recommendation_id = answer.recommendation_id
    session.remember([ranked.track for ranked in answer.tracks])
    return answer, None


def _is_answered(preferences: Preferences) -> bool:
    """Whether the last list is for these preferences, and lacks nothing that is refused no more."""
    known: tuple[Preferences, Recommendations] | None = st.session_state.get("answer")
    without: frozenset[str] = st.session_state.get("made_without", frozenset())
    return known is not None and known[0] == preferences.request and without <= preferences.refused


def _failure(now: Preferences) -> Failure | None:
    """Look up the last failure of the current preferences; None if there is none."""
    failure: Failure | None = st.session_state.get("failure")
    return failure if failure is not None and failure.preferences == now else None


def _try_again() -> None:
    st.session_state.failure = None


def ask_early() -> None:
    """Request the list before the page is shown, so that both take their time at once."""
    preferences = session.preferences()
    now = preferences.request
    if not preferences.is_complete or _is_answered(preferences) or _failure(now) is not None:
        return
    # Shown as a failure by the part of the page that waits for the list.
    with suppress(GatewayFault):
        _asked(now, preferences)


def _asked(now: Preferences, preferences: Preferences) -> _Pending:
    """Request the list in the background, unless that was done already.

    Raises:
        GatewayFault: Too many requests are waiting.
    """
    pending: _Pending | None = st.session_state.get("pending")
    if pending is None or pending[0] != now:
        if pending is not None:
            # Only queued calls can be cancelled; a running one ends by its deadline.
            pending[1].cancel()
        call, gateway = (
            recommendation_call(preferences, st.session_state.listener),
            session.gateway(),
        )
        pending = (now, session.background().start(lambda: gateway.call(call)))
        st.session_state.pending = pending
    return pending


def _awaited(now: Preferences, preferences: Preferences) -> Recommendations | None:
    """Request the list in the background; None until it arrives.

    Args:
        now: What decides whether a list is the one wanted.
        preferences: All that the request says.

    Raises:
        GatewayFault: It does not come.
    """
    pending = _asked(now, preferences)
    try:
        return pending[1].result(timeout=GLANCE_SECONDS)
    except TimeoutError:
        return None
    except CancelledError as fault:  # the process is shutting down
        raise GatewayFault(Fault.UNREADY) from fault
    except QuintetError as error:
        failure = gateway_fault(error)
        session.note(failure)
        raise failure from error


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
    st.plotly_chart(radar_figure(shapes, texts), config={"displayModeBar": False}, key="radar")
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
