"""The state of a listener's session, and its calls to the gateway."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import uuid4

import streamlit as st
from quintet_client import Event, Quintet, QuintetError, Retries
from quintet_client.models import Deleted, OwnTrack, Track
from quintet_client.request_models import EventKind
from streamlit.runtime.scriptrunner import get_script_run_ctx

from quintet_ui.background import Background
from quintet_ui.faults import PASSING, Fault, GatewayFault, gateway_fault
from quintet_ui.preferences import (
    SAVED_PARAMETER,
    Preferences,
    preferences_of,
    query_of,
    saved_of,
    with_seed,
)
from quintet_ui.settings import Settings, load_settings
from quintet_ui.spotify import browser_secret, pending_exports
from quintet_ui.translations import LANGUAGES, Translations, language_of, translations_for

T = TypeVar("T")
HOLD_SECONDS: Final = 2.0
"""After a failed connection to the gateway, nothing else waits for it for this long."""
PART_SECONDS: Final = 3.0
"""After a failure, a part of the page that can do without does so for this long."""
# Bounds the memory of a session: forty lists of 50 tracks.
MOST_TRACKS: Final = 2000
MOST_OWN: Final = 500  # ids of one request
COVER_SECONDS: Final = 0.7
"""Covers are only decoration: no listener waits longer for them."""
_FEEDBACK_SECONDS: Final = 1.0  # a click waits for it
_CONNECT_SECONDS: Final = 1.0  # the gateway is nearby
_CONNECTIONS: Final = 32
"""Calls at once, of all sessions of this process together."""
_ALL: Final = "gateway"
# Query parameters of links, besides those of the preferences.
_LANGUAGE: Final = "lang"


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Read the settings of this process once."""
    return load_settings()


@st.cache_resource(show_spinner=False, on_release=Quintet.close)
def gateway() -> Quintet:
    """Open the client that all sessions share."""
    return open_gateway(settings())


def open_gateway(found: Settings, token: str = "") -> Quintet:
    """Open a client of the gateway.

    Args:
        found: The page's settings.
        token: Of a person who may do more than the page; that of the page if empty.
    """
    client_id = "" if token else found.client_id
    return Quintet(
        found.gateway_url,
        timeout=found.gateway_seconds,
        # The page tries again by itself, and shows meanwhile that it does.
        retries=Retries(attempts=1),
        token=token or (None if found.client_id else found.token.get_secret_value()),
        client_id=client_id,
        client_secret=found.client_secret.get_secret_value() if client_id else "",
        ca_file=found.gateway_ca,
        connect_timeout=_CONNECT_SECONDS,
        max_connections=_CONNECTIONS,
    )


def begin() -> bool:
    """Read the link that opened this session, once, or to which the listener went back.

    Returns:
        Whether the listener went back or forward in the browser's history: the session is not yet
        as the link says.
    """
    if "preferences" in st.session_state:
        context = get_script_run_ctx()
        return context is not None and context.is_history_navigation
    query = _back_from_spotify(address_query())
    st.session_state.preferences = preferences_of(query)
    wanted = next(iter(query.get(_LANGUAGE, ())), "")
    st.session_state.language = wanted if wanted in LANGUAGES else language_of(st.context.locale)
    # Random: it identifies no person. A browser may keep one for a name (`quintet_ui.identity`).
    st.session_state.saved = saved_of(query)
    listen_as("", "")
    st.session_state.tracks = {}
    st.session_state.features = {}
    st.session_state.chosen = ""
    return False


def address_query() -> dict[str, list[str]]:
    """Read the query of the address that the browser shows."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _back_from_spotify(query: dict[str, list[str]]) -> dict[str, list[str]]:
    """Restore the query that a listener left with, if Spotify sends them back."""
    state = next(iter(query.get("state", ())), "")
    if not state:
        return query
    pending = pending_exports().take(state, browser_secret())
    code = next(iter(query.get("code", ())), "")
    st.session_state.returned = (pending, code)
    return {name: list(values) for name, values in pending.query.items()} if pending else {}


def preferences() -> Preferences:
    """Read the listener's current preferences."""
    current: Preferences = st.session_state.preferences
    return current


def set_preferences(changed: Preferences) -> None:
    """Replace the preferences."""
    st.session_state.preferences = changed


def pick(track_id: str) -> bool:
    """Take a track as a seed; with five seeds, the page asks which one it replaces.

    Returns:
        Whether something changed.
    """
    before = preferences()
    if before.holds(track_id):
        return False
    if not before.free_places:
        st.session_state.replacing = track_id
        return True
    set_preferences(with_seed(before, track_id))
    return preferences() != before


def texts() -> Translations:
    """Choose the texts in the listener's language."""
    return translations_for(st.session_state.language)


