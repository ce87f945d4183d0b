"""What an evaluation must show before a model may be promoted; plain data in and out."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from quintet_training.evaluation.intervals import intervals
from quintet_training.evaluation.report import MODEL, WITHOUT_PLAYLISTS

JUDGED_BY: Final = "ndcg"
"""The metric that models are compared by."""
PLAYLIST_BLIND: Final = ("random", "popularity", "raw_cosine", "standardised_cosine", "same_artist")
"""Baselines that learn nothing from playlists; a model that did is surely better."""
# Mixes three signals without learning: what a list could be with little effort.
_FAIR: Final = "hand_made"
_COSINE: Final = "standardised_cosine"


class ReportInvalid(ValueError):
    """A file is not an evaluation report, or not of this model; the message is one line."""


@dataclass(frozen=True)
class Check:
    """The result of one check of the gate.

    Attributes:
        name: What, such as `ndcg against champion`.
        found: What was found, in words.
        wanted: What was wanted, in words.
        stops: Whether this keeps the model from being promoted.
        measured: Whether it could be measured at all.
    """

    name: str
    found: str
    wanted: str
    stops: bool
    measured: bool = True


@dataclass(frozen=True)
class Thresholds:
    """The limits of the gate; each is a QUINTET_GATE_* setting.

    Attributes:
        tolerance: NDCG that may be lost to the champion, and to baselines that know playlists.
        coverage: Least share of the hand-made sum's coverage.
        calibration: Most nats above the hand-made sum's calibration.
        cold: Least ratio of recall on cold tracks to that of standardised cosine.
    """

    tolerance: float
    coverage: float
    calibration: float
    cold: float


@dataclass(frozen=True)
class Champion:
    """The model to compare with: its number, its kind, and its evaluation or None."""

    version: str
    kind: str
    report: Mapping[str, Any] | None


@dataclass(frozen=True)
class _Difference:
    """Candidate minus other, with a 95 % interval, and how it came about."""

    mean: float
    lower: float
    upper: float
    how: str

    def __str__(self) -> str:
        return f"{self.mean:+.3f} ({self.lower:+.3f} to {self.upper:+.3f}), {self.how}"


def check_report(
    report: Mapping[str, Any], champion: Champion | None, thresholds: Thresholds
) -> Iterator[Check]:
    """Yield the checks that need only evaluations, in the order of the printed table.

    Args:
        report: The candidate's, as `Report.to_json` writes it.
        champion: Whom to compare with, if anybody.
        thresholds: How much is asked.

    Raises:
        ReportInvalid: The report lacks what every evaluation has.
    """
    try:
        main = _main(report)
        yield _against_champion(report, champion, thresholds.tolerance)
        for baseline, values in sorted(report["differences"].items()):
            yield _against_baseline(baseline, values[JUDGED_BY], thresholds.tolerance)
        yield _coverage(main["coverage"], thresholds.coverage)
        yield _calibration(main["methods"], thresholds.calibration)
        yield _cold(report.get("cold_to_cosine"), thresholds.cold)
    # The file may come from another release or from a person.
    except (KeyError, TypeError, StopIteration) as fault:
        raise ReportInvalid("the report lacks a part that every evaluation has") from fault


def _main(report: Mapping[str, Any]) -> Mapping[str, Any]:
    for section in report["by_seeds"]:
        if section["name"] == report["primary"]:
            return dict(section)
    raise ReportInvalid("the report lacks its main section")


def _against_champion(
    report: Mapping[str, Any], champion: Champion | None, tolerance: float
) -> Check:
    name = "ndcg against champion"
    if champion is None:
        return Check(name, "there is no champion", "", stops=False, measured=False)
    difference = _difference(report, champion)
    if difference is None:
        found = f"model {champion.version} was registered without report.json"
        wanted = "an evaluation of the champion, or --against none"
        return Check(name, found, wanted, stops=True, measured=False)
    if difference.how == _PAIRED:
        # Non-inferiority: paired intervals are narrow enough to ask it of the lower end.
        wanted = f"at worst {-tolerance:+.3f} at the lower end"
        return Check(name, str(difference), wanted, difference.lower < -tolerance)
    # Unpaired intervals are wide: asked of their lower end, nearly no model would pass.
    wanted = f"{-tolerance:+.3f} or more, and not surely below 0"
    stops = difference.mean < -tolerance or difference.upper < 0
    return Check(name, str(difference), wanted, stops)


_PAIRED: Final = "paired by playlist"
_UNPAIRED: Final = "other playlists: difference of intervals"
_SAME_QUESTIONS: Final = "same playlists: difference of intervals"


def _difference(report: Mapping[str, Any], champion: Champion) -> _Difference | None:
    ours = _main(report)["methods"][MODEL][JUDGED_BY]
    if champion.report is not None:
        if _same_questions(report, champion.report):
            return _paired(report, champion.report)
        theirs = _main(champion.report)["methods"][MODEL][JUDGED_BY]
        return _apart(ours, theirs, _UNPAIRED)
    # The bootstrap model has no separate evaluation; each evaluation also measures it.
    bare = (report.get("only_audio") or {}).get("methods", {}).get(WITHOUT_PLAYLISTS)
    if champion.kind == "bootstrap" and bare is not None:
        return _apart(ours, bare[JUDGED_BY], _SAME_QUESTIONS)
    return None


def _same_questions(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Check whether both were asked about the same playlists with the same seeds.

    Options contain the random seed; with as many tracks, playlists and groups it draws the
    same, so equal playlists with equally many hidden tracks are equal questions.
    """
    asked = [
        [(one["playlist_id"], one["hidden"]) for one in report.get("playlists", ())]
        for report in (left, right)
    ]
    same_draws = all(left.get(part) == right.get(part) for part in ("options", "counts"))
    return bool(asked[0]) and asked[0] == asked[1] and same_draws


