"""The script that Streamlit runs for each visit: language, navigation, and the chosen page."""

from typing import Final

import streamlit as st

from quintet_ui import session
from quintet_ui.listener import listener_page
from quintet_ui.operator import operator_page, traffic
from quintet_ui.own_music import own_music_page
from quintet_ui.translations import LANGUAGES, NAMES

# Streamlit's text on primary buttons is white: unreadable on the light colour of the dark theme.
_DARK_BUTTONS: Final = (
    '<style>[data-testid^="stBaseButton-primary"]:enabled * {color: #131120;}</style>'
)


def main() -> None:
    """Show the chosen page."""
    session.begin()
    # Started at once: the operator's page shows the hour before it was opened.
    traffic()
    texts = session.texts()
    st.set_page_config(page_title=texts("page.name"), page_icon="🎵", layout="wide")
    if st.context.theme.type == "dark":
        st.html(_DARK_BUTTONS)
    with st.sidebar:
        st.segmented_control(
            texts("page.language"),
            LANGUAGES,
            format_func=NAMES.__getitem__,
            key="language_choice",
            default=st.session_state.language,
            required=True,
            on_change=_language_chosen,
        )
    pages = [
        st.Page(
            listener_page, title=texts("page.listener"), icon=":material/headphones:", default=True
        ),
        st.Page(
            own_music_page,
            title=texts("own.page"),
            icon=":material/library_music:",
            url_path="own-music",
        ),
        st.Page(
            operator_page,
            title=texts("page.operator"),
            icon=":material/monitoring:",
            url_path="operator",
        ),
    ]
    st.navigation(pages, position="top").run()


def _language_chosen() -> None:
    st.session_state.language = st.session_state.language_choice or st.session_state.language


main()