def link_query() -> dict[str, list[str]]:
    """Encode the session as a query: preferences, saved songs and language."""
    saved = {SAVED_PARAMETER: list(st.session_state.saved)} if st.session_state.saved else {}
    return {**query_of(preferences()), **saved, _LANGUAGE: [st.session_state.language]}


def write_link() -> None:
    """Write the link to the browser's address bar if it differs.

    Each link is an entry of the browser's history, so that Back undoes one change. A page on which
    nothing was chosen keeps its address: no entry comes before the first choice.
    """
    query, shown = link_query(), address_query()
    if shown != query and (shown or set(query) != {_LANGUAGE}):
        st.query_params.from_dict(query)


def ask(call: Callable[[Quintet], T], part: str = "") -> T:
    """Call the gateway, unless it, or this part of the page, failed a moment ago.

    Args:
        call: The call to make.
        part: A part of the page that works without the answer; empty for one that always calls.

    Raises:
        GatewayFault: The call fails, or a recent one failed.
    """
    held: dict[str, tuple[float, Fault]] = st.session_state.setdefault("held", {})
    for name in {_ALL, part}:
        until, fault = held.get(name, (0.0, Fault.SLOW))
        if time.monotonic() < until:
            raise GatewayFault(fault)
    try:
        return call(gateway())
    except QuintetError as error:
        failure = gateway_fault(error)
        note(failure, part)
        raise failure from error


def note(failure: GatewayFault, part: str = "") -> None:
    """Remember a failure, so that the next calls do not wait for the same."""
    held: dict[str, tuple[float, Fault]] = st.session_state.setdefault("held", {})
    if failure.fault in PASSING and part:
        held[part] = (time.monotonic() + PART_SECONDS, failure.fault)
    if not failure.reason and failure.fault is Fault.OFFLINE:
        # No connection: the gateway itself is down. A late answer may be one service's fault, so
        # it holds up only the part of the page that asked.
        held[_ALL] = (time.monotonic() + HOLD_SECONDS, failure.fault)


@st.cache_resource(show_spinner=False, on_release=Background.close)
def background() -> Background:
    """Start the threads that all sessions share."""
    return Background()


def remember(tracks: Sequence[Track]) -> None:
    """Keep tracks by id; the oldest leave first."""
    known: dict[str, Track] = st.session_state.tracks
    for track in tracks:
        known.pop(track.id, None)
        known[track.id] = track
    while len(known) > MOST_TRACKS:
        known.pop(next(iter(known)))


def leave_out_unknown() -> int:
    """Leave out seeds that the catalogue does not have, such as those of an old link.

    Returns:
        How many were left out.
    """
    unknown = set()
    for seed in preferences().seeds:
        if seed.track_id not in st.session_state.tracks:
            try:
                remember([ask(lambda to, name=seed.track_id: to.track(name), "search")])  # type: ignore[misc]
            except GatewayFault as failure:
                if failure.fault is Fault.UNKNOWN:
                    unknown.add(seed.track_id)
    if unknown:
        seeds = tuple(each for each in preferences().seeds if each.track_id not in unknown)
        set_preferences(replace(preferences(), seeds=seeds))
    return len(unknown)


def tracks_of(ids: Sequence[str]) -> dict[str, Track]:
    """Look up tracks by id; tracks that neither session nor gateway has are left out."""
    known: dict[str, Track] = st.session_state.tracks
    for track_id in ids:
        if track_id not in known:
            try:
                remember([ask(lambda to, name=track_id: to.track(name), "search")])  # type: ignore[misc]
            except GatewayFault:
                continue
    return {name: known[name] for name in ids if name in known}


