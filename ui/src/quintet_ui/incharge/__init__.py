"""The page for whoever is in charge: what serves, how well, and what happened in the last hour.

A section is one function that takes the texts and shows something; `SECTIONS` names them in
order. One that fails says so for itself, and one whose route the gateway lacks is not there.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import plotly.graph_objects as go  # type: ignore[import-untyped]
import streamlit as st

from quintet_ui import session
from quintet_ui.client import Fault, GatewayFault
from quintet_ui.incharge.operations import dag_runs, drift
from quintet_ui.incharge.telling import NOTHING, moment, number, percent
from quintet_ui.notices import show_fault
from quintet_ui.traffic import RouteTraffic, Sample, TrafficRecorder, between
from quintet_ui.words import Words

Section = Callable[[Words], None]
REFRESH_SECONDS: Final = 10.0
_MOST_ROUTES: Final = 12
_DAY: Final = "/api/v1/insights?hours=24"


def take_charge() -> None:
    """Shows the page; each section by itself, again every ten seconds."""
    words = session.words()
    st.title(words("charge.title"))
    st.write(words("charge.lead"))
    for section in SECTIONS:
        st.fragment(_guarded, run_every=REFRESH_SECONDS)(section)


def _guarded(section: Section) -> None:
    words = session.words()
    try:
        section(words)
    except GatewayFault as fault:
        if fault.fault is not Fault.ABSENT:
            show_fault(fault, words, retries=True)


@st.cache_resource(show_spinner=False, on_release=TrafficRecorder.stop)
def traffic() -> TrafficRecorder:
    """Returns the recorder that all sessions share; it looks on from its first use."""
    return TrafficRecorder(lambda: session.gateway().metrics()).start()


def health(words: Words) -> None:
    """Shows each service's state."""
    st.header(words("charge.health"))
    states = {"gateway": "SERVING", **session.ask(lambda to: to.readiness())}
    for column, (name, state) in zip(st.columns(len(states)), states.items(), strict=True):
        told = words.get(f"state.{state}") or words("state.UNREACHABLE")
        column.metric(words(f"charge.service.{name}"), told, border=True)


def versions(words: Words) -> None:
    """Shows what serves, since when, and what was refused."""
    st.header(words("charge.versions"))
    model = session.ask(lambda to: to.get("/api/v1/model"))
    kind = words.get(f"charge.kind.{model['kind']}") or model["kind"]
    rows = {
        words("charge.model"): f"{model['versions']['model']} ({kind})",
        words("charge.index"): model["versions"]["index"],
        words("charge.catalogue"): model["versions"]["catalogue"],
        words("charge.tracks"): f"{model['track_count']:,}",
        words("charge.channels"): ", ".join(model["channels"]),
        words("charge.made"): moment(model["create_time"]),
        words("charge.since"): moment(model["load_time"]),
    }
    _facts(rows, words)
    if model["refused_version"]:
        st.warning(
            words(
                "charge.refused",
                version=model["refused_version"],
                reason=model["refused_reason"],
            ),
            icon=":material/block:",
        )


def quality(words: Words) -> None:
    """Shows the metrics recorded when the served model was trained."""
    metrics = session.ask(lambda to: to.get("/api/v1/model"))["metrics"]
    if metrics:
        st.header(words("charge.quality"))
        st.caption(words("charge.quality_help"))
        _facts({name: number(value) for name, value in sorted(metrics.items())}, words)


def last_hour(words: Words) -> None:
    """Shows how many asked, how many failed and how long it took."""
    st.header(words("charge.hour"))
    recorder = traffic()
    now = session.ask(lambda _gateway: recorder.look())
    base = recorder.last_hour(now)
    since = base.moment if base else max(now.start, now.moment - 3600)
    st.caption(words("charge.hour_since", minutes=max(1, round((now.moment - since) / 60))))
    *routes, whole = between(base, now)
    count, failed, middle, slow = st.columns(4)
    count.metric(words("charge.requests"), f"{whole.requests:,.0f}", border=True)
    failed.metric(words("charge.errors"), _share(whole), border=True)
    middle.metric(words("charge.median"), _milliseconds(whole.median, words), border=True)
    slow.metric(words("charge.p95"), _milliseconds(whole.p95, words), border=True)
    if routes:
        st.table(_route_rows(routes[:_MOST_ROUTES], words))
    series = recorder.series(now)
    if len(series) > 2:
        st.plotly_chart(_course(series, words), config={"displayModeBar": False}, key="course")


def experiment(words: Words) -> None:
    """Shows champion against challenger, with the interval and the test's verdict."""
    facts = session.ask(lambda to: to.get("/api/v1/experiment"))["experiment"]
    if facts is None:
        return
    st.header(words("charge.experiment"))
    running = words("charge.running" if facts["running"] else "charge.ended")
    st.caption(words("charge.experiment_help", state=running, since=moment(facts["started_at"])))
    _facts(experiment_rows(facts, words), words)
    if facts["challenger_refused"]:
        refused = words(
            "charge.refused", version=facts["challenger"], reason=facts["challenger_refused"]
        )
        st.warning(refused, icon=":material/block:")


