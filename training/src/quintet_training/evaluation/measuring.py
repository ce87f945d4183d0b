"""Asks methods the cases of a section and measures what they answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from quintet_engine.catalogue import Rows

from quintet_training.evaluation.baselines import Recommender
from quintet_training.evaluation.cases import Case
from quintet_training.evaluation.intervals import Interval, intervals, ratios
from quintet_training.evaluation.metrics import METRICS, Values, Yardstick, coverage
from quintet_training.evaluation.report import Decile, Section


class RecommendationInvalid(ValueError):
    """A method answered with seeds, with a track twice, with too many or with unknown rows."""


@dataclass(frozen=True)
class Measured:
    """One method's answers to all cases of a section.

    Attributes:
        scores: float64 (cases, metrics), in the order of `METRICS`.
        coverage: Share of the catalogue that any list holds, 0..1; None for a part of the cases.
        found: For each case, which of its hidden tracks the list holds, one after another.
    """

    scores: Values
    coverage: float | None
    found: Values

    def of(self, cases: Rows) -> "Measured":
        """Select the scores of some cases, by number; coverage is that of all lists together."""
        return Measured(self.scores[cases], None, self.found[:0])


def measure(
    recommender: Recommender,
    cases: Sequence[Case],
    yardstick: Yardstick,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Measured:
    """Ask one method all cases and measure each answer.

    Args:
        recommender: The method.
        cases: At least one.
        yardstick: What to measure with.
        on_progress: Receives the number of finished cases.

    Raises:
        RecommendationInvalid: An answer breaks the rules of `Recommender`.
    """
    track_count = len(yardstick.information)
    lists = []
    for done, case in enumerate(cases, start=1):
        ranked = np.asarray(recommender(case.seeds), dtype=np.int64)
        _check(ranked, case.seeds, track_count, yardstick.limit)
        lists.append(ranked)
        on_progress(done)
    answered = list(zip(lists, cases, strict=True))
    scores = [yardstick.score(ranked, case.seeds, case.truth) for ranked, case in answered]
    found = [np.isin(case.truth, ranked).astype(np.float64) for ranked, case in answered]
    return Measured(np.stack(scores), coverage(lists, track_count), np.concatenate(found))


def _check(ranked: Rows, seeds: Rows, track_count: int, limit: int) -> None:
    faults = {
        "more tracks than asked for": len(ranked) > limit,
        "a track twice": len(np.unique(ranked)) < len(ranked),
        "a seed": bool(np.isin(ranked, seeds).any()),
        "a row that the catalogue does not have": bool(
            ((ranked < 0) | (ranked >= track_count)).any()
        ),
    }
    # Each would raise a metric unfairly, so a method that does it is rejected, not measured.
    for fault, present in faults.items():
        if present:
            raise RecommendationInvalid(f"a list of recommendations holds {fault}")


def section(
    name: str, title: str, cases: Sequence[Case], measured: Mapping[str, Measured], seed: int
) -> Section:
    """Summarise the answers of all methods to the same cases, with intervals."""
    methods = {
        method: dict(zip(METRICS, intervals(one.scores, seed), strict=True))
        for method, one in measured.items()
    }
    covered = {method: one.coverage for method, one in measured.items() if one.coverage is not None}
    return Section(name, title, len(cases[0].seeds), len(cases), methods, covered)


def differences(
    measured: Mapping[str, Measured], model: str, seed: int
) -> dict[str, dict[str, Interval]]:
    """Compare a model with every baseline: baseline to metric to the paired difference.

    Pairing by playlist makes intervals narrow: playlists differ more than methods do.
    """
    return {
        method: dict(
            zip(METRICS, intervals(measured[model].scores - one.scores, seed), strict=True)
        )
        for method, one in measured.items()
        if method != model
    }


def quotients(above: Measured, below: Measured, seed: int) -> dict[str, Interval]:
    """Compute the ratio of two methods' means, for the metrics for which more is better."""
    names = ("r_precision", "r_precision_artists", "ndcg", "recall", "mrr")
    columns = [METRICS.index(name) for name in names]
    found = ratios(above.scores[:, columns], below.scores[:, columns], seed)
    return dict(zip(names, found, strict=True))


def deciles(
    cases: Sequence[Case], measured: Mapping[str, Measured], popularity: Values
) -> tuple[Decile, ...]:
    """Split the hidden tracks of all cases into tenths by popularity, and recall with them.

    Equal popularities stay together, so tenths differ in size and some may be missing.

    Args:
        cases: The cases.
        measured: Method to its answers to them.
        popularity: Popularity of each row of the catalogue, 0..100.
    """
    hidden = popularity[np.concatenate([case.truth for case in cases])]
    edges = np.quantile(hidden, np.arange(1, 10) / 10)
    # "left" puts values equal to an edge into the lower tenth, all together.
    tenth = np.searchsorted(edges, hidden, side="left")
    found = []
    for number in np.unique(tenth).tolist():
        inside = tenth == number
        recalls = {method: float(one.found[inside].mean()) for method, one in measured.items()}
        low, high = float(hidden[inside].min()), float(hidden[inside].max())
        found.append(Decile(number + 1, low, high, int(inside.sum()), recalls))
    return tuple(found)
