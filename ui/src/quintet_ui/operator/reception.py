"""What was recommended in the period, and how listeners received it."""

from collections.abc import Mapping

import streamlit as st
from quintet_client.models import OperatorOverview, Trend

from quintet_ui.figures import go
from quintet_ui.operator.text import percent
from quintet_ui.operator.traffic import CHART
from quintet_ui.plain import chart, code
from quintet_ui.translations import Translations


def received(overview: OperatorOverview, texts: Translations) -> None:
    """Show the share of approved lists per model, with 95 % intervals, and over time."""
    found = overview.insights
    if found is None or not found.models:
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
        told = (f"{_kind(name, texts)} {count:,}" for name, count in kinds.items())
        st.caption(" · ".join(told))
    if overview.trend is not None and len({each.begin for each in overview.trend.approval}) > 1:
        st.plotly_chart(_approval(overview.trend, texts), config=CHART, key="approval")


def given(overview: OperatorOverview, texts: Translations) -> None:
    """Show how much of the catalogue was recommended, and which artists most."""
    found = overview.insights
    if found is None or not found.lists:
        return
    tracks = overview.model.track_count if overview.model else 0
    st.header(texts("operator.given"))
    lists, places, coverage = st.columns(3)
    lists.metric(texts("operator.lists"), f"{found.lists:,}", border=True)
    places.metric(texts("operator.places"), f"{found.impressions:,}", border=True)
    if tracks:
        share = found.tracks_shown / tracks
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


def approval_by_model(trend: Trend) -> Mapping[str, tuple[list[str], list[float]]]:
    """Arrange a trend for a chart: by model, the times and the shares of approved lists, 0 to 1."""
    lines: dict[str, tuple[list[str], list[float]]] = {}
    for each in trend.approval:
        moments, shares = lines.setdefault(each.model, ([], []))
        moments.append(each.begin.isoformat())
        shares.append(each.approved / each.lists)
    return lines


def _approval(trend: Trend, texts: Translations) -> go.Figure:
    """Plot each model's share of approved lists, and how much feedback there was."""
    figure = go.Figure()
    by_time: dict[str, int] = {}
    for each in trend.feedback:
        moment = each.begin.isoformat()
        by_time[moment] = by_time.get(moment, 0) + each.count
    figure.add_bar(
        x=list(by_time),
        y=list(by_time.values()),
        name=texts("operator.feedback"),
        marker_color="rgba(143, 124, 242, 0.35)",
        yaxis="y2",
    )
    for model, (moments, shares) in approval_by_model(trend).items():
        figure.add_scatter(
            x=moments, y=shares, name=chart(model), mode="lines+markers", line={"width": 2}
        )
    figure.update_layout(
        yaxis={"tickformat": ".0%", "rangemode": "tozero", "title": texts("operator.approved")},
        yaxis2={"overlaying": "y", "side": "right", "rangemode": "tozero", "showgrid": False},
        legend={"orientation": "h"},
        margin={"l": 50, "r": 40, "t": 20, "b": 30},
        height=280,
    )
    return figure


def _kind(name: str, texts: Translations) -> str:
    return texts.get(f"operator.event.{name}") or code(name)
