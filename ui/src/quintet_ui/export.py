"""Exports of a list: files, a playlist at Spotify, and the link that restores the session."""

import time
from collections.abc import Sequence
from urllib.parse import urlencode

import streamlit as st
from quintet_client.models import RankedTrack

from quintet_ui import session, spotify
from quintet_ui.player_export import to_player
from quintet_ui.playlist_files import csv_of, jspf_of, m3u8_of
from quintet_ui.translations import Translations


def exports(tracks: Sequence[RankedTrack], texts: Translations) -> None:
    """Offer the list as files, and as a Spotify playlist if that is configured."""
    st.header(texts("export.heading"))
    kept = [ranked for ranked in tracks if ranked.track.id in st.session_state.saved]
    only = bool(kept) and st.toggle(texts("export.only_saved", count=len(kept)))
    chosen = kept if only else tracks
    title = texts("export.title")
    for name, kind, content in (
        ("M3U8", "audio/x-mpegurl", m3u8_of(title, chosen)),
        ("CSV", "text/csv", csv_of(chosen, texts)),
        ("JSPF", "application/jspf+json", jspf_of(title, chosen, texts)),
    ):
        st.download_button(
            texts("export.file", kind=name),
            content,
            file_name=f"quintet.{name.lower()}",
            mime=kind,
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
    to_player(chosen, texts)
    _to_spotify(chosen, texts)


def _to_spotify(tracks: Sequence[RankedTrack], texts: Translations) -> None:
    """Offer the list as a Spotify playlist, if that is configured."""
    told = session.settings()
    ids = tuple(r.track.id for r in tracks if spotify.can_export(r.track.id))
    if not told.exports_to_spotify or not ids:
        return
    state = st.session_state.setdefault("spotify_state", spotify.new_state())
    spotify.pending_exports().keep(
        state,
        spotify.PendingExport(
            session.link_query(),
            ids,
            st.session_state.get("recommendation_id", ""),
            spotify.browser_secret(),
            time.monotonic(),
        ),
    )
    address = spotify.sign_in_address(told, state)
    st.link_button(texts("spotify.export"), address, icon=":material/library_add:", width="stretch")


def welcome_back() -> None:
    """Create the playlist after Spotify sent the listener back, once, and show the result."""
    pending, code = st.session_state.pop("returned", (None, ""))
    texts = session.texts()
    if pending is None or not code:
        st.warning(texts("spotify.not_allowed"), icon=":material/block:")
        return
    try:
        with st.spinner(texts("spotify.working")):
            address = spotify.export(
                session.settings(), code, texts("export.title"), pending.tracks
            )
    except spotify.ExportFailed:
        st.error(texts("spotify.failed"), icon=":material/error:")
        return
    st.session_state.recommendation_id = pending.recommendation_id
    session.tell("playlist_add", *pending.tracks)
    st.session_state.playlist = address


def link(texts: Translations) -> None:
    """Show the link that restores this session."""
    st.header(texts("link.heading"))
    st.caption(texts("link.help"))
    query = urlencode(session.link_query(), doseq=True)
    st.code(f"{st.context.url or ''}?{query}", language=None, wrap_lines=True)
