"""Alerts for listeners: what fails, what still works, and what happens next."""

from collections.abc import Sequence

import streamlit as st

from quintet_ui.faults import PASSING, GatewayFault
from quintet_ui.translations import Translations


def show_fault(fault: GatewayFault, texts: Translations, *, retries: bool = False) -> None:
    """Show a failure: as a warning if it can end by itself, else as an error."""
    text = texts(f"fault.{fault.fault.value}")
    if fault.fault in PASSING:
        again = f" {texts('fault.again')}" if retries else ""
        st.warning(f"{text}{again}", icon=":material/cloud_off:")
    else:
        st.error(text, icon=":material/error:")


def show_degraded(parts: Sequence[str], texts: Translations) -> None:
    """Show which parts were unavailable for a list."""
    told = [texts.get(f"degraded.{part}") for part in parts]
    known = [text for text in told if text]
    if parts:
        st.info(" ".join(known or [texts("degraded.other")]), icon=":material/info:")
