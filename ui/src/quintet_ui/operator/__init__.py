"""The operator's page: the installation now and over time, its models, and single lists.

Each view asks the gateway once per interval, and only while the page can be seen. A section of
the overview is one function that takes the overview and the texts; `SECTIONS` names them in order.
A section without data is left out.
"""

from collections.abc import Callable
from typing import Final

import streamlit as st
from quintet_client import Quintet
from quintet_client.models import OperatorOverview

from quintet_ui import session
from quintet_ui.alerts import show_fault
from quintet_ui.components import clock
from quintet_ui.faults import Fault, GatewayFault
from quintet_ui.operator.access import ask, show_sign_in, show_sign_out
from quintet_ui.operator.events import events
from quintet_ui.operator.lists import lists
from quintet_ui.operator.models import models
from quintet_ui.operator.operations import dag_runs, drift
from quintet_ui.operator.reception import given, received
from quintet_ui.operator.state import (
    experiment,
    health,
    quality,
    show_model,
    show_services,
    versions,
)
from quintet_ui.operator.text import moment
from quintet_ui.operator.traffic import traffic
from quintet_ui.translations import Translations

Section = Callable[[OperatorOverview, Translations], None]
REFRESH_SECONDS: Final = 30
"""The gateway adds to its traffic as often."""
RANGES: Final = (1, 24, 168, 744)
"""Hours: an hour, a day, a week, 31 days."""
VIEWS: Final = ("overview", "models", "list")
SECTIONS: Final[tuple[Section, ...]] = (
    health,
    versions,
    quality,
    traffic,
    received,
    given,
    experiment,
    drift,
    dag_runs,
    events,
)


def operator_page() -> None:
    """Show the page."""
    texts = session.texts()
    st.title(texts("operator.title"))
    st.write(texts("operator.lead"))
    view = st.segmented_control(
        texts("operator.view"),
        VIEWS,
        format_func=lambda name: texts(f"operator.view_of.{name}"),
        default=VIEWS[0],
        required=True,
        label_visibility="collapsed",
        key="operator_view",
    )
    {"overview": _overview, "models": _models, "list": _list}[view or VIEWS[0]]()
    show_sign_out(texts)
    _links(texts)


@st.fragment
def _overview() -> None:
    """Show all sections from one answer of the gateway."""
    texts = session.texts()
    hours = st.segmented_control(
        texts("operator.range"),
        RANGES,
        format_func=lambda each: texts(f"operator.range_of.{each}"),
        default=RANGES[1],
        required=True,
        key="operator_hours",
    )
    clock(REFRESH_SECONDS, key="operator_clock")
    try:
        found = ask(lambda to: to.operator_overview(hours=hours or RANGES[1]))
    except GatewayFault as fault:
        _without_overview(fault, texts)
        return
    st.caption(texts("operator.as_of", time=moment(found.time), seconds=REFRESH_SECONDS))
    for name in found.unavailable:
        st.warning(texts(f"operator.unavailable.{name}"), icon=":material/cloud_off:")
    for section in SECTIONS:
        section(found, texts)


def _without_overview(fault: GatewayFault, texts: Translations) -> None:
    """Show what needs no operator, and how to see the rest."""
    if not show_sign_in(fault, texts):
        show_fault(fault, texts, retries=True)
        return
    try:
        services = session.ask(Quintet.readiness).services
        st.header(texts("operator.health"))
        show_services({"gateway": "SERVING", **services}, texts)
        show_model(session.ask(Quintet.model), texts)
    except GatewayFault as other:
        show_fault(other, texts, retries=True)


@st.fragment
def _models() -> None:
    clock(REFRESH_SECONDS // 3, key="models_clock")
    _guarded(models)


@st.fragment
def _list() -> None:
    _guarded(lists)


def _guarded(view: Callable[[Translations], None]) -> None:
    texts = session.texts()
    try:
        view(texts)
    except GatewayFault as fault:
        if fault.fault is Fault.ABSENT:
            st.info(texts("operator.old_gateway"))
        elif not show_sign_in(fault, texts):
            show_fault(fault, texts, retries=True)


def _links(texts: Translations) -> None:
    """Link to MLflow and Airflow if their addresses are configured."""
    told = session.settings()
    addresses = {"mlflow": told.mlflow_url, "airflow": told.airflow_url}
    configured = {name: address for name, address in addresses.items() if address}
    if configured:
        st.header(texts("operator.links"))
        for name, address in configured.items():
            st.link_button(texts(f"operator.open_{name}"), address, icon=":material/open_in_new:")
