"""Radio on the page: one song now, those that follow, and what the listener does with each."""

from dataclasses import dataclass, replace
from typing import Final

import streamlit as st
from quintet_client import RadioEvent
from quintet_client.models import RadioTrack
from quintet_client.request_models import RadioAction

from quintet_ui import session
from quintet_ui.alerts import show_degraded, show_fault
from quintet_ui.cards import shown_track
from quintet_ui.components import radio_box, triggered
from quintet_ui.faults import GatewayFault
from quintet_ui.plain import ordered
from quintet_ui.preferences import Preferences, radio_seeds
from quintet_ui.signals import MOST_KEPT
from quintet_ui.translations import Translations

BATCH: Final = 5
"""Songs of one request: what a listener does counts from the next batch on."""


@dataclass(frozen=True)
class RadioQueue:
    """A radio session, as this visit has it.

    Attributes:
        recommendation_id: Of the batch that the queue is of.
        cursor: Continues the session.
        tracks: The song that plays now, and those that follow.
        events: What the listener did since the last request.
        ended: Whether no song is left that may be played.
        degraded: Parts that the batch was made without.
    """

    recommendation_id: str
    cursor: str
    tracks: tuple[RadioTrack, ...]
    events: tuple[RadioEvent, ...] = ()
    ended: bool = False
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True)
class RadioAct:
    """One thing that the listener did, and how to undo it.

    Attributes:
        action: What it was.
        title: Of the song.
        event_id: The event that the gateway has of it.
        before: The queue as it was.
    """

    action: RadioAction
    title: str
    event_id: str
    before: RadioQueue


def radio_section() -> None:
    """Offer a radio from the seeds, and show its queue; its buttons rerun only this part."""
    st.fragment(_radio)()


def _radio() -> None:
    texts, now = session.texts(), session.preferences()
    queue: RadioQueue | None = st.session_state.get("radio")
    if not now.is_complete and queue is None:
        return
    st.header(texts("radio.heading"))
    st.caption(texts("radio.help"))
    st.button(
        texts("radio.start" if queue is None else "radio.restart"),
        icon=":material/radio:",
        disabled=not now.is_complete,
        on_click=_start,
        args=(now,),
    )
    fault: GatewayFault | None = st.session_state.pop("radio_fault", None)
    if fault is not None:
        show_fault(fault, texts)
    if queue is not None:
        _undo_button(texts)
        _show(queue, texts)


def _undo_button(texts: Translations) -> None:
    """Offer to undo what was done last; again, what was done before it."""
    done: tuple[RadioAct, ...] = st.session_state.radio_done
    if done:
        what, title = texts(f"radio.{done[-1].action}"), ordered(done[-1].title)
        st.button(
            texts("undo.button", what=what, title=title),
            key="radio-undo",
            icon=":material/undo:",
            on_click=_undo,
        )


def _undo() -> None:
    """Undo the last act: the queue is as before it, and the gateway forgets the event."""
    *rest, last = st.session_state.radio_done
    if not session.take_back(last.event_id):
        st.toast(session.texts()("undo.failed"), icon=":material/error:")
        return
    # A session is in its cursor, so that an earlier queue continues as if nothing had been done.
    st.session_state.radio = last.before
    st.session_state.radio_done = tuple(rest)


def _show(queue: RadioQueue, texts: Translations) -> None:
    show_degraded(queue.degraded, texts)
    if not queue.tracks:
        st.info(texts("radio.ended"), icon=":material/stop_circle:")
        return
    now = queue.tracks[0]
    tracks = [each.track for each in queue.tracks]
    ids = [track.id for track in tracks]
    features, own = session.features_of(ids), session.own_tracks(ids)
    shown = [
        {
            **shown_track(each.track, features.get(each.track.id), own.get(each.track.id)),
            "place": each.position,
            "transition": ordered(each.transition.sentence) if each.transition else "",
        }
        for each in queue.tracks
    ]
    done: tuple[RadioAct, ...] = st.session_state.radio_done
    liked = done[-1] if done and done[-1].action == "like" else None
    data = {
        "labels": texts.group("radio"),
        "tracks": shown,
        "liked": liked and {"number": liked.event_id, "title": ordered(liked.title)},
    }
    radio_box(data, key="radio-songs", left=_left)
    _buttons(now, texts)


def _buttons(now: RadioTrack, texts: Translations) -> None:
    acts: tuple[tuple[RadioAction, str], ...] = (
        ("like", "favorite"), ("skip", "skip_next"), ("finish", "check"),
    )  # fmt: skip
    with st.container(horizontal=True):
        for action, sign in acts:
            st.button(
                texts(f"radio.{action}"),
                key=f"radio-{action}",
                icon=f":material/{sign}:",
                on_click=_act,
                args=(action, now),
            )


def _left() -> None:
    """Take what the player did with the song of now: it ended, or the listener passed over it."""
    left, queue = triggered("radio-songs", "left"), st.session_state.get("radio")
    if not isinstance(left, dict) or queue is None or not queue.tracks:
        return
    now, how = queue.tracks[0], left.get("how")
    if now.track.id == left.get("id") and how in {"finish", "skip"}:
        _act("finish" if how == "finish" else "skip", now)


def _start(preferences: Preferences) -> None:
    st.session_state.radio, st.session_state.radio_done = None, ()
    _continue(RadioQueue("", "", ()), preferences)


def _act(action: RadioAction, now: RadioTrack) -> None:
    """Take an action on the song that plays; all but a like go on to the next song."""
    queue: RadioQueue | None = st.session_state.get("radio")
    if queue is None or not queue.tracks or queue.tracks[0].track.id != now.track.id:
        return
    before, events = queue, (*queue.events, RadioEvent(track_id=now.track.id, action=action))
    queue = replace(queue, events=events)
    st.session_state.radio = queue
    event_id = session.tell_of(
        queue.recommendation_id, "play" if action == "finish" else action, now.track.id, now.rank
    )
    act = RadioAct(action, now.track.title or now.track.id, event_id, before)
    st.session_state.radio_done = (*st.session_state.radio_done, act)[-MOST_KEPT:]
    if action == "like":
        return
    queue = replace(queue, tracks=queue.tracks[1:])
    st.session_state.radio = queue
    if not queue.tracks and not queue.ended:
        _continue(queue, session.preferences())


def _continue(queue: RadioQueue, preferences: Preferences) -> None:
    """Ask for the next batch; if it does not come, the queue stays as it is."""
    listener: str = st.session_state.listener
    language = session.texts().language
    # The gateway takes the seeds at the start only, the cursor and the events later only.
    begins = not queue.cursor
    try:
        batch = session.ask(
            lambda to: to.radio(
                radio_seeds(preferences) if begins else (),
                cursor=queue.cursor or None,
                events=queue.events,
                limit=BATCH,
                language=language,
                listener=listener,
            )
        )
    except GatewayFault as fault:
        st.session_state.radio_fault = fault
        return
    session.remember([each.track for each in batch.tracks])
    st.session_state.radio = RadioQueue(
        batch.recommendation_id,
        batch.cursor,
        batch.tracks,
        ended=batch.exhausted,
        degraded=batch.degraded,
    )
