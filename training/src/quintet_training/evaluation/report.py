"""The outcome of an evaluation, as numbers for a registry and as JSON.

`tables` prints it in a terminal and `page` writes it as HTML; this module knows neither.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from quintet_training.evaluation.baselines import HAND_MADE, STANDARDISED_COSINE
from quintet_training.evaluation.intervals import Interval
from quintet_training.evaluation.metrics import LOWER_IS_BETTER

MODEL: Final = "model"
WITHOUT_PLAYLISTS: Final = "model_without_playlists"
OURS: Final = (MODEL, WITHOUT_PLAYLISTS)
"""The methods that are judged; all others are baselines."""
# Metrics whose names carry the length of the list.
_CUT: Final = frozenset({"ndcg", "recall"})


@dataclass(frozen=True)
class Section:
    """All methods on one set of cases.

    Attributes:
        name: For names of metrics, such as `five_seeds`.
        title: For readers.
        seeds: How many seeds each playlist was asked about with.
        cases: How many playlists were asked about.
        methods: Method to metric to its mean and interval.
        coverage: Method to the share of the catalogue in any of its lists, 0..1; empty for a part
            of the playlists.
    """

    name: str
    title: str
    seeds: int
    cases: int
    methods: Mapping[str, Mapping[str, Interval]]
    coverage: Mapping[str, float]


@dataclass(frozen=True)
class Decile:
    """Hidden tracks of about equal popularity.

    Attributes:
        number: 1 for the least popular tenth, 10 for the most.
        low: Least popularity in it, 0..100.
        high: Greatest.
        tracks: How many hidden tracks, over all playlists.
        recall: Method to the share of them that it found, 0..1.
    """

    number: int
    low: float
    high: float
    tracks: int
    recall: Mapping[str, float]


@dataclass(frozen=True)
class DialPoint:
    """The model with the dial from familiar to new at one value.

    Attributes:
        value: 0 (familiar) to 1 (new).
        ndcg: NDCG of its lists.
        known: Tracks by artists of the seeds among the first ten.
    """

    value: float
    ndcg: Interval
    known: Interval


@dataclass(frozen=True)
class GrowthPoint:
    """The model trained on a share of the training playlists, on the primary cases.

    Attributes:
        share: Of the training playlists, 0..1.
        playlists: How many they are.
        r_precision: Of all cases, like the next three.
        ndcg: NDCG.
        clicks: Clicks.
        recall: Recall.
        by_kind: Kind of playlist to NDCG; empty if there are not several kinds.
    """

    share: float
    playlists: int
    r_precision: Interval
    ndcg: Interval
    clicks: Interval
    recall: Interval
    by_kind: Mapping[str, Interval]


@dataclass(frozen=True)
class ScoreTenth:
    """A tenth of the scores in all lists of the primary cases.

    Attributes:
        number: 1 for the lowest scores, 10 for the highest.
        low: Least score in it.
        high: Greatest.
        tracks: How many tracks of lists have such a score.
        predicted: Their share of hits, as the other half of the playlists has it, 0..1.
        observed: Their share of hits, with its interval.
        by_kind: Kind of playlist to the share observed there; empty without several kinds.
    """

    number: int
    low: float
    high: float
    tracks: int
    predicted: float
    observed: Interval
    by_kind: Mapping[str, float]


@dataclass(frozen=True)
class Calibration:
    """How well a score says how likely a track is a hit.

    Attributes:
        tenths: Of the scores, ascending; one without tracks is missing.
        error: The expected calibration error, 0..1: the mean difference between predicted and
            observed share of hits, weighted by tracks.
        by_kind: Kind of playlist to the error there; empty without several kinds.
    """

    tenths: tuple[ScoreTenth, ...]
    error: float
    by_kind: Mapping[str, float]


@dataclass(frozen=True)
class Report:
    """The result of one evaluation.

    Attributes:
        options: The `EvaluationOptions`, by name.
        counts: Tracks, playlists, groups of near-duplicates, playlists for training, held out.
        by_seeds: One section for each number of seeds.
        primary: Name of the section that the comparisons are made in.
        differences: Baseline to metric to the model's value minus the baseline's, in that section.
        to_hand_made: Metric to the ratio of the model's mean to the hand-made sum's, likewise.
        deciles: Recall by popularity of the hidden track, likewise.
        playlists: The model's measurements playlist by playlist, likewise.
        by_kind: The primary section by kind of playlist; empty if all are of one kind.
        dial: The model at values of the dial, on the primary cases; empty if not measured.
        growth: The model trained on shares of the playlists and on all; empty if not measured.
        defaults: The model's lists with the default settings of the product, on the primary cases;
            None if not measured.
        calibration: Scores against hits, on the primary cases; None if not measured.
        cold: Only tracks that no training playlist holds; None without such tracks.
        cold_to_cosine: Metric to the model's mean over standardised cosine's, on cold tracks.
        only_audio: A model without playlists against standardised cosine; None if not measured.
        only_audio_differences: Metric to the former minus the latter.
    """

    options: Mapping[str, Any]
    counts: Mapping[str, int]
    by_seeds: tuple[Section, ...]
    primary: str
    differences: Mapping[str, Mapping[str, Interval]]
    to_hand_made: Mapping[str, Interval]
    deciles: tuple[Decile, ...]
    playlists: tuple[Mapping[str, Any], ...]
    by_kind: tuple[Section, ...] = ()
    dial: tuple[DialPoint, ...] = ()
    growth: tuple[GrowthPoint, ...] = ()
    defaults: Section | None = None
    calibration: Calibration | None = None
    cold: Section | None = None
    cold_to_cosine: Mapping[str, Interval] | None = None
    only_audio: Section | None = None
    only_audio_differences: Mapping[str, Interval] | None = None

    @property
    def main(self) -> Section:
        """The section that the comparisons are made in."""
        return next(one for one in self.by_seeds if one.name == self.primary)

    @property
    def sections(self) -> tuple[Section, ...]:
        """All sections."""
        others = (self.defaults, self.cold, self.only_audio)
        return (*self.by_seeds, *self.by_kind, *(one for one in others if one is not None))

    def apart(self, baseline: str, metric: str) -> bool:
        """Check whether the model's interval lies wholly on the better side of a baseline's."""
        ours, theirs = self.main.methods[MODEL][metric], self.main.methods[baseline][metric]
        if metric in LOWER_IS_BETTER:
            return ours.upper < theirs.lower
        return ours.lower > theirs.upper

    def label(self, metric: str) -> str:
        """Give the public name of a metric, such as `ndcg_500`."""
        return f"{metric}_{self.options['limit']}" if metric in _CUT else metric

    def metrics(self) -> dict[str, float]:
        """Flatten the report to names and finite numbers, as a registry stores metrics.

        `ndcg_500.five_seeds` is the model's mean, `….lower` and `….upper` its interval;
        `hand_made.ndcg_500.five_seeds` is a baseline's mean; `difference.…` and `ratio.…`
        compare, with intervals; `recall_500.decile_1.five_seeds` is the least popular tenth;
        `ndcg_500.dial_80.five_seeds` and `known_of_ten.dial_80.five_seeds` are at 0.8 of the dial;
        `ndcg_500.share_50.five_seeds` is of the model trained on half of the playlists;
        `calibration_error.five_seeds` is of its scores, `hit_rate.decile_1.five_seeds` the share of
        hits among the lowest tenth of them.
        """
        found: dict[str, float] = {}
        for one in self.sections:
            for method, values in one.methods.items():
                self._add_method(found, one, method, values)
        for baseline, values in self.differences.items():
            for metric, value in values.items():
                name = f"difference.{baseline}.{self.label(metric)}.{self.primary}"
                found.update(_with_bounds(name, value))
        for section, ratios in self._ratios().items():
            for metric, value in ratios.items():
                found.update(_with_bounds(f"ratio.{self.label(metric)}.{section}", value))
        for tenth in self.deciles:
            name = f"{self.label('recall')}.decile_{tenth.number}.{self.primary}"
            found[name] = tenth.recall[MODEL]
        self._add_series(found)
        for metric, value in (self.only_audio_differences or {}).items():
            name = f"difference.{STANDARDISED_COSINE}.{self.label(metric)}.only_audio"
            found.update(_with_bounds(name, value))
        # A registry rejects NaN; what could not be measured is left out.
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def to_json(self) -> str:
        """Write everything as JSON, for the gate and for `quintet models`; NaN becomes null."""
        apart = {
            baseline: {metric: self.apart(baseline, metric) for metric in values}
            for baseline, values in self.differences.items()
        }
        content = _finite({**asdict(self), "apart": apart})
        return json.dumps(content, indent=1, sort_keys=True, allow_nan=False)

    def _add_series(self, found: dict[str, float]) -> None:
        """Add the points of the dial and of growth, and the tenths of scores."""
        for point in self.dial:
            name = f"dial_{round(100 * point.value)}.{self.primary}"
            found.update(_with_bounds(f"{self.label('ndcg')}.{name}", point.ndcg))
            found.update(_with_bounds(f"known_of_ten.{name}", point.known))
        for step in self.growth[:-1]:  # the last is the whole, which has these names already
            for metric in ("r_precision", "ndcg", "clicks", "recall"):
                name = f"{self.label(metric)}.share_{round(100 * step.share)}.{self.primary}"
                found.update(_with_bounds(name, getattr(step, metric)))

        if self.calibration is not None:
            found[f"calibration_error.{self.primary}"] = self.calibration.error
            for kind, error in self.calibration.by_kind.items():
                found[f"calibration_error.{kind_name(kind)}"] = error
            for tenth in self.calibration.tenths:
                name = f"decile_{tenth.number}.{self.primary}"
                found[f"predicted_hit_rate.{name}"] = tenth.predicted
                found.update(_with_bounds(f"hit_rate.{name}", tenth.observed))

    def _add_method(
        self,
        found: dict[str, float],
        section: Section,
        method: str,
        values: Mapping[str, Interval],
    ) -> None:
        ours = method in OURS
        prefix = "" if ours else f"{method}."
        for metric, value in values.items():
            name = f"{prefix}{self.label(metric)}.{section.name}"
            found.update(_with_bounds(name, value) if ours else {name: value.mean})
        if method in section.coverage:
            found[f"{prefix}coverage.{section.name}"] = section.coverage[method]

    def _ratios(self) -> dict[str, Mapping[str, Interval]]:
        found = {f"{HAND_MADE}.{self.primary}": self.to_hand_made}
        if self.cold_to_cosine is not None:
            found[f"{STANDARDISED_COSINE}.cold"] = self.cold_to_cosine
        return found


def kind_name(kind: str) -> str:
    """Return the name of a kind's section, such as `kind_charts`."""
    return f"kind_{re.sub(r'[^a-z0-9]+', '_', kind.lower()).strip('_') or 'none'}"


def _with_bounds(name: str, value: Interval) -> dict[str, float]:
    return {name: value.mean, f"{name}.lower": value.lower, f"{name}.upper": value.upper}


def _finite(value: Any) -> Any:
    """Replace numbers that JSON cannot write."""
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
