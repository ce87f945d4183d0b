"""Prints the report in a terminal."""

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from quintet_training.evaluation.report import Calibration, Report, Section
from quintet_training.evaluation.wording import (
    BEYOND,
    CALIBRATION_KINDS,
    CALIBRATION_TITLE,
    COMPARED,
    DIAL_KNOWN,
    DIAL_TITLE,
    FOLLOWED,
    GROWTH_METRICS,
    GROWTH_TITLE,
    metric_name,
    narrow_bounds,
    number,
    short_name,
    signed,
    summary,
)

# Four of the six compared metrics fit into 80 columns.
_DIFFERENCES: Final = ("r_precision", "ndcg", "clicks", "recall")


def tables(report: Report) -> Group:
    """Lay the report out for rich's console, 80 columns wide or more."""
    parts: list[RenderableType] = [*summary(report), "", _accuracy(report, report.main)]
    parts += [_accuracy(report, one) for one in report.sections if one.name != report.primary]
    parts += [_beyond(report, report.main), _differences(report), _deciles(report)]
    if report.dial:
        parts.append(_dial(report))
    if report.growth:
        parts += [_growth(report), *_growth_by_kind(report)]
    if report.calibration is not None:
        parts += _calibration(report.calibration)
    return Group(*parts)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column(headings[0], no_wrap=True)
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table


def _headed(report: Report, title: str, first: str, names: Sequence[str]) -> Table:
    return _table(title, first, *(short_name(report, name) for name in names))


def _accuracy(report: Report, section: Section) -> Table:
    title = f"{section.title}, {section.cases} playlists"
    table = _headed(report, title, "method", COMPARED)
    for method, values in section.methods.items():
        cells = [f"{number(values[one].mean)}\n{narrow_bounds(values[one])}" for one in COMPARED]
        table.add_row(short_name(report, method), *cells)
    return table


def _beyond(report: Report, section: Section) -> Table:
    title = f"Beyond accuracy, {section.title.lower()}"
    headings = [metric_name(report, metric) for metric in BEYOND]
    table = _table(title, "method", "Coverage", *headings)
    for method, values in section.methods.items():
        cells = [number(values[one].mean) for one in BEYOND]
        table.add_row(short_name(report, method), number(section.coverage[method]), *cells)
    return table


def _differences(report: Report) -> Table:
    title = "Model minus baseline, playlist by playlist; the interval beneath"
    table = _headed(report, title, "baseline", _DIFFERENCES)
    for method, values in report.differences.items():
        chosen = [values[metric] for metric in _DIFFERENCES]
        cells = [f"{signed(one.mean)}\n{signed(one.lower)} {signed(one.upper)}" for one in chosen]
        table.add_row(short_name(report, method), *cells)
    return table


def _dial(report: Report) -> Table:
    table = _table(DIAL_TITLE, "discovery", metric_name(report, "ndcg"), DIAL_KNOWN)
    for point in report.dial:
        cells = [f"{number(one.mean)}\n{narrow_bounds(one)}" for one in (point.ndcg, point.known)]
        table.add_row(f"{point.value:.1f}", *cells)
    return table


def _growth(report: Report) -> Table:
    table = _headed(report, GROWTH_TITLE, "playlists", GROWTH_METRICS)
    for point in report.growth:
        values = [getattr(point, metric) for metric in GROWTH_METRICS]
        cells = [f"{number(one.mean)}\n{narrow_bounds(one)}" for one in values]
        table.add_row(f"{point.playlists:,}", *cells)
    return table


def _growth_by_kind(report: Report) -> list[Table]:
    kinds = list(report.growth[-1].by_kind)
    if not kinds:
        return []
    title = f"{metric_name(report, 'ndcg')} by kind of playlist, trained on a part and on all"
    table = _table(title, "playlists", *(kind or "none" for kind in kinds))
    for point in report.growth:
        values = [point.by_kind[kind] for kind in kinds]
        cells = [f"{number(one.mean)}\n{narrow_bounds(one)}" for one in values]
        table.add_row(f"{point.playlists:,}", *cells)
    return [table]


def _calibration(found: Calibration) -> list[Table]:
    heads = ("tenth", "scores", "tracks", "predicted", "observed")
    table = _table(CALIBRATION_TITLE, *heads)
    for tenth in found.tenths:
        ends = f"{number(tenth.low)} to {number(tenth.high)}"
        observed = f"{number(tenth.observed.mean)}\n{narrow_bounds(tenth.observed)}"
        cells = (ends, f"{tenth.tracks:,}", number(tenth.predicted), observed)
        table.add_row(str(tenth.number), *cells)
    if not found.by_kind:
        return [table]
    kinds = _table(CALIBRATION_KINDS, "tenth", *(kind or "none" for kind in found.by_kind))
    for tenth in found.tenths:
        kinds.add_row(str(tenth.number), *(number(rate) for rate in tenth.by_kind.values()))
    kinds.add_row("error", *(number(error) for error in found.by_kind.values()))
    return [table, kinds]


def _deciles(report: Report) -> Table:
    methods = [name for name in FOLLOWED if name in report.main.methods]
    title = f"{metric_name(report, 'recall')} by popularity of the hidden track"
    table = _table(title, "popularity", "tracks", *(short_name(report, one) for one in methods))
    for tenth in report.deciles:
        cells = [number(tenth.recall[method]) for method in methods]
        table.add_row(f"{tenth.low:.0f} to {tenth.high:.0f}", str(tenth.tracks), *cells)
    return table
