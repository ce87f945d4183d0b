"""The script that Streamlit runs for each visit: language, navigation, and the chosen page."""

from typing import Final

import streamlit as st

from quintet_ui import session
from quintet_ui.components import player_box, watch_box
from quintet_ui.explore import LIST_PAGE, explore_page
from quintet_ui.listener import listener_page
from quintet_ui.mark import mark_address, mark_svg
from quintet_ui.operator import operator_page
from quintet_ui.own_music import own_music_page
from quintet_ui.signals import heard_until, played, went_back
from quintet_ui.translations import LANGUAGES, NAMES

# Streamlit's text on primary buttons is white: unreadable on the light colour of the dark theme.
_DARK_BUTTONS: Final = (
    '<style>[data-testid^="stBaseButton-primary"]:enabled * {color: #131120;}</style>'
)
# The bar of seeds stays in view; the navigation shows its focus; what Streamlit adds for authors of
# apps ("Record a screencast", "Made with Streamlit", a running figure) means nothing to a listener.
_LAYOUT: Final = """<style>
.st-key-finder {position: relative; z-index: 60;}
/* Streamlit wraps a container: the wrapper is what can stick to the top. */
[data-testid="stLayoutWrapper"]:has(> .st-key-slots) {position: sticky; top: 3.4rem; z-index: 50;}
.st-key-slots {padding: 0.4rem 0; background: BACK;}
/* With little room, what belongs to the list comes below it. */
@media (max-width: 1100px) {
  .st-key-results [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) {
    flex-direction: column;}
  .st-key-results [data-testid="stColumn"] {width: 100%; min-width: 100%;}
}
/* Korean breaks between words. */
:lang(ko) {word-break: keep-all !important; overflow-wrap: anywhere;}
[data-testid="stExpandSidebarButton"]::after {content: "LABEL"; padding-left: 0.3rem;}
/* Streamlit says "2 more" in English, whatever the language is. */
.rc-overflow-item-rest [data-testid="stTopNavSection"] p {visibility: hidden; font-size: 0;}
.rc-overflow-item-rest [data-testid="stTopNavSection"] p::after {
  content: "REST"; visibility: visible; font-size: 0.875rem;}
[data-testid="stTopNavLink"]:focus-visible, [data-testid="stSidebarNavLink"]:focus-visible {
  outline: 3px solid var(--st-primary-color); outline-offset: 2px;}
[data-testid="stCaptionContainer"] code {color: inherit;}
[data-testid="stMainMenu"], [data-testid="stAppDeployButton"], [data-testid="stStatusWidget"],
[data-testid="stConnectionStatus"] {display: none;}
/* In an outage the page says in its own words what happens (components/watch.js). */
body:has([data-test-connection-state]:not([data-test-connection-state="CONNECTED"]))
  [data-testid="stDialog"] {display: none;}
/* A phone has no room for a panel at the side: it is a sheet at the bottom. */
@media (max-width: 640px) {
  [data-testid="stSidebar"][data-collapsed="false"] {
    position: fixed !important; inset: auto 0 0 0 !important; width: 100% !important;
    max-width: 100% !important; height: 82dvh !important; transform: none !important;
    border-top: 1px solid; border-radius: 1rem 1rem 0 0; z-index: 999990;}
  [data-testid="stExpandSidebarButton"] {background: BACK;}
  [data-testid="stMainBlockContainer"] {padding-bottom: 6rem;}
}
/* The player is at the bottom (components/player.js). */
body.quintet-plays [data-testid="stMainBlockContainer"] {padding-bottom: 9rem;}
body.quintet-asks [data-testid="stExpandSidebarButton"] {display: none;}
</style>"""


def main() -> None:
    """Show the chosen page."""
    if session.begin():
        went_back()
    texts = session.texts()
    st.set_page_config(page_title=texts("page.name"), page_icon=mark_address(), layout="wide")
    st.logo(mark_svg(), size="large")
    dark = st.context.theme.type == "dark"
    # The labels are ours and hold neither quotes nor backslashes.
    layout = _LAYOUT.replace("BACK", "#131120" if dark else "#ffffff")
    st.html(layout.replace("LABEL", texts("page.panel")).replace("REST", texts("page.rest")))
    if dark:
        st.html(_DARK_BUTTONS)
    listener = st.Page(
        listener_page, title=texts("page.listener"), icon=":material/headphones:", default=True
    )
    explore = st.Page(
        explore_page,
        title=texts("page.explore"),
        icon=":material/scatter_plot:",
        url_path="explore",
    )
    st.session_state[LIST_PAGE], st.session_state.explore_page = listener, explore
    watch_box({"labels": texts.group("watch")}, key="watch")
    # On every page, so that what plays goes on when the listener opens another one.
    _sound()
    pages = [
        listener,
        explore,
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
    # On every page, so that a reload of any of them keeps the songs.
    session.write_link()


@st.fragment
def _sound() -> None:
    """Show the player; what was heard reruns only this fragment."""
    data = {"labels": session.texts().group("sound"), "handled": heard_until()}
    player_box(data, key="player", played=played)


def _language_chosen() -> None:
    st.session_state.language = st.session_state.language_choice or st.session_state.language


main()
