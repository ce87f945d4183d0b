"""Writes the report as one HTML page: tables, and plots with their facts in words."""

import base64
from collections.abc import Callable
from typing import Any

from quintet_training.evaluation.plots import plots
from quintet_training.evaluation.report import OURS, Report, Section
from quintet_training.evaluation.wording import (
    BEYOND,
    CALIBRATION_TITLE,
    COMPARED,
    DIAL_KNOWN,
    DIAL_TITLE,
    GROWTH_METRICS,
    GROWTH_TITLE,
    bounds,
    method_name,
    metric_name,
    number,
    signed,
    signed_bounds,
    summary,
)


def page(report: Report) -> str:
    """Render the report as HTML that loads nothing and runs no script.

    It must open years later, from a registry's artefacts, without a network.
    """
    # Imported late: no other command writes pages.
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("quintet_training.evaluation"),
        autoescape=True,
        # A name that the template misspells fails instead of printing nothing.
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = [
        {
            "title": plot.title,
            "alternative": plot.alternative,
            # As an image it keeps its ids to itself, and readers hear the words instead.
            "data": base64.b64encode(plot.svg.encode()).decode(),
        }
        for plot in plots(report)
    ]
    others = [one for one in report.sections if one.name != report.primary]
    tables = [_accuracy(report, one) for one in (report.main, *others)]
    tables += [_beyond(report, report.main), _differences(report), _deciles(report)]
    tables += [_dial(report), _growth(report), _calibration(report)]
    return environment.get_template("report.html").render(
        summary=summary(report),
        pictures=pictures,
        tables=[table for table in tables if table["rows"]],
        options=report.options,
        counts=report.counts,
    )


def _accuracy(report: Report, section: Section) -> dict[str, Any]:
    def cells(method: str) -> list[tuple[str, str]]:
        values = section.methods[method]
        return [(number(values[one].mean), bounds(values[one])) for one in COMPARED]

    title = f"{section.title}, {section.cases} playlists"
    return _table(title, "method", _headings(report, COMPARED), section.methods, cells)


def _beyond(report: Report, section: Section) -> dict[str, Any]:
    def cells(method: str) -> list[tuple[str, str]]:
        values = section.methods[method]
        measured = [(number(values[one].mean), bounds(values[one])) for one in BEYOND]
        return [(number(section.coverage[method]), ""), *measured]

    headings = ["Coverage", *_headings(report, BEYOND)]
    title = f"Beyond accuracy, {section.title.lower()}"
    return _table(title, "method", headings, section.methods, cells)


def _differences(report: Report) -> dict[str, Any]:
    def cells(method: str) -> list[tuple[str, str]]:
        values = report.differences[method]
        return [
            (
                signed(values[one].mean) + (" ✓" if report.apart(method, one) else ""),
                signed_bounds(values[one]),
            )
            for one in COMPARED
        ]

    title = "Model minus baseline, playlist by playlist (✓: the two intervals lie apart)"
    return _table(title, "baseline", _headings(report, COMPARED), report.differences, cells)


def _deciles(report: Report) -> dict[str, Any]:
    tenths = {
        f"{tenth.low:.0f} to {tenth.high:.0f}, {tenth.tracks} tracks": tenth
        for tenth in report.deciles
    }
    methods = list(report.main.methods)

    def cells(name: str) -> list[tuple[str, str]]:
        return [(number(tenths[name].recall[method]), "") for method in methods]

    title = f"{metric_name(report, 'recall')} by popularity of the hidden track"
    headings = [method_name(method) for method in methods]
    return _table(title, "popularity", headings, tenths, cells)


def _dial(report: Report) -> dict[str, Any]:
    points = {f"{point.value:.1f}": point for point in report.dial}

    def cells(name: str) -> list[tuple[str, str]]:
        found = (points[name].ndcg, points[name].known)
        return [(number(one.mean), bounds(one)) for one in found]

    headings = [metric_name(report, "ndcg"), DIAL_KNOWN]
    return _table(DIAL_TITLE, "discovery", headings, points, cells)


def _growth(report: Report) -> dict[str, Any]:
    points = {f"{point.playlists:,}": point for point in report.growth}
    kinds = list(report.growth[-1].by_kind) if report.growth else []

    def cells(name: str) -> list[tuple[str, str]]:
        point = points[name]
        found = [getattr(point, metric) for metric in GROWTH_METRICS]
        found += [point.by_kind[kind] for kind in kinds]
        return [(number(one.mean), bounds(one)) for one in found]

    ndcg = metric_name(report, "ndcg")
    headings = [*_headings(report, GROWTH_METRICS), *(f"{ndcg}, {k or 'none'}" for k in kinds)]
    return _table(GROWTH_TITLE, "playlists", headings, points, cells)


def _calibration(report: Report) -> dict[str, Any]:
    found = report.calibration
    tenths = {str(tenth.number): tenth for tenth in (found.tenths if found else ())}
    kinds = list(found.by_kind) if found else []

    def cells(name: str) -> list[tuple[str, str]]:
        tenth = tenths[name]
        ends = (f"{number(tenth.low)} to {number(tenth.high)}", "")
        observed = (number(tenth.observed.mean), bounds(tenth.observed))
        by_kind = [(number(tenth.by_kind[kind]), "") for kind in kinds]
        return [ends, (f"{tenth.tracks:,}", ""), (number(tenth.predicted), ""), observed, *by_kind]

    headings = ["scores", "tracks", "predicted", "observed", *(kind or "none" for kind in kinds)]
    return _table(CALIBRATION_TITLE, "tenth of scores", headings, tenths, cells)


def _headings(report: Report, metrics: tuple[str, ...]) -> list[str]:
    return [metric_name(report, metric) for metric in metrics]


def _table(
    title: str,
    first: str,
    headings: list[str],
    names: Any,
    cells: Callable[[str], list[tuple[str, str]]],
) -> dict[str, Any]:
    rows = [
        {"name": method_name(name), "cells": cells(name), "ours": name in OURS} for name in names
    ]
    return {"title": title, "headings": [first, *headings], "rows": rows}
