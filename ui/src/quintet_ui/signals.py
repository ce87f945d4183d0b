"""What a listener does on a card: it refines the list, goes to the gateway, and can be undone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import streamlit as st
from quintet_client.models import RankedTrack
from quintet_client.request_models import EventKind

from quintet_ui import session
from quintet_ui.components import triggered
from quintet_ui.plain import ordered
from quintet_ui.preferences import (
    Preferences,
    preferences_of,
    saved_of,
    with_dislike,
    with_like,
    with_mute,
    with_skip,
    without_dislike,
    without_like,
    without_mute,
    without_skip,
)

MOST_KEPT: Final = 20
"""Signals of a visit that can be undone on the page, the newest."""
MOST_ACTS: Final = 50
"""Acts of one message of the browser."""
_ACTS_HANDLED: Final = "acts_handled"
_HEARD_UNTIL: Final = "heard_until"
_LONGEST_PLAY_MS: Final = 3_600_000


@dataclass(frozen=True)
class Signal:
    """One thing that a listener did on a card.

    Attributes:
        kind: The name of the card's button.
        track_id: The track.
        title: The track's title, or the artist's name of a ban, as the page shows it.
        event_id: The event that the gateway has of it.
        artist_id: The banned artist; empty for other kinds.
    """

    kind: str
    track_id: str
    title: str
    event_id: str
    artist_id: str = ""


def acted() -> None:
    """Apply what the listener did on the cards, in its order and each act once.

    The browser sends acts again until the page has confirmed them.
    """
    acts = triggered("cards", "acted")
    answer = st.session_state.get("answer")
    if not isinstance(acts, list) or answer is None:
        return
    tracks = {ranked.track.id: ranked for ranked in answer[1].tracks}
    for act in _unread(acts, _ACTS_HANDLED):
        kind, ranked = str(act.get("kind")), tracks.get(str(act.get("id")))
        if kind == "undo":
            if (done := given(str(act.get("of")), str(act.get("id")))) is not None:
                undo(done)
        elif ranked is not None and kind in _ACTS:
            _ACTS[kind](ranked, act)


def played() -> None:
    """Send how long songs of the list were heard; other lists have no place for it."""
    answer, heard = st.session_state.get("answer"), triggered("player", "played")
    if not isinstance(heard, list):
        return
    ranks = {ranked.track.id: ranked.rank for ranked in answer[1].tracks} if answer else {}
    for each in _unread(heard, _HEARD_UNTIL):
        track_id, dwell = str(each.get("id")), each.get("dwell")
        # Milliseconds from the browser, so checked: more than an hour is no song.
        if track_id in ranks and isinstance(dwell, int) and 0 <= dwell < _LONGEST_PLAY_MS:
            session.tell("play", track_id, position=ranks[track_id], dwell_ms=dwell)


def heard_until() -> int:
    """Return the number of the newest play that was read; 0 before there was one."""
    return _newest(_HEARD_UNTIL)


def handled() -> int:
    """Return the number of the newest act that was applied; 0 before there was one."""
    return _newest(_ACTS_HANDLED)


def _unread(messages: list[object], newest: str) -> Iterator[dict[str, object]]:
    """Read the messages of the browser that were not read before, in their order and each once.

    Args:
        messages: What was received; each has a number that is greater than that of the one before.
        newest: Where the session keeps the number of the newest one that was read.
    """
    for each in messages[-MOST_ACTS:]:
        if not isinstance(each, dict):
            continue
        number = each.get("number")
        if isinstance(number, int) and number > _newest(newest):
            st.session_state[newest] = number
            yield each


def _newest(name: str) -> int:
    number: int = st.session_state.get(name, 0)
    return number


def undoable() -> list[dict[str, str]]:
    """List what can be undone, for the browser, the newest last."""
    signals: tuple[Signal, ...] = st.session_state.signals
    return [
        {"kind": each.kind, "id": each.track_id, "name": ordered(each.title)} for each in signals
    ]


def undo(signal: Signal) -> None:
    """Undo a signal at the gateway and on the page; if it cannot be stored, nothing changes."""
    if not _taken_back(signal):
        return
    now = session.preferences()
    restore = _RESTORED.get(signal.kind)
    if restore is not None:
        session.set_preferences(restore(now, signal))
    if signal.kind == "save":
        unsave(signal.track_id)
    # Where the list is older than the signal it is right again as it is.
    st.session_state.stale = True


def went_back() -> None:
    """Follow the browser's Back or Forward: the session becomes what the address says.

    A signal that the address does not have is undone at the gateway too.
    """
    query = session.address_query()
    wanted, saved = preferences_of(query), saved_of(query)
    for signal in reversed(st.session_state.signals):
        if not _is_in(signal, wanted, saved):
            _taken_back(signal)
    session.set_preferences(wanted)
    st.session_state.saved = saved


def unsave(track_id: str) -> None:
    """Take a song out of the saved ones."""
    saved: tuple[str, ...] = st.session_state.saved
    st.session_state.saved = tuple(each for each in saved if each != track_id)


def save_again(track_id: str, place: int, event: Signal | None) -> None:
    """Undo that a song was taken out of the saved ones.

    Args:
        track_id: The song.
        place: Where it was among the saved ones.
        event: The signal that was undone with it, which is sent again; None if there was none.
    """
    saved: tuple[str, ...] = st.session_state.saved
    if track_id in saved:
        return
    st.session_state.saved = (*saved[:place], track_id, *saved[place:])
    if event is not None:
        (event_id,) = session.tell("save", track_id)
        _keep(replace(event, event_id=event_id))


def _taken_back(signal: Signal) -> bool:
    """Undo a signal at the gateway; False if that cannot be stored now."""
    done = session.take_back(signal.event_id)
    if done and signal.artist_id:
        done = session.set_ban(signal.artist_id, banned=False)
    if not done:
        st.toast(session.texts()("undo.failed"), icon=":material/error:")
        return False
    signals: tuple[Signal, ...] = st.session_state.signals
    st.session_state.signals = tuple(each for each in signals if each != signal)
    return True


def _is_in(signal: Signal, preferences: Preferences, saved: tuple[str, ...]) -> bool:
    """Whether the effect of a signal is in preferences and saved songs."""
    effects = {
        "like": signal.track_id in preferences.liked,
        "dislike": signal.track_id in preferences.disliked,
        "skip": signal.track_id in preferences.skipped,
        "mute": signal.artist_id in preferences.muted,
        "save": signal.track_id in saved,
    }
    return effects[signal.kind]


_RESTORED: Final[dict[str, Callable[[Preferences, Signal], Preferences]]] = {
    "like": lambda now, signal: without_like(now, signal.track_id),
    "dislike": lambda now, signal: without_dislike(now, signal.track_id),
    "skip": lambda now, signal: without_skip(now, signal.track_id),
    "mute": lambda now, signal: without_mute(now, signal.artist_id),
}


def given(kind: str, track_id: str) -> Signal | None:
    """Find the signal of this visit on a track; None if there is none."""
    signals: tuple[Signal, ...] = st.session_state.signals
    return next((s for s in reversed(signals) if (s.kind, s.track_id) == (kind, track_id)), None)


def _note(kind: str, ranked: RankedTrack, event: EventKind, **more: str) -> None:
    """Send a signal to the gateway, and keep it so that it can be undone."""
    (event_id,) = session.tell(event, ranked.track.id, position=ranked.rank)
    title = more.pop("title", ranked.track.title or ranked.track.id)
    _keep(Signal(kind, ranked.track.id, title, event_id, **more))


def _keep(signal: Signal) -> None:
    st.session_state.signals = (*st.session_state.signals, signal)[-MOST_KEPT:]


def _liked(ranked: RankedTrack, _act: dict[str, object]) -> None:
    track_id, now = ranked.track.id, session.preferences()
    if (done := given("like", track_id)) is not None:
        undo(done)
    elif track_id in now.liked:
        # From a link: the event is another visit's.
        _refine(without_like(now, track_id))
    else:
        _refine(with_like(now, track_id))
        _note("like", ranked, "like")


def _disliked(ranked: RankedTrack, _act: dict[str, object]) -> None:
    _refine(with_dislike(session.preferences(), ranked.track.id))
    _note("dislike", ranked, "dislike")


def _skipped(ranked: RankedTrack, _act: dict[str, object]) -> None:
    _refine(with_skip(session.preferences(), ranked.track.id))
    _note("skip", ranked, "skip")


def _muted(ranked: RankedTrack, _act: dict[str, object]) -> None:
    artists = ranked.track.artists
    if not artists:
        return
    artist = artists[0]
    _refine(with_mute(session.preferences(), artist.id))
    session.set_ban(artist.id, banned=True)
    _note("mute", ranked, "dislike", artist_id=artist.id, title=artist.name)


def _saved(ranked: RankedTrack, _act: dict[str, object]) -> None:
    track_id, saved = ranked.track.id, st.session_state.saved
    if track_id not in saved:
        st.session_state.saved = (*saved, track_id)
        _note("save", ranked, "save")
    elif (done := given("save", track_id)) is not None:
        undo(done)
    else:
        unsave(track_id)


def _chose(ranked: RankedTrack, _act: dict[str, object]) -> None:
    st.session_state.chosen = ranked.track.id


_ACTS: Final[dict[str, Callable[[RankedTrack, dict[str, object]], None]]] = {
    "like": _liked,
    "dislike": _disliked,
    "skip": _skipped,
    "mute": _muted,
    "save": _saved,
    "choose": _chose,
}


def _refine(changed: Preferences) -> None:
    """Change what the rows show; the whole list changes when the listener asks for that."""
    session.set_preferences(changed)
    st.session_state.stale = True
