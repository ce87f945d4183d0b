"""Exports of a list: files, a playlist at Spotify, and the link that restores the session."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import streamlit as st
from quintet_client.models import OwnTrack, RankedTrack, Track
from quintet_explain import Name

from quintet_ui import session, spotify
from quintet_ui.player_export import to_player
from quintet_ui.playlist_files import csv_of, file_name, jspf_of, lines_of, m3u8_of
from quintet_ui.qr import qr_code
from quintet_ui.translations import Translations

_MOST_NAMED: Final = 3
"""Seeds in the name of a list."""
_LINES_HEIGHT: Final = 240  # pixels; more lines scroll


def exports(tracks: Sequence[RankedTrack], texts: Translations) -> None:
    """Offer the list as files, and as a Spotify playlist if that is configured."""
    st.header(texts("export.heading"))
    kept = _saved(tracks)
    only = bool(kept) and st.toggle(texts("export.only_saved", count=len(kept)))
    chosen = kept if only else tracks
    title = _title(texts)
    own = session.own_tracks([ranked.track.id for ranked in chosen])
    paths, recordings = _paths(own), _recordings(own)
    files = [
        ("CSV", "text/csv", csv_of(chosen, texts)),
        ("JSPF", "application/jspf+json", jspf_of(title, chosen, texts, recordings)),
    ]
    if paths:
        files.append(("M3U8", "audio/x-mpegurl", m3u8_of(title, chosen, paths)))
    for name, kind, content in files:
        st.download_button(
            texts("export.file", kind=name),
            content,
            file_name=file_name(title, name.lower()),
            mime=kind,
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
        )
    with st.expander(texts("export.lines"), icon=":material/content_copy:"):
        st.code(lines_of(chosen), language=None, height=_LINES_HEIGHT)
    st.caption(texts("export.recordings", count=len(recordings), all=len(chosen)))
    st.caption(texts("export.own_files", count=len(paths), all=len(chosen)))
    to_player(title, chosen, texts)
    _to_spotify(chosen, texts)


def _saved(tracks: Sequence[RankedTrack]) -> list[RankedTrack]:
    """List the saved songs in the order of saving, also those that are not in the list."""
    saved: tuple[str, ...] = st.session_state.saved
    listed = {ranked.track.id: ranked for ranked in tracks}
    known = session.tracks_of([name for name in saved if name not in listed])
    both = [
        listed.get(name) or (_unranked(known[name], place) if name in known else None)
        for place, name in enumerate(saved, 1)
    ]
    return [ranked for ranked in both if ranked is not None]


def _unranked(track: Track, place: int) -> RankedTrack:
    """Make the entry of a song that was saved from an earlier list: without score and reasons."""
    return RankedTrack(
        rank=place, score=math.nan, similarity=None, channels=(), track=track, reasons=None
    )


def _title(texts: Translations) -> str:
    """Name the list after its seeds."""
    seeds = [seed.track_id for seed in session.preferences().seeds if not seed.against]
    known = session.tracks_of(seeds[:_MOST_NAMED])
    names = [track.title for track in known.values() if track.title]
    return texts("export.named", songs=Name(", ".join(names))) if names else texts("export.title")


def _recordings(own: Mapping[str, OwnTrack]) -> dict[str, str]:
    """Read the known MusicBrainz recordings by track id."""
    return {name: track.recording_mbid for name, track in own.items() if track.recording_mbid}


def _paths(own: Mapping[str, OwnTrack]) -> dict[str, str]:
    """Read the paths of the listener's own files by track id; songs of servers have none."""
    found = {
        name: next((place.path for place in track.places if place.present and place.path), "")
        for name, track in own.items()
    }
    return {name: path for name, path in found.items() if path}


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
            address = spotify.export(session.settings(), code, _title(texts), pending.tracks)
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
    address = f"{st.context.url or ''}?{query}"
    st.code(address, language=None, wrap_lines=True)
    with st.expander(texts("link.qr"), key="qr_open", on_change="rerun") as code:
        if code.open:
            picture = qr_code(address)
            if picture is None:
                st.info(texts("link.too_long"), icon=":material/info:")
            else:
                st.image(picture, caption=texts("link.scan"))
