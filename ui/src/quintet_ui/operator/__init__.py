"""The operator's page: what is served, its quality, and the traffic of the last hour.

A section is one function that takes the texts and shows something; `SECTIONS` names them in
order. A failing section shows its own error; one whose route the gateway lacks is left out.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import streamlit as st
from quintet_client import Quintet
from quintet_client.models import Experiment

from quintet_ui import session
from quintet_ui.alerts import show_fault
from quintet_ui.faults import Fault, GatewayFault
from quintet_ui.figures import go
from quintet_ui.operator.operations import dag_runs, drift
from quintet_ui.operator.text import NOTHING, moment, number, percent
from quintet_ui.plain import code
from quintet_ui.traffic import RouteTraffic, Sample, TrafficRecorder, between
from quintet_ui.translations import Translations

Section = Callable[[Translations], None]
REFRESH_SECONDS: Final = 10.0  # each section asks the gateway so often
_MOST_ROUTES: Final = 12


def operator_page() -> None:
    """Show the page; each section is refreshed separately, every ten seconds."""
    texts = session.texts()
    st.title(texts("operator.title"))
    st.write(texts("operator.lead"))
    for section in SECTIONS:
        st.fragment(_guarded, run_every=REFRESH_SECONDS)(section)


def _guarded(section: Section) -> None:
    texts = session.texts()
    try:
        section(texts)
    except GatewayFault as fault:
        if fault.fault is not Fault.ABSENT:
            show_fault(fault, texts, retries=True)


@st.cache_resource(show_spinner=False, on_release=TrafficRecorder.stop)
def traffic() -> TrafficRecorder:
    """Start the recorder that all sessions share; it samples until the process ends."""
    return TrafficRecorder(lambda: session.gateway().metrics()).start()


def health(texts: Translations) -> None:
    """Show each service's state."""
    st.header(texts("operator.health"))
    # The gateway answered, so it serves; it does not list itself.
    states = {"gateway": "SERVING", **session.ask(Quintet.readiness).services}
    for column, (name, state) in zip(st.columns(len(states)), states.items(), strict=True):
        told = texts.get(f"state.{state}") or texts("state.UNREACHABLE")
        label = texts.get(f"operator.service.{name}") or code(name)
        column.metric(label, told, border=True)


def versions(texts: Translations) -> None:
    """Show the served versions, since when, and the version rejected last."""
    st.header(texts("operator.versions"))
    model = session.ask(Quintet.model)
    kind = texts.get(f"operator.kind.{model.kind}") or code(model.kind)
    rows = {
        texts("operator.model"): f"{code(model.versions.model)} ({kind})",
        texts("operator.index"): code(model.versions.index),
        texts("operator.catalogue"): code(model.versions.catalogue),
        texts("operator.tracks"): f"{model.track_count:,}",
        texts("operator.channels"): ", ".join(map(code, model.channels)),
        texts("operator.made"): moment(model.create_time),
        texts("operator.since"): moment(model.load_time),
    }
    _facts(rows, texts)
    if model.refused_version:
        st.warning(
            texts(
                "operator.refused",
                version=code(model.refused_version),
                reason=code(model.refused_reason),
            ),
            icon=":material/block:",
        )


def quality(texts: Translations) -> None:
    """Show the metrics recorded when the served model was trained."""
    metrics = session.ask(Quintet.model).metrics
    if metrics:
        st.header(texts("operator.quality"))
        st.caption(texts("operator.quality_help"))
        _facts({code(name): number(value) for name, value in sorted(metrics.items())}, texts)


def last_hour(texts: Translations) -> None:
    """Show request counts, the share of errors and latencies of the last hour."""
    st.header(texts("operator.hour"))
    recorder = traffic()
    now = session.ask(lambda _gateway: recorder.look())
    base = recorder.last_hour(now)
    since = base.moment if base else max(now.start, now.moment - 3600)
    st.caption(texts("operator.hour_since", minutes=max(1, round((now.moment - since) / 60))))
    *routes, whole = between(base, now)
    count, failed, middle, slow = st.columns(4)
    count.metric(texts("operator.requests"), f"{whole.requests:,.0f}", border=True)
    failed.metric(texts("operator.errors"), _share(whole), border=True)
    middle.metric(texts("operator.median"), _milliseconds(whole.median, texts), border=True)
    slow.metric(texts("operator.p95"), _milliseconds(whole.p95, texts), border=True)
    if routes:
        st.table(_route_rows(routes[:_MOST_ROUTES], texts))
    series = recorder.series(now)
    # A course needs two intervals at least.
    if len(series) > 2:
        st.plotly_chart(_course(series, texts), config={"displayModeBar": False}, key="course")


def experiment(texts: Translations) -> None:
    """Show champion against challenger, with the interval and the test's verdict."""
    facts = session.ask(Quintet.experiment)
    if facts is None:
        return
    st.header(texts("operator.experiment"))
    running = texts("operator.running" if facts.running else "operator.ended")
    st.caption(texts("operator.experiment_help", state=running, since=moment(facts.started_at)))
    _facts(experiment_rows(facts, texts), texts)
    if facts.challenger_refused:
        refused = texts(
            "operator.refused",
            version=code(facts.challenger),
            reason=code(facts.challenger_refused),
        )
        st.warning(refused, icon=":material/block:")


