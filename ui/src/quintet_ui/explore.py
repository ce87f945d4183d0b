"""The map as a page: every song of the catalogue, a region for each genre; a click picks."""

from dataclasses import replace
from typing import Any, Final

import streamlit as st
from quintet_explain import genre_names

from quintet_ui import session
from quintet_ui.components import map_view, triggered
from quintet_ui.listener import ask_which
from quintet_ui.map import NAMES, PLACES
from quintet_ui.preferences import SeedTrack
from quintet_ui.translations import Translations

LIST_PAGE: Final = "list_page"
"""Where `page` keeps the listener's page in the session, for links to it."""
_MOST_ID: Final = 256


def explore_page() -> None:
    """Show the page."""
    texts = session.texts()
    if st.session_state.pop("list_from_map", False):
        st.switch_page(st.session_state[LIST_PAGE])
    st.title(texts("map.heading"))
    st.write(texts("map.lead"))
    waiting: str = st.session_state.get("replacing", "")
    if waiting:
        ask_which(waiting, texts)
    map_view(map_data(texts), key="map", acted=_acted)
    st.page_link(st.session_state[LIST_PAGE], label=texts("map.back"), icon=":material/headphones:")


def map_data(texts: Translations) -> dict[str, Any]:
    """Collect what the map in the browser needs: addresses of its files, songs to mark, texts."""
    answer = st.session_state.get("answer") if session.preferences().is_complete else None
    return {
        "places": PLACES,
        "names": NAMES,
        "seeds": [seed.track_id for seed in session.preferences().seeds],
        "listed": [ranked.track.id for ranked in answer[1].tracks] if answer else [],
        "labels": texts.group("map.label"),
        "genres": dict(genre_names(texts.language)),
    }


def _acted() -> None:
    """Add the song as a seed, or begin a list from it alone."""
    acted = triggered("map", "acted")
    if not isinstance(acted, dict):
        return
    track_id = str(acted.get("id", ""))[:_MOST_ID]
    if not track_id:
        return
    if acted.get("kind") == "from":
        st.session_state.replacing = ""
        session.set_preferences(replace(session.preferences(), seeds=(SeedTrack(track_id),)))
        st.session_state.list_from_map = True
    else:
        session.pick(track_id)
