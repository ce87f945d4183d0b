"""Request a list in the background, and keep the last one while the next is on its way."""

import time
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import streamlit as st
from quintet_client import QuintetError
from quintet_client.models import Recommendations

from quintet_ui import session
from quintet_ui.faults import PASSING, Fault, GatewayFault, gateway_fault
from quintet_ui.preferences import Preferences, recommendation_call
from quintet_ui.translations import Translations

GLANCE_SECONDS: Final = 0.5
"""Seconds that the page waits for a list before it shows progress; most lists take less."""
RETRY_SECONDS: Final = 2.0
"""Seconds until a request that failed is sent again."""
# States of the list: shown, requested, failed but tried again, failed for good.
READY, WAITING, FAILING, REFUSED = "ready", "waiting", "failing", "refused"
PAUSES: Final = {READY: None, WAITING: 0.5, FAILING: RETRY_SECONDS, REFUSED: None}
"""Seconds until the page polls again, by the list's state; None for not at all."""

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


def current_list(texts: Translations) -> tuple[Recommendations | None, GatewayFault | None]:
    """Get the list for the current preferences, else the previous list and the failure."""
    preferences = session.preferences()
    now = preferences.request
    known: tuple[Preferences, Recommendations] | None = st.session_state.get("answer")
    if known is not None and _is_answered(preferences):
        st.session_state.list_state = READY
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
        st.session_state.list_state = FAILING if fault.fault in PASSING else REFUSED
        return old, fault
    if answer is None:
        if failure is not None:
            # While it is tried again, the last failure stays visible.
            return old, failure.fault
        st.session_state.list_state = WAITING
        st.info(texts("cards.loading"), icon=":material/hourglass_top:")
        return old, None
    st.session_state.pending = st.session_state.failure = None
    st.session_state.list_state = READY
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


def try_again() -> None:
    """Send a request that failed again at once."""
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