def features_of(ids: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
    """Look up audio features by id; covers do without those that are missing."""
    known: dict[str, dict[str, float]] = st.session_state.features
    # 100 ids are the most of one request.
    missing = [name for name in dict.fromkeys(ids) if name not in known][:100]
    if missing:
        try:
            found = ask(
                lambda to: to.with_options(timeout=COVER_SECONDS).audio_features(missing), "covers"
            )
        except GatewayFault:
            return known
        # An unknown id is remembered too, so that it is not asked for again.
        known.update({name: {} for name in missing})
        known.update(
            {
                name: each.model_dump(exclude={"id"}, exclude_none=True)
                for name, each in found.items()
            }
        )
        while len(known) > MOST_TRACKS:
            known.pop(next(iter(known)))
    return known


def own_tracks(ids: Sequence[str]) -> Mapping[str, OwnTrack]:
    """Look up which tracks are in the listener's own sources; the page does without them."""
    known: dict[str, OwnTrack | None] = st.session_state.setdefault("own_tracks", {})
    missing = [name for name in dict.fromkeys(ids) if name not in known][:MOST_OWN]
    if missing:
        try:
            found = ask(
                lambda to: to.with_options(timeout=COVER_SECONDS).own_tracks(missing), "own"
            )
        except GatewayFault:
            return {}
        # A track of no source is remembered too, so that it is not asked for again.
        known.update(dict.fromkeys(missing))
        known.update({track.id: track for track in found.tracks})
        while len(known) > MOST_TRACKS:
            known.pop(next(iter(known)))
    return {name: own for name in ids if (own := known.get(name)) is not None}


def tell(
    kind: EventKind, *track_ids: str, position: int | None = None, dwell_ms: int | None = None
) -> list[str]:
    """Send feedback on tracks of the current list; the page goes on if it cannot be stored.

    Returns:
        The events' ids, by which they can be undone.
    """
    given: str = st.session_state.get("recommendation_id", "")
    return _sent(given, kind, track_ids, position, dwell_ms)


def tell_of(recommendation_id: str, kind: EventKind, track_id: str, position: int) -> str:
    """Send feedback on a track of another list than the page's, such as a batch of radio.

    Returns:
        The event's id, by which it can be undone.
    """
    (event_id,) = _sent(recommendation_id, kind, [track_id], position, None)
    return event_id


def _sent(
    recommendation_id: str,
    kind: EventKind,
    track_ids: Sequence[str],
    position: int | None,
    dwell_ms: int | None,
) -> list[str]:
    now = datetime.now(UTC)
    events = [
        Event(
            recommendation_id=recommendation_id,
            track_id=track_id,
            kind=kind,
            listener=st.session_state.listener,
            occurred_at=now,
            position=position,
            dwell_ms=dwell_ms,
        )
        for track_id in track_ids
    ]
    try:
        ask(lambda to: to.with_options(timeout=_FEEDBACK_SECONDS).feedback(events), "feedback")
    except GatewayFault:
        # Shown once per session: the list is refined all the same.
        if not st.session_state.get("told_not_kept"):
            st.session_state.told_not_kept = True
            st.toast(texts()("feedback.lost"), icon=":material/info:")
    return [event.event_id for event in events]


def take_back(event_id: str) -> bool:
    """Undo an event; False if that cannot be stored now."""
    try:
        ask(lambda to: to.with_options(timeout=_FEEDBACK_SECONDS).undo(event_id))
    except GatewayFault as failure:
        # An event that never arrived needs no undo.
        return failure.reason == "EVENT_UNKNOWN"
    return True


def set_ban(artist_id: str, *, banned: bool) -> bool:
    """Ban an artist for this listener, or lift the ban; False if that cannot be stored now."""
    listener: str = st.session_state.listener
    try:
        ask(
            lambda to: to.with_options(timeout=_FEEDBACK_SECONDS).ban_artist(
                listener, artist_id, banned=banned
            ),
            "feedback" if banned else "",
        )
    except GatewayFault:
        return False
    return True


def listen_as(name: str, listener: str) -> None:
    """Continue as another listener, whose memory decides the next list.

    Args:
        name: As this browser keeps it; empty for a visit that is not kept. It is sent nowhere.
        listener: The random id that this browser keeps for the name; empty for a new one.
    """
    # Somebody who gives a name keeps what they saved before.
    if st.session_state.get("listener_name", ""):
        st.session_state.saved = ()
    st.session_state.listener = listener or uuid4().hex
    st.session_state.listener_name = name
    # Another listener's list and choices are not this one's.
    st.session_state.signals = ()
    st.session_state.stale = False
    st.session_state.answer = st.session_state.pending = st.session_state.failure = None
    st.session_state.radio = st.session_state.wish = None
    st.session_state.radio_done = ()


def ask_again() -> None:
    """Ask for the list again with the same preferences, because the memory has changed.

    The old list stays until the new one is there.
    """
    if (answer := st.session_state.get("answer")) is not None:
        st.session_state.answer = (Preferences(), answer[1])
    st.session_state.stale = False
    st.session_state.refined = True


def forget() -> Deleted | None:
    """Delete the stored data of this listener, and continue under a new id; None if it fails."""
    listener: str = st.session_state.listener
    try:
        deleted = ask(lambda to: to.delete_listener(listener))
    except GatewayFault as failure:
        # Trying again helps only if the fault passes.
        if failure.fault in PASSING:
            st.toast(texts()("feedback.still_there"), icon=":material/error:")
        else:
            st.toast(texts()(f"fault.{failure.fault.value}"), icon=":material/error:")
        return None
    st.session_state.forgotten = listener
    st.session_state.saved = ()
    listen_as("", "")
    return deleted