def experiment_rows(facts: Experiment, texts: Translations) -> dict[str, str]:
    """Describe an experiment as rows of a table: translated name, value."""
    seen, shadow = facts.preference, facts.shadow
    verdict = texts.get(f"operator.said.{facts.verdict}") or code(facts.verdict)
    rows = {
        texts("operator.champion"): code(facts.champion),
        texts("operator.challenger"): code(facts.challenger),
        texts("operator.mode"): f"{code(facts.mode)}, {facts.percent:g} %",
        texts("operator.trials"): texts(
            "operator.trials_told", wins=facts.wins, losses=facts.losses, ties=facts.ties
        ),
        texts("operator.preference"): (
            f"{percent(seen.seen)} ({percent(seen.low)} - {percent(seen.high)})"
        ),
        texts("operator.verdict"): f"{verdict} (p = {facts.p_value:.3g})",
    }
    if facts.reason:
        rows[texts("operator.reason")] = code(facts.reason)
    if shadow.requests:
        rows[texts("operator.shadow")] = texts(
            "operator.shadow_told",
            requests=shadow.requests,
            overlap=NOTHING if shadow.overlap is None else percent(shadow.overlap),
        )
    return rows


def given(texts: Translations) -> None:
    """Show how much of the catalogue was recommended in 24 hours, and which artists most."""
    found = session.ask(lambda to: to.insights(hours=24))
    if not found.lists:
        return
    tracks = session.ask(Quintet.model).track_count
    st.header(texts("operator.given"))
    lists, places, coverage = st.columns(3)
    lists.metric(texts("operator.lists"), f"{found.lists:,}", border=True)
    places.metric(texts("operator.places"), f"{found.impressions:,}", border=True)
    share = found.tracks_shown / tracks if tracks else 0.0
    coverage.metric(texts("operator.coverage"), f"{100 * share:.1f} %", border=True)
    st.caption(texts("operator.coverage_help", shown=found.tracks_shown, all=tracks))
    st.table(
        [
            {
                texts("operator.artist"): code(each.name),
                texts("operator.share"): percent(each.share),
            }
            for each in found.artists
        ]
    )


def received(texts: Translations) -> None:
    """Show the share of approved lists per model in 24 hours, with 95 % intervals."""
    found = session.ask(lambda to: to.insights(hours=24))
    if not found.models:
        return
    st.header(texts("operator.received"))
    st.caption(texts("operator.received_help"))
    st.table(
        [
            {
                texts("operator.model"): code(each.model),
                texts("operator.lists"): f"{each.lists:,}",
                texts("operator.approved"): percent(each.approved / each.lists),
                texts("operator.interval"): f"{percent(each.low)} - {percent(each.high)}",
            }
            for each in found.models
        ]
    )
    kinds = {name: count for name, count in sorted(found.events.items()) if count}
    if kinds:
        told = (
            f"{texts.get(f'operator.event.{name}') or code(name)} {count:,}"
            for name, count in kinds.items()
        )
        st.caption(" · ".join(told))


def links(texts: Translations) -> None:
    """Link to MLflow and Airflow if their addresses are configured."""
    told = session.settings()
    addresses = {"mlflow": told.mlflow_url, "airflow": told.airflow_url}
    configured = {name: address for name, address in addresses.items() if address}
    if configured:
        st.header(texts("operator.links"))
        for name, address in configured.items():
            st.link_button(texts(f"operator.open_{name}"), address, icon=":material/open_in_new:")


SECTIONS: Final[tuple[Section, ...]] = (
    health,
    versions,
    quality,
    experiment,
    received,
    given,
    drift,
    dag_runs,
    last_hour,
    links,
)


def _facts(rows: dict[str, str], texts: Translations) -> None:
    fact, value = texts("operator.fact"), texts("operator.value")
    st.table([{fact: name, value: text} for name, text in rows.items()])


def _route_rows(routes: Sequence[RouteTraffic], texts: Translations) -> list[dict[str, str]]:
    return [
        {
            texts("operator.route"): code(row.route),
            texts("operator.requests"): f"{row.requests:,.0f}",
            texts("operator.errors"): _share(row),
            texts("operator.median"): _milliseconds(row.median, texts),
            texts("operator.p95"): _milliseconds(row.p95, texts),
        }
        for row in routes
    ]


def _course(series: Sequence[Sample], texts: Translations) -> go.Figure:
    """Plot requests and 95th percentiles of the last hour, a bar per sample interval."""
    steps = [between(old, new)[-1] for old, new in pairwise(series)]
    moments = [datetime.fromtimestamp(each.moment).astimezone() for each in series[1:]]
    figure = go.Figure()
    figure.add_bar(
        x=moments,
        y=[step.requests for step in steps],
        name=texts("operator.requests"),
        marker_color="#8f7cf2",
    )
    figure.add_scatter(
        x=moments,
        y=[None if math.isnan(step.p95) else 1000 * step.p95 for step in steps],
        name=texts("operator.p95_axis"),
        yaxis="y2",
        line={"color": "#c2571a"},
    )
    figure.update_layout(
        yaxis2={"overlaying": "y", "side": "right", "rangemode": "tozero"},
        legend={"orientation": "h"},
        margin={"l": 40, "r": 40, "t": 20, "b": 30},
        height=280,
    )
    return figure


def _share(row: RouteTraffic) -> str:
    return f"{100 * row.failures / row.requests:.2f} %" if row.requests else NOTHING


def _milliseconds(seconds: float, texts: Translations) -> str:
    return NOTHING if math.isnan(seconds) else texts("operator.ms", value=f"{1000 * seconds:,.1f}")