def experiment_rows(facts: Mapping[str, Any], words: Words) -> dict[str, str]:
    """Returns an experiment's facts by what they are called."""
    seen, shadow = facts["preference"], facts["shadow"]
    verdict = words.get(f"charge.said.{facts['verdict']}") or facts["verdict"]
    rows = {
        words("charge.champion"): facts["champion"],
        words("charge.challenger"): facts["challenger"],
        words("charge.mode"): f"{facts['mode']}, {facts['percent']:g} %",
        words("charge.trials"): words(
            "charge.trials_told", wins=facts["wins"], losses=facts["losses"], ties=facts["ties"]
        ),
        words("charge.preference"): (
            f"{percent(seen['seen'])} ({percent(seen['low'])} - {percent(seen['high'])})"
        ),
        words("charge.verdict"): f"{verdict} (p = {facts['p_value']:.3g})",
    }
    if facts["reason"]:
        rows[words("charge.reason")] = facts["reason"]
    if shadow["requests"]:
        rows[words("charge.shadow")] = words(
            "charge.shadow_told",
            requests=shadow["requests"],
            overlap=NOTHING if shadow["overlap"] is None else percent(shadow["overlap"]),
        )
    return rows


def given(words: Words) -> None:
    """Shows how much of the catalogue the lists of a day reach, and whose songs they hold."""
    found = session.ask(lambda to: to.get(_DAY))
    if not found["lists"]:
        return
    tracks = session.ask(lambda to: to.get("/api/v1/model"))["track_count"]
    st.header(words("charge.given"))
    lists, places, coverage = st.columns(3)
    lists.metric(words("charge.lists"), f"{found['lists']:,}", border=True)
    places.metric(words("charge.places"), f"{found['impressions']:,}", border=True)
    share = found["tracks_shown"] / tracks if tracks else 0.0
    coverage.metric(words("charge.coverage"), f"{100 * share:.1f} %", border=True)
    st.caption(words("charge.coverage_help", shown=found["tracks_shown"], all=tracks))
    st.table(
        [
            {words("charge.artist"): each["name"], words("charge.share"): percent(each["share"])}
            for each in found["artists"]
        ]
    )


def received(words: Words) -> None:
    """Shows how the lists of each model were received in a day, with 95 % intervals."""
    found = session.ask(lambda to: to.get(_DAY))
    if not found["models"]:
        return
    st.header(words("charge.received"))
    st.caption(words("charge.received_help"))
    st.table(
        [
            {
                words("charge.model"): each["model"],
                words("charge.lists"): f"{each['lists']:,}",
                words("charge.approved"): percent(each["approved"] / each["lists"]),
                words("charge.interval"): f"{percent(each['low'])} - {percent(each['high'])}",
            }
            for each in found["models"]
        ]
    )
    kinds = {name: count for name, count in sorted(found["events"].items()) if count}
    if kinds:
        told = (f"{words(f'charge.event.{name}')} {count:,}" for name, count in kinds.items())
        st.caption(" · ".join(told))


def links(words: Words) -> None:
    """Links to the tools where their addresses are configured."""
    told = session.settings()
    addresses = {"mlflow": told.mlflow_url, "airflow": told.airflow_url}
    configured = {name: address for name, address in addresses.items() if address}
    if configured:
        st.header(words("charge.links"))
        for name, address in configured.items():
            st.link_button(words(f"charge.open_{name}"), address, icon=":material/open_in_new:")


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


def _facts(rows: dict[str, str], words: Words) -> None:
    fact, value = words("charge.fact"), words("charge.value")
    st.table([{fact: name, value: text} for name, text in rows.items()])


def _route_rows(routes: Sequence[RouteTraffic], words: Words) -> list[dict[str, str]]:
    return [
        {
            words("charge.route"): row.route,
            words("charge.requests"): f"{row.requests:,.0f}",
            words("charge.errors"): _share(row),
            words("charge.median"): _milliseconds(row.median, words),
            words("charge.p95"): _milliseconds(row.p95, words),
        }
        for row in routes
    ]


def _course(series: Sequence[Sample], words: Words) -> go.Figure:
    """Returns requests and latency over the last hour."""
    steps = [between(old, new)[-1] for old, new in pairwise(series)]
    moments = [datetime.fromtimestamp(each.moment).astimezone() for each in series[1:]]
    figure = go.Figure()
    figure.add_bar(
        x=moments,
        y=[step.requests for step in steps],
        name=words("charge.requests"),
        marker_color="#8f7cf2",
    )
    figure.add_scatter(
        x=moments,
        y=[None if math.isnan(step.p95) else 1000 * step.p95 for step in steps],
        name=words("charge.p95_axis"),
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


def _milliseconds(seconds: float, words: Words) -> str:
    return NOTHING if math.isnan(seconds) else words("charge.ms", value=f"{1000 * seconds:,.1f}")
