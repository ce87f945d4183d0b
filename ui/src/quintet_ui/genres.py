"""The genres that a listener can start from, and those that a text begins."""

from typing import Final

import streamlit as st
from quintet_client.models import Genre
from quintet_explain import genre_name
from quintet_text.normal_form import normalise

from quintet_ui import session
from quintet_ui.faults import GatewayFault
from quintet_ui.translations import Translations

SHOWN: Final = 12
"""Genres at the start: two rows on a desk."""
_MATCHED: Final = 3
_LETTERS: Final = 2  # a text of one letter begins too many genres
_PAGE: Final = 1000  # the most of one page of the gateway
_MOST_READ: Final = 5000


def genres_for(query: str, texts: Translations) -> list[str]:
    """List the most used genres, or those whose name a text begins, in the page's language too."""
    known = _genres()
    if not query:
        return known[:SHOWN]
    text = normalise(query)
    if len(text) < _LETTERS or ":" in query:
        return []
    return [
        name
        for name in known
        if normalise(name).startswith(text)
        or normalise(genre_name(name, texts.language)).startswith(text)
    ][:_MATCHED]


def _genres() -> list[str]:
    """Read the genres once a visit, the most used first; none while the gateway has no answer."""
    known: list[str] | None = st.session_state.get("genres")
    if known is not None:
        return known
    try:
        found = _pages()
    except GatewayFault:
        return []
    found.sort(key=lambda genre: -genre.track_count)
    # A quote would end the filter of the search.
    names = [genre.name for genre in found if '"' not in genre.name]
    st.session_state.genres = names
    return names


def _pages() -> list[Genre]:
    """Read the pages of genres, up to a bound.

    Raises:
        GatewayFault: A page does not come.
    """
    found: list[Genre] = []
    token = ""
    while len(found) < _MOST_READ:
        page = session.ask(lambda to, at=token: to.genres(limit=_PAGE, page_token=at), "search")  # type: ignore[misc]
        found += page.genres
        token = page.next_page_token
        if not token:
            break
    return found
