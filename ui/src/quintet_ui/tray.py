"""The saved songs of a listener: kept in the browser and in the link, whatever the list is."""

import streamlit as st

from quintet_ui import session
from quintet_ui.cards import bare, tray_data
from quintet_ui.components import tray_box, triggered
from quintet_ui.preferences import MAX_KEPT, kept_ids
from quintet_ui.signals import given, save_again, undo, unsave
from quintet_ui.translations import Translations


def saved_tray(texts: Translations) -> None:
    """Show the saved songs; what this browser kept for the listener is added at the first visit."""
    saved: tuple[str, ...] = st.session_state.saved
    known = session.tracks_of(saved)
    tracks = [known.get(name) or bare(name) for name in saved]
    listener: str = st.session_state.listener if st.session_state.listener_name else ""
    forgotten: str = st.session_state.get("forgotten", "")
    features, own = session.features_of(saved), session.own_tracks(saved)
    data = tray_data(tracks, listener, forgotten, texts, features, own)
    data["restored"] = st.session_state.get("restored") == listener
    tray_box(data, key="tray", restored=_restored, removed=_removed)


def _restored() -> None:
    kept = kept_ids(triggered("tray", "restored"))
    st.session_state.restored = st.session_state.listener if st.session_state.listener_name else ""
    both = dict.fromkeys([*kept, *st.session_state.saved])
    st.session_state.saved = tuple(both)[-MAX_KEPT:]


def _removed() -> None:
    """Take a song out of the saved ones, or undo that."""
    asked = triggered("tray", "removed")
    if not isinstance(asked, dict):
        return
    track_id, saved = str(asked.get("id")), st.session_state.saved
    if asked.get("undone") is True:
        name, place, event = st.session_state.get("unsaved", ("", 0, None))
        if name == track_id:
            save_again(track_id, place, event)
    elif track_id in saved:
        done = given("save", track_id)
        st.session_state.unsaved = (track_id, saved.index(track_id), done)
        if done is not None:
            undo(done)
        else:
            unsave(track_id)