def _paired(left: Mapping[str, Any], right: Mapping[str, Any]) -> _Difference:
    scores = [
        # None, as the report writes NaN in JSON, becomes NaN again.
        np.array([one[JUDGED_BY] for one in report["playlists"]], dtype=np.float64)
        for report in (left, right)
    ]
    column = (scores[0] - scores[1])[:, None]
    # The resamples are those of the evaluation itself.
    found = intervals(column, int(left["options"]["seed"]))[0]
    return _Difference(found.mean, found.lower, found.upper, _PAIRED)


def _apart(ours: Mapping[str, Any], theirs: Mapping[str, Any], how: str) -> _Difference:
    """Subtract means of separate intervals, as if they were independent.

    Variances of independent means add up, so half widths add up as √(a² + b²).
    """
    mean = float(ours["mean"]) - float(theirs["mean"])
    below = math.hypot(ours["mean"] - ours["lower"], theirs["upper"] - theirs["mean"])
    above = math.hypot(ours["upper"] - ours["mean"], theirs["mean"] - theirs["lower"])
    return _Difference(mean, mean - below, mean + above, how)


def _against_baseline(baseline: str, value: Mapping[str, Any], tolerance: float) -> Check:
    difference = _Difference(value["mean"], value["lower"], value["upper"], _PAIRED)
    name = f"ndcg against {baseline}"
    # A model that learned from playlists and does not beat these has learned nothing.
    if baseline in PLAYLIST_BLIND:
        return Check(name, str(difference), "surely above 0", difference.lower <= 0)
    return Check(name, str(difference), f"{-tolerance:+.3f} or more", difference.mean < -tolerance)


def _coverage(covered: Mapping[str, float], share: float) -> Check:
    ours, least = covered[MODEL], share * covered[_FAIR]
    return Check("coverage", f"{ours:.1%}", f"{least:.1%} or more", ours < least)


def _calibration(methods: Mapping[str, Mapping[str, Any]], more: float) -> Check:
    pair = [methods[name]["calibration"]["mean"] for name in (MODEL, _FAIR)]
    # A catalogue without genres has no calibration; that is no fault of the model.
    if not all(value is not None and math.isfinite(value) for value in pair):
        return Check("calibration", "genres are unknown", "", stops=False, measured=False)
    most = pair[1] + more
    return Check(
        "calibration", f"{pair[0]:.3f} nats", f"{most:.3f} nats or less", bool(pair[0] > most)
    )


def _cold(ratios: Mapping[str, Any] | None, least: float) -> Check:
    name = "recall on cold tracks"
    ratio = None if ratios is None else ratios["recall"]["mean"]
    if ratio is None or not math.isfinite(ratio):
        return Check(name, "no cold track was asked for", "", stops=False, measured=False)
    wanted = f"{least:.2f} or more of {_COSINE}"
    return Check(name, f"{ratio:.2f} of {_COSINE}", wanted, bool(ratio < least))
