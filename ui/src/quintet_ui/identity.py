"""Who listens: a name that the browser keeps, and the deletion of what is stored of them."""

import re
from typing import Final

import streamlit as st

from quintet_ui import session
from quintet_ui.components import triggered, upload_box, who_box
from quintet_ui.histories import HISTORIES, PART_BYTES
from quintet_ui.plain import code
from quintet_ui.translations import Translations

# As the browser makes ids; anything else it sends is ignored.
_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_MOST_LETTERS: Final = 40


def who_listens(texts: Translations) -> None:
    """Show who listens; another choice begins with that listener's memory."""
    data = {
        "labels": texts.group("who"),
        "name": st.session_state.listener_name,
        # The browser drops the name of a listener whose data was deleted.
        "forgotten": st.session_state.get("forgotten", ""),
    }
    who_box(data, key="who", chosen=_chosen)
    if st.session_state.listener_name:
        with st.expander(texts("history.heading")):
            upload_box(
                {
                    "labels": texts.group("history"),
                    "listener": st.session_state.listener,
                    "address": HISTORIES,
                    "part": PART_BYTES,
                },
                key="upload",
                imported=session.ask_again,
            )


def _chosen() -> None:
    sent = triggered("who", "chosen")
    if not isinstance(sent, dict):
        return
    name, listener = str(sent.get("name", ""))[:_MOST_LETTERS], str(sent.get("id", ""))
    if not name:
        session.listen_as("", "")
    elif _ID.match(listener):
        session.listen_as(name, listener)


def forget_button(texts: Translations) -> None:
    """Offer to delete what is stored of this listener, after a confirmation."""
    if st.button(texts("feedback.forget"), type="tertiary", width="stretch"):
        _confirm()
    deleted = st.session_state.get("deleted")
    if deleted is not None:
        st.success(
            texts(
                "forget.done",
                events=deleted.deleted_events,
                signals=deleted.deleted_signals,
                playlists=deleted.deleted_playlists,
                lists=deleted.unlinked_recommendations,
            ),
            icon=":material/delete:",
        )


def _confirm() -> None:
    texts = session.texts()

    def ask() -> None:
        name: str = st.session_state.listener_name
        st.write(texts("forget.named", name=code(name)) if name else texts("forget.nameless"))
        st.write(texts("forget.what"))
        if st.button(texts("forget.yes"), type="primary", icon=":material/delete:"):
            st.session_state.deleted = session.forget()
            st.rerun()
        if st.button(texts("forget.no")):
            st.rerun()

    st.dialog(texts("forget.title"))(ask)()
