"""Whether a score of the model means the same in each list: scores against the hits observed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from quintet_engine.catalogue import Mask, Rows

from quintet_training.evaluation.cases import Case
from quintet_training.evaluation.intervals import ratios
from quintet_training.evaluation.metrics import Values
from quintet_training.evaluation.report import Calibration, ScoreTenth

Scored = Callable[[Rows], tuple[Rows, Values]]
"""Seed rows to the rows of the list and the score of each."""
TENTHS: Final = 10


def measure_calibration(
    scored: Scored,
    cases: Sequence[Case],
    kinds: Sequence[str],
    random: np.random.Generator,
    seed: int,
) -> Calibration:
    """Ask the model all cases, and compare its scores with how often a track was a hit.

    Args:
        scored: The model with its scores.
        cases: At least two.
        kinds: The kind of each case's playlist; empty if there are not several.
        random: Chooses the half of the playlists that predicts the other one.
        seed: Of the intervals.
    """
    answers = [scored(case.seeds) for case in cases]
    hits = [np.isin(rows, case.truth) for (rows, _), case in zip(answers, cases, strict=True)]
    return calibrate([scores for _, scores in answers], hits, kinds, random, seed)


def calibrate(
    scores: Sequence[Values],
    hits: Sequence[Mask],
    kinds: Sequence[str],
    random: np.random.Generator,
    seed: int,
) -> Calibration:
    """Compare the scores of lists with their hits, by tenths of all scores.

    What a score promises is learned from other playlists: the hit rate of a tenth in one half of
    them predicts the other half. The expected calibration error is the mean over tenths of the
    difference between predicted and observed rate, weighted by tracks (Naeini, Cooper and
    Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015).

    Args:
        scores: float64 (k,) of each list.
        hits: bool (k,) of each list, whether its tracks are on the playlist.
        kinds: The kind of each list; empty if there are not several.
        random: Chooses the halves.
        seed: Of the intervals.

    Returns:
        No tenths and an error of NaN if all lists are empty.
    """
    every = np.concatenate(scores)
    if not len(every):
        return Calibration((), float("nan"), {})
    edges = np.quantile(every, np.arange(1, TENTHS) / TENTHS)
    places = [np.searchsorted(edges, one, side="left") for one in scores]
    half = random.permutation(len(scores)) % 2
    counts = _Counts.of_lists(places, hits, half)
    names = np.asarray(kinds)
    chosen = {kind: names == kind for kind in sorted(set(kinds))}
    observed = ratios(counts.found, counts.tracks, seed)
    everywhere = np.concatenate(places)
    tenths = []
    for number in np.unique(everywhere).tolist():
        inside = every[everywhere == number]
        part = counts.tenth(number)
        by_kind = {kind: part.of(one).rate for kind, one in chosen.items()}
        promised = float(part.expected.sum() / len(inside))
        ends = float(inside.min()), float(inside.max())
        tenths.append(
            ScoreTenth(number + 1, *ends, len(inside), promised, observed[number], by_kind)
        )
    errors = {kind: counts.of(one).error for kind, one in chosen.items()}
    error = float(np.mean([counts.of(half == side).error for side in (0, 1)]))
    return Calibration(tuple(tenths), error, errors)


@dataclass(frozen=True)
class _Counts:
    """Counts by list and tenth: float64 (lists, tenths)."""

    tracks: Values
    found: Values
    expected: Values

    @classmethod
    def of_lists(cls, places: Sequence[Rows], hits: Sequence[Mask], half: Rows) -> Self:
        """Count tracks, hits, and the hits that the other half of the lists promises."""
        pairs = list(zip(places, hits, strict=True))
        tracks = np.array([np.bincount(place, minlength=TENTHS) for place, _ in pairs], np.float64)
        found = np.array([np.bincount(place, hit, minlength=TENTHS) for place, hit in pairs])
        rates = np.stack([_rates(found[half == side], tracks[half == side]) for side in (0, 1)])
        return cls(tracks, found, tracks * rates[1 - half])

    def of(self, chosen: Mask) -> Self:
        """Select lists."""
        return type(self)(self.tracks[chosen], self.found[chosen], self.expected[chosen])

    def tenth(self, number: int) -> Self:
        """Select a tenth, from 0."""
        column = [number]
        return type(self)(self.tracks[:, column], self.found[:, column], self.expected[:, column])

    @property
    def rate(self) -> float:
        """The share of hits; NaN without tracks."""
        return float(_divide(self.found.sum(), self.tracks.sum()))

    @property
    def error(self) -> float:
        """Σ over tenths |expected hits - hits| / tracks."""
        gaps = np.abs(self.expected.sum(axis=0) - self.found.sum(axis=0))
        return float(_divide(gaps.sum(), self.tracks.sum()))


def _rates(found: Values, tracks: Values) -> Values:
    """Compute the hit rate of each tenth, and that of all where a tenth has no track."""
    everywhere = _divide(found.sum(), tracks.sum())
    rates = _divide(found.sum(axis=0), tracks.sum(axis=0))
    return np.where(np.isnan(rates), everywhere, rates)


def _divide(above: Any, below: Any) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.divide(above, below), np.float64)
