"""The list as a playlist of the listener's own player: choose a source, push, and follow it."""

from collections.abc import Sequence
from typing import Final

import streamlit as st
from quintet_client import Quintet
from quintet_client.models import LibraryRequest, RankedTrack, SavedListTracks

from quintet_ui import session
from quintet_ui.alerts import show_fault
from quintet_ui.faults import GatewayFault
from quintet_ui.plain import code
from quintet_ui.translations import Translations

_PART: Final = "playlists"
_OPEN: Final = ("queued", "running")
_FOLLOW_SECONDS: Final = 2.0
_MOST_NAME: Final = 200


def to_player(title: str, tracks: Sequence[RankedTrack], texts: Translations) -> None:
    """Offer the list as a playlist of a source; the sources are asked for once it is opened."""
    if st.toggle(texts("player.open"), key="player_open"):
        try:
            targets = session.ask(Quintet.playlists, _PART).targets
        except GatewayFault as fault:
            _show(fault, texts)
            return
        if not targets:
            st.info(texts("player.none"), icon=":material/library_music:")
            return
        names = [target.source for target in targets]
        name = st.text_input(
            texts("player.name"), title[:_MOST_NAME], _MOST_NAME, key="player_name"
        )
        source = st.selectbox(texts("player.source"), names, key="player_source")
        ids = [ranked.track.id for ranked in tracks]
        if st.button(texts("player.push"), icon=":material/playlist_add:", width="stretch"):
            _push(name, source, ids, texts)
        if st.session_state.get("player_list"):
            st.fragment(_follow, run_every=_FOLLOW_SECONDS)()


def _push(name: str, source: str, ids: Sequence[str], texts: Translations) -> None:
    try:
        saved = session.ask(lambda to: to.save_playlist(name, ids))
        session.ask(lambda to: to.push_playlist(saved.id, source))
    except GatewayFault as fault:
        _show(fault, texts)
        return
    st.session_state.player_list = saved.id


def _follow() -> None:
    """Show how the push goes, until it has ended."""
    texts, list_id = session.texts(), st.session_state.get("player_list", "")
    if not list_id:
        return
    try:
        saved = session.ask(lambda to: to.playlist(list_id), _PART)
    except GatewayFault as fault:
        _show(fault, texts)
        return
    if saved.requests:
        _state(saved.requests[0], saved, texts)


def _state(request: LibraryRequest, saved: SavedListTracks, texts: Translations) -> None:
    if request.state in _OPEN:
        st.caption(texts("player.waiting"))
        if not saved.worker_running:
            st.warning(texts("own.no_worker"), icon=":material/engineering:")
            st.code(saved.worker_command, language="bash")
    elif request.state == "done":
        # The worker's line names the songs that the source lacks.
        st.success(code(request.message, 500), icon=":material/check_circle:")
    else:
        st.error(code(request.message, 500), icon=":material/error:")


def _show(fault: GatewayFault, texts: Translations) -> None:
    """Show a failure; the page's client may lack the scope, and the name may break its rule."""
    if fault.reason == "SCOPE_MISSING":
        st.info(texts("player.no_scope"), icon=":material/lock:")
    elif fault.reason:
        st.error(code(str(fault), 500), icon=":material/error:")
    else:
        show_fault(fault, texts)
