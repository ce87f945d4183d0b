"""What a listener takes along: files, a playlist at Spotify, the link that brings them back."""

import time
from collections.abc import Sequence
from urllib.parse import urlencode

import streamlit as st

from quintet_ui import session, spotify
from quintet_ui.answers import Ranked
from quintet_ui.exports import csv_of, jspf_of, m3u8_of
from quintet_ui.words import Words


def exports(tracks: Sequence[Ranked], words: Words) -> None:
    """Offers the list as files, and at Spotify where that is configured."""
    st.header(words("export.heading"))
    kept = [ranked for ranked in tracks if ranked["track"]["id"] in st.session_state.saved]
    only = bool(kept) and st.toggle(words("export.only_saved", count=len(kept)))
    chosen = kept if only else tracks
    title = words("export.title")
    for name, kind, content in (
        ("M3U8", "audio/x-mpegurl", m3u8_of(title, chosen)),
        ("CSV", "text/csv", csv_of(chosen)),
        ("JSPF", "application/jspf+json", jspf_of(title, chosen)),
    ):
        st.download_button(
            words("export.file", kind=name),
            content,
            file_name=f"quintet.{name.lower()}",
            mime=kind,
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
    _to_spotify(chosen, words)


def _to_spotify(tracks: Sequence[Ranked], words: Words) -> None:
    """Offers the list as a playlist at Spotify, where that is configured."""
    told = session.settings()
    ids = tuple(r["track"]["id"] for r in tracks if spotify.can_export(r["track"]["id"]))
    if not told.exports_to_spotify or not ids:
        return
    state = st.session_state.setdefault("spotify_state", spotify.new_state())
    spotify.partings().keep(
        state,
        spotify.Parting(
            session.link_query(),
            ids,
            st.session_state.get("recommendation_id", ""),
            spotify.browser_mark(),
            time.monotonic(),
        ),
    )
    address = spotify.sign_in_address(told, state)
    st.link_button(words("spotify.export"), address, icon=":material/library_add:", width="stretch")


def welcome_back() -> None:
    """Makes the playlist of a listener whom Spotify sent back, and says how it went; once."""
    parting, code = st.session_state.pop("returned", (None, ""))
    words = session.words()
    if parting is None or not code:
        st.warning(words("spotify.not_allowed"), icon=":material/block:")
        return
    try:
        with st.spinner(words("spotify.working")):
            address = spotify.export(
                session.settings(), code, words("export.title"), parting.tracks
            )
    except spotify.ExportFailed:
        st.error(words("spotify.failed"), icon=":material/error:")
        return
    st.session_state.recommendation_id = parting.recommendation_id
    session.tell("playlist_add", *parting.tracks)
    st.session_state.playlist = address


def link(words: Words) -> None:
    """Shows the link that restores this session."""
    st.header(words("link.heading"))
    st.caption(words("link.help"))
    query = urlencode(session.link_query(), doseq=True)
    st.code(f"{st.context.url or ''}?{query}", language=None, wrap_lines=True)
