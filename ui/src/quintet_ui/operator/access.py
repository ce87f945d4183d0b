"""Calls of the operator's page: with the page's own client, or with the token of an operator."""

from collections.abc import Callable
from typing import Final, TypeVar

import streamlit as st
from quintet_client import Quintet, QuintetError

from quintet_ui import session
from quintet_ui.faults import Fault, GatewayFault, gateway_fault
from quintet_ui.translations import Translations

T = TypeVar("T")
_TOKEN: Final = "operator_token"
_SECONDS: Final = 5.0
"""Reports over a month take longer than a list."""


def ask(call: Callable[[Quintet], T]) -> T:
    """Call the gateway as the operator.

    Raises:
        GatewayFault: The call fails.
    """
    token: str = st.session_state.get(_TOKEN, "")
    if not token:
        return session.ask(lambda to: call(to.with_options(timeout=_SECONDS)))
    # A separate client, so that no other visitor calls with this token.
    try:
        with session.open_gateway(session.settings(), token) as own:
            return call(own.with_options(timeout=_SECONDS))
    except QuintetError as error:
        raise gateway_fault(error) from error


def show_sign_in(fault: GatewayFault, texts: Translations) -> bool:
    """Ask for a token if the gateway denies the call; False for any other failure."""
    if fault.fault is not Fault.DENIED:
        return False
    if st.session_state.get(_TOKEN):
        st.error(texts("operator.token_denied"), icon=":material/error:")
    st.info(texts("operator.no_admin"), icon=":material/lock:")
    st.code("quintet clients create operator --scope admin --scope read", language=None)
    with st.form("operator_token_form", border=False):
        st.text_input(
            texts("operator.token"),
            type="password",
            key="operator_token_text",
            help=texts("operator.token_help"),
            autocomplete="off",
        )
        st.form_submit_button(texts("operator.sign_in"), on_click=_take_token)
    return True


def show_sign_out(texts: Translations) -> None:
    """Offer to forget the operator's token."""
    if st.session_state.get(_TOKEN):
        st.button(texts("operator.sign_out"), on_click=_forget_token, type="tertiary")


def _take_token() -> None:
    """Keep the token in this session alone, and nowhere else."""
    st.session_state[_TOKEN] = str(st.session_state.operator_token_text).strip()
    st.session_state.operator_token_text = ""


def _forget_token() -> None:
    st.session_state[_TOKEN] = ""
