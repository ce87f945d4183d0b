"""Requests, errors and latency of the period, as gateways wrote them into the database."""

from collections.abc import Sequence
from typing import Final

import streamlit as st
from quintet_client.models import OperatorOverview, Traffic, TrafficCounts, TrafficRoute

from quintet_ui.figures import go
from quintet_ui.operator.text import NOTHING
from quintet_ui.plain import code
from quintet_ui.translations import Translations

_MOST_ROUTES: Final = 12
CHART: Final = {"displayModeBar": False}


def traffic(overview: OperatorOverview, texts: Translations) -> None:
    """Show counts, the share of errors and latencies: all together, over time and by route."""
    found = overview.traffic
    if found is None:
        return
    st.header(texts("operator.traffic"))
    whole = found.total
    count, failed, middle, slow = st.columns(4)
    count.metric(texts("operator.requests"), f"{whole.requests:,}", border=True)
    failed.metric(texts("operator.errors"), _share(whole), border=True)
    middle.metric(texts("operator.median"), _milliseconds(whole.median_ms, texts), border=True)
    slow.metric(texts("operator.p95"), _milliseconds(whole.p95_ms, texts), border=True)
    if len(found.intervals) > 1:
        st.plotly_chart(_course(found, texts), config=CHART, key="course")
    if found.routes:
        st.table(_route_rows(found.routes[:_MOST_ROUTES], texts))
    else:
        st.caption(texts("operator.no_traffic"))


def _route_rows(routes: Sequence[TrafficRoute], texts: Translations) -> list[dict[str, str]]:
    return [
        {
            texts("operator.route"): code(row.route),
            texts("operator.requests"): f"{row.requests:,}",
            texts("operator.errors"): _share(row),
            texts("operator.median"): _milliseconds(row.median_ms, texts),
            texts("operator.p95"): _milliseconds(row.p95_ms, texts),
        }
        for row in routes
    ]


def _course(found: Traffic, texts: Translations) -> go.Figure:
    """Plot answers, failed ones and the 95th percentile; a bar for each interval."""
    moments = [each.begin for each in found.intervals]
    width = 1000.0 * found.seconds
    figure = go.Figure()
    failed = [each.server_errors for each in found.intervals]
    rest = [each.requests - each.server_errors for each in found.intervals]
    for name, values, colour in (
        (texts("operator.answered"), rest, "#8f7cf2"),
        (texts("operator.failed"), failed, "#d1495b"),
    ):
        figure.add_bar(x=moments, y=values, width=width, name=name, marker_color=colour)
    figure.add_scatter(
        x=moments,
        y=[each.p95_ms for each in found.intervals],
        name=texts("operator.p95_axis"),
        yaxis="y2",
        line={"color": "#c2571a"},
    )
    figure.update_layout(
        barmode="stack",
        yaxis2={"overlaying": "y", "side": "right", "rangemode": "tozero", "showgrid": False},
        legend={"orientation": "h"},
        margin={"l": 40, "r": 40, "t": 20, "b": 30},
        height=280,
    )
    return figure


def _share(row: TrafficCounts) -> str:
    return f"{100 * row.server_errors / row.requests:.2f} %" if row.requests else NOTHING


def _milliseconds(value: float | None, texts: Translations) -> str:
    return NOTHING if value is None else texts("operator.ms", value=f"{value:,.1f}")
