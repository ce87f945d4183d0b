"""What Streamlit runs for each visit: the language, the two pages, the page asked for."""

from typing import Final

import streamlit as st

from quintet_ui import session
from quintet_ui.incharge import take_charge, traffic
from quintet_ui.listener import listen
from quintet_ui.words import LANGUAGES, NAMES

# Streamlit writes white on every primary button, which nobody can read on the light one at night.
_DARK_BUTTONS: Final = (
    '<style>[data-testid="stBaseButton-primary"]:enabled * {color: #131120;}</style>'
)


def main() -> None:
    """Shows the page that was asked for."""
    session.begin()
    # Whoever opens the second page wants to see the hour before.
    traffic()
    words = session.words()
    st.set_page_config(page_title=words("page.name"), page_icon="🎵", layout="wide")
    if st.context.theme.type == "dark":
        st.html(_DARK_BUTTONS)
    with st.sidebar:
        st.segmented_control(
            words("page.language"),
            LANGUAGES,
            format_func=NAMES.__getitem__,
            key="language_choice",
            default=st.session_state.language,
            required=True,
            on_change=_language_chosen,
        )
    pages = [
        st.Page(listen, title=words("page.listen"), icon=":material/headphones:", default=True),
        st.Page(
            take_charge,
            title=words("page.charge"),
            icon=":material/monitoring:",
            url_path="in-charge",
        ),
    ]
    st.navigation(pages, position="top").run()


def _language_chosen() -> None:
    st.session_state.language = st.session_state.language_choice or st.session_state.language


main()
