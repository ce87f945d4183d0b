"""The plots of a report, as SVG text that names no time and no random id."""

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quintet_training.evaluation.intervals import Interval
from quintet_training.evaluation.report import OURS, Report
from quintet_training.evaluation.wording import FOLLOWED, method_name, metric_name, number, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers can distinguish.
_MODEL_COLOUR: Final = "#0072B2"
_OTHER_COLOUR: Final = "#999999"
_LINES: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS: Final = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Plot:
    """A picture for the page.

    Attributes:
        title: Its heading.
        alternative: The same facts in words.
        svg: The picture.
    """

    title: str
    alternative: str
    svg: str


def plots(report: Report) -> list[Plot]:
    """Draw all plots of a report; the same report gives the same SVG text, byte for byte."""
    found = [
        _bars(report, "ndcg"),
        _bars(report, "r_precision"),
        _differences(report, "ndcg"),
        _by_popularity(report),
    ]
    if len(report.by_seeds) > 1:
        found.append(_by_seeds(report, "ndcg"))
    return found


def _bars(report: Report, metric: str) -> Plot:
    values = {name: one[metric] for name, one in report.main.methods.items()}
    title = f"{metric_name(report, metric)} by method, {report.main.title.lower()}"
    words = "; ".join(f"{method_name(name)} {number(one.mean)}" for name, one in values.items())
    with _figure(len(values)) as (axes, finish):
        _intervals(axes, values)
        axes.set_xlim(left=0)
        axes.set_xlabel(f"{metric_name(report, metric)}, mean and 95 % interval")
        return Plot(title, f"Horizontal bars. {title}: {words}.", finish())


def _differences(report: Report, metric: str) -> Plot:
    values = {name: one[metric] for name, one in report.differences.items()}
    title = f"{metric_name(report, metric)}: model minus baseline"
    words = "; ".join(
        f"{method_name(name)} {signed(one.mean)}, {signed(one.lower)} to {signed(one.upper)}"
        for name, one in values.items()
    )
    with _figure(len(values)) as (axes, finish):
        _intervals(axes, values)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_xlabel("paired difference, mean and 95 % interval")
        return Plot(title, f"Horizontal bars. {title}: {words}.", finish())


def _by_popularity(report: Report) -> Plot:
    title = f"{metric_name(report, 'recall')} by popularity of the hidden track"
    places = [tenth.number for tenth in report.deciles]
    series = {
        name: [tenth.recall[name] for tenth in report.deciles]
        for name in FOLLOWED
        if report.deciles and name in report.deciles[0].recall
    }
    with _figure(8) as (axes, finish):
        _lines(axes, places, series)
        axes.set_xlabel("tenth of popularity, 1 the least popular")
        axes.set_ylabel(metric_name(report, "recall"))
        axes.set_xticks(places)
        return Plot(title, _series_in_words(title, places, series), finish())


def _by_seeds(report: Report, metric: str) -> Plot:
    title = f"{metric_name(report, metric)} by number of seeds"
    counts = [section.seeds for section in report.by_seeds]
    series = {
        name: [section.methods[name][metric].mean for section in report.by_seeds]
        for name in FOLLOWED
        if name in report.main.methods
    }
    with _figure(8) as (axes, finish):
        _lines(axes, counts, series)
        axes.set_xlabel("number of seeds")
        axes.set_ylabel(metric_name(report, metric))
        axes.set_xticks(counts)
        return Plot(title, _series_in_words(title, counts, series), finish())


def _series_in_words(
    title: str, places: Sequence[int], series: Mapping[str, Sequence[float]]
) -> str:
    parts = [
        f"{method_name(name)} "
        + ", ".join(f"{place}: {number(one)}" for place, one in zip(places, values, strict=True))
        for name, values in series.items()
    ]
    return f"Lines. {title}. {'; '.join(parts)}."


def _intervals(axes: "Axes", values: Mapping[str, Interval]) -> None:
    known = {name: one for name, one in values.items() if math.isfinite(one.mean)}
    # Bars are counted from below; the first method belongs at the top.
    places = list(range(len(known)))[::-1]
    means = [one.mean for one in known.values()]
    below = [one.mean - one.lower for one in known.values()]
    above = [one.upper - one.mean for one in known.values()]
    colours = [_MODEL_COLOUR if name in OURS else _OTHER_COLOUR for name in known]
    axes.barh(places, means, xerr=(below, above), color=colours, capsize=3)
    axes.set_yticks(places, [method_name(name) for name in known])


def _lines(axes: "Axes", places: Sequence[int], series: Mapping[str, Sequence[float]]) -> None:
    # Markers too: they distinguish lines that are printed without colour. More colours than lines.
    for (name, values), colour, marker in zip(series.items(), _LINES, _MARKERS, strict=False):
        axes.plot(places, values, label=method_name(name), color=colour, marker=marker)
    axes.set_ylim(bottom=0)
    if series:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


@contextmanager
def _figure(rows: int) -> Iterator[tuple["Axes", Callable[[], str]]]:
    """Give axes to draw on and a function that returns the drawing."""
    # Imported late: a second that only a page needs. A `Figure` alone touches no display.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # A fixed salt and no fonts of the machine: the same report is the same text.
    with mpl.rc_context({"svg.hashsalt": "quintet", "svg.fonttype": "path"}):
        figure = Figure(figsize=(7.5, 1.2 + 0.34 * rows), layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        yield axes, lambda: _svg(figure)


def _svg(figure: "Figure") -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()
