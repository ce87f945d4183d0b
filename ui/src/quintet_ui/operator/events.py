"""The log of events: restarts, rejected versions, promotions, imports, experiments."""

from typing import Final

import streamlit as st
from quintet_client.models import OperationEvent, OperatorOverview

from quintet_ui.operator.markup import Tone, show_rows
from quintet_ui.operator.text import moment
from quintet_ui.translations import Translations

_TONES: Final[dict[str, Tone]] = {
    "service_up": "good",
    "model_served": "good",
    "service_down": "bad",
    "model_rejected": "bad",
    "service_restarted": "warn",
    "gateway_stopped": "warn",
}
_SHOWN: Final = 15
"""Events that are shown at once; a switch shows the rest."""


def events(overview: OperatorOverview, texts: Translations) -> None:
    """Show the events of the period, the newest first."""
    if "database" in overview.unavailable:
        return
    st.header(texts("operator.events"))
    if not overview.events:
        st.caption(texts("operator.no_events"))
        return
    found = overview.events
    if len(found) > _SHOWN and not st.toggle(
        texts("operator.all_events", count=len(found)), key="all_events"
    ):
        found = found[:_SHOWN]
    titles = [texts(f"operator.{name}") for name in ("time", "what", "subject", "detail")]
    rows = ((_TONES.get(each.kind, "plain"), _cells(each, texts)) for each in found)
    show_rows(titles, rows, texts("operator.events"), toned=1)


def _cells(event: OperationEvent, texts: Translations) -> list[str]:
    what = texts.get(f"operator.happened.{event.kind}") or event.kind
    subject = texts.get(f"operator.service.{event.subject}") or event.subject
    detail = texts.get(f"state.{event.detail}") or event.detail
    return [moment(event.time), what, subject, detail]
