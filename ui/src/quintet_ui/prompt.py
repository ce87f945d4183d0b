"""A wish in words: what was understood, each part removable, and the list of the query."""

from dataclasses import dataclass

import streamlit as st
from quintet_client.models import Prompt, PromptPart
from quintet_contract.limits import MAX_PROMPT

from quintet_ui import session
from quintet_ui.alerts import show_fault
from quintet_ui.faults import GatewayFault
from quintet_ui.plain import code, ordered
from quintet_ui.reasons import sentence_of
from quintet_ui.tracks import byline
from quintet_ui.translations import Translations

_SIGNS = {True: ":material/close:", False: ":material/block:"}


@dataclass(frozen=True)
class Wish:
    """A wish of this session.

    Attributes:
        text: As written.
        removed: Ids of the parts that the listener removed.
        answer: What was understood, with the list; None after a failure.
        fault: The failure.
    """

    text: str
    removed: tuple[str, ...] = ()
    answer: Prompt | None = None
    fault: GatewayFault | None = None


@st.fragment
def prompt_section() -> None:
    """Show the box, and the answer to the wish in it; asking reruns only this fragment."""
    texts = session.texts()
    wish: Wish | None = st.session_state.get("wish")
    with st.expander(texts("prompt.heading"), icon=":material/chat:", expanded=wish is not None):
        with st.form("prompt", border=False):
            text = st.text_input(
                texts("prompt.label"),
                placeholder=texts("prompt.placeholder"),
                max_chars=MAX_PROMPT,
                key="prompt_text",
            )
            asked = st.form_submit_button(texts("prompt.ask"), icon=":material/queue_music:")
        if asked and text.strip():
            wish = st.session_state.wish = _answered(Wish(text))
        if wish is not None:
            _show(wish, texts)


def _answered(wish: Wish) -> Wish:
    """Ask the gateway what a wish means, and for its list."""
    language, listener = st.session_state.language, st.session_state.listener
    try:
        answer = session.ask(
            lambda to: to.prompt(
                wish.text,
                removed=wish.removed,
                recommend=True,
                language=language,
                listener=listener,
            ),
            "prompt",
        )
    except GatewayFault as fault:
        return Wish(wish.text, wish.removed, fault=fault)
    return Wish(wish.text, wish.removed, answer)


def _show(wish: Wish, texts: Translations) -> None:
    if wish.fault is not None:
        show_fault(wish.fault, texts)
    if wish.answer is None:
        return
    if wish.answer.model_problem:
        st.info(code(wish.answer.model_problem), icon=":material/info:")
    st.caption(texts("prompt.understood"))
    for part in wish.answer.parts:
        _part(part, texts)
    if wish.answer.not_understood:
        words = ", ".join(code(each.words) for each in wish.answer.not_understood)
        st.warning(texts("prompt.not_understood", words=words), icon=":material/help:")
    if wish.removed:
        st.button(texts("prompt.restore"), icon=":material/undo:", on_click=_restore)
    listed = wish.answer.recommendations
    if listed is None or not listed.tracks:
        st.info(texts("prompt.none"), icon=":material/info:")
        return
    rows = [
        {
            texts("prompt.song"): ordered(ranked.track.title or ranked.track.id),
            texts("prompt.artist"): ordered(byline(ranked.track)),
            texts("prompt.why"): ordered(sentence_of(ranked, texts)),
        }
        for ranked in listed.tracks
    ]
    st.dataframe(rows, hide_index=True)


def _part(part: PromptPart, texts: Translations) -> None:
    meaning = part.meaning.ko if texts.language == "ko" else part.meaning.en
    with st.container(horizontal=True, vertical_alignment="center"):
        if part.removable:
            st.button(
                code(part.words) or part.id,
                key=f"prompt-{part.id}",
                icon=_SIGNS[part.applied],
                help=texts("prompt.remove"),
                on_click=_remove,
                args=(part.id,),
            )
        # Plain text: names of the catalogue are no markup.
        st.text(ordered(meaning))


def _remove(part_id: str) -> None:
    wish: Wish | None = st.session_state.get("wish")
    if wish is not None:
        st.session_state.wish = _answered(Wish(wish.text, (*wish.removed, part_id)))


def _restore() -> None:
    wish: Wish | None = st.session_state.get("wish")
    if wish is not None:
        st.session_state.wish = _answered(Wish(wish.text))
