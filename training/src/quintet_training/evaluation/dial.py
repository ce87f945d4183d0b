"""Measures the dial from familiar to new: what each value changes, and its cost in accuracy."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from quintet_engine.catalogue import Catalogue, Rows

from quintet_training.evaluation.baselines import Recommender
from quintet_training.evaluation.cases import Case
from quintet_training.evaluation.intervals import intervals
from quintet_training.evaluation.measuring import measure
from quintet_training.evaluation.metrics import METRICS, Yardstick
from quintet_training.evaluation.report import DialPoint

VALUES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
FIRST: Final = 10
Dial = Callable[[float], Recommender]
"""Gives the trained model with the dial at a value, 0 (familiar) to 1 (new)."""


def measure_dial(
    dial: Dial,
    catalogue: Catalogue,
    cases: Sequence[Case],
    yardstick: Yardstick,
    seed: int,
) -> tuple[DialPoint, ...]:
    """Ask the model all cases with the dial at each of `VALUES`.

    Args:
        dial: Gives the model.
        catalogue: What is recommended from.
        cases: At least one.
        yardstick: What to measure with.
        seed: Of the intervals.

    Raises:
        RecommendationInvalid: An answer breaks the rules of `Recommender`.
    """
    points = []
    for value in VALUES:
        method = dial(value)
        lists: list[Rows] = []

        def kept(seeds: Rows, method: Recommender = method, lists: list[Rows] = lists) -> Rows:
            lists.append(method(seeds))
            return lists[-1]

        scores = measure(kept, cases, yardstick).scores[:, METRICS.index("ndcg")]
        known = [
            by_artists_of(case.seeds, ranked[:FIRST], catalogue)
            for case, ranked in zip(cases, lists, strict=True)
        ]
        ndcg, familiar = intervals(np.column_stack((scores, known)).astype(np.float64), seed)
        points.append(DialPoint(value, ndcg, familiar))
    return tuple(points)


def by_artists_of(seeds: Rows, rows: Rows, catalogue: Catalogue) -> int:
    """Count the rows that have an artist of the seeds."""
    artists = catalogue.track_artists.of_all(seeds)
    members, counts = catalogue.track_artists.members_of(rows)
    owners = np.repeat(np.arange(len(rows)), counts)
    return len(np.unique(owners[np.isin(members, artists)]))
