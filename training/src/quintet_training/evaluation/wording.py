"""How a report names and writes things, the same in the terminal and on the page."""

import math
from typing import Final

from quintet_training.evaluation.baselines import HAND_MADE, SINGLE_CHANNEL, STANDARDISED_COSINE
from quintet_training.evaluation.intervals import Interval
from quintet_training.evaluation.report import MODEL, Report

_METRICS: Final = {
    "r_precision": "R-precision",
    "r_precision_artists": "R-prec. with artists",
    "ndcg": "NDCG@{limit}",
    "clicks": "Clicks",
    "recall": "Recall@{limit}",
    "mrr": "MRR",
    "novelty": "Novelty (bits)",
    "artist_diversity": "Artist diversity",
    "calibration": "Calibration (KL)",
}
_METHODS: Final = {
    "hand_made": "hand-made sum",
    "item_knn": "item kNN",
    "playlist_knn": "playlist kNN",
    "als": "ALS",
    "model_without_playlists": "without playlists",
}
_SHORT: Final = {
    "r_precision": "R-prec.",
    "r_precision_artists": "+artists",
    "standardised_cosine": "std. cosine",
}
COMPARED: Final = ("r_precision", "r_precision_artists", "ndcg", "clicks", "recall", "mrr")
"""The metrics of accuracy, which are shown first and compared."""
BEYOND: Final = ("novelty", "artist_diversity", "calibration")
FOLLOWED: Final = (
    MODEL,
    HAND_MADE,
    "same_artist",
    "playlist_knn",
    "popularity",
    STANDARDISED_COSINE,
)
"""The methods that are followed over popularity and numbers of seeds."""
UNKNOWN: Final = "n/a"
DIAL_TITLE: Final = "The model along the dial from familiar (0) to new (1)"
GROWTH_TITLE: Final = "The model trained on a part of the playlists, and on all"
CALIBRATION_TITLE: Final = "How often a track of such a score is on the playlist"
CALIBRATION_KINDS: Final = "The same by kind of playlist, and the error of each kind"
GROWTH_METRICS: Final = ("r_precision", "ndcg", "clicks", "recall")
"""In the order of the table of growth; NDCG by kind follows."""
DIAL_KNOWN: Final = "By artists of the seeds, of ten"


def metric_name(report: Report, metric: str) -> str:
    """Give the heading of a metric, such as `NDCG@500`."""
    return _METRICS[metric].format(limit=report.options["limit"])


def method_name(method: str) -> str:
    """Give the name of a method in prose."""
    return _METHODS.get(method, method.replace("_", " "))


def short_name(report: Report, name: str) -> str:
    """Give the name of a metric or method for narrow columns."""
    if name in _SHORT:
        return _SHORT[name]
    return metric_name(report, name) if name in _METRICS else method_name(name)


def number(value: float) -> str:
    """Format a measured number with three or four digits; `n/a` for NaN."""
    if math.isnan(value):
        return UNKNOWN
    return f"{value:.{_digits(value)}f}"


def bounds(interval: Interval) -> str:
    """Format the ends of an interval; empty without one."""
    if math.isnan(interval.lower):
        return ""
    return f"{number(interval.lower)} to {number(interval.upper)}"


def narrow_bounds(interval: Interval) -> str:
    """Format the ends of an interval for narrow columns, such as `.084-.133`."""
    if math.isnan(interval.lower):
        return ""
    ends = (number(interval.lower), number(interval.upper))
    return "-".join(end[1:] if end.startswith("0.") else end for end in ends)


def signed(value: float) -> str:
    """Format a difference with its sign; `n/a` for NaN."""
    return UNKNOWN if math.isnan(value) else f"{value:+.{_digits(value)}f}"


def signed_bounds(interval: Interval) -> str:
    """Format the ends of a difference's interval with their signs; empty without one."""
    if math.isnan(interval.lower):
        return ""
    return f"{signed(interval.lower)} to {signed(interval.upper)}"


def ratio(interval: Interval) -> str:
    """Format a ratio with its interval; `n/a` for NaN."""
    if math.isnan(interval.mean):
        return UNKNOWN
    return f"{interval.mean:.2f} times ({interval.lower:.2f} to {interval.upper:.2f})"


def summary(report: Report) -> list[str]:
    """Write the sentences that a report starts with: data, main result, cold tracks."""
    counts, options = report.counts, report.options
    lines = [
        f"{counts['playlists']:,} playlists over {counts['tracks']:,} tracks; "
        f"{counts['held_out']:,} held out, near-duplicates on one side, "
        f"{counts['training']:,} to learn from; seed {options['seed']}.",
        f"Means over playlists with 95 % bootstrap intervals. {report.main.title}, "
        f"{report.main.cases} playlists asked about.",
        "Model to hand-made sum: "
        + ", ".join(
            f"{metric_name(report, metric)} {ratio(report.to_hand_made[metric])}"
            for metric in ("r_precision", "ndcg")
        )
        + ".",
        _apart(report),
    ]
    if report.cold is not None and report.cold_to_cosine is not None:
        lines.append(
            f"Cold tracks, {report.cold.cases} playlists: model to standardised cosine, "
            f"{metric_name(report, 'recall')} {ratio(report.cold_to_cosine['recall'])}."
        )
    if report.only_audio_differences is not None:
        gap = report.only_audio_differences["ndcg"]
        lines.append(
            "Without playlists: model minus standardised cosine, "
            f"{metric_name(report, 'ndcg')} {signed(gap.mean)} "
            f"({signed_bounds(gap)})."
        )
    if report.calibration is not None:
        lines.append(
            f"Scores: a tenth of them predicts its share of hits with a mean error of "
            f"{number(report.calibration.error)} (expected calibration error)."
        )
    return lines


def _apart(report: Report) -> str:
    """Write which single-channel baselines the model is clearly better than."""
    metrics = ("r_precision", "ndcg")
    single = [name for name in SINGLE_CHANNEL if name in report.differences]
    # Stricter than paired differences: the two intervals must not overlap.
    near = [name for name in single if not all(report.apart(name, one) for one in metrics)]
    names = " and ".join(metric_name(report, one) for one in metrics)
    found = f"By {names} the model's interval lies above those of"
    if not near:
        return f"{found} all {len(single)} single-channel baselines."
    listed = ", ".join(method_name(name) for name in near)
    return f"{found} {len(single) - len(near)} of {len(single)} baselines; not {listed}."


def _digits(value: float) -> int:
    """Return how many decimals leave three or four digits."""
    if abs(value) >= 10:
        return 1
    return 2 if abs(value) >= 1 else 3
