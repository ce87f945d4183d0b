"""Measures whether more playlists make better lists, by training on parts of them as well."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Rows

from quintet_training.evaluation.intervals import intervals
from quintet_training.evaluation.metrics import METRICS
from quintet_training.evaluation.report import GrowthPoint

_FOLLOWED = [METRICS.index(name) for name in ("r_precision", "ndcg", "clicks", "recall")]
OnShare = Callable[[Rows, str], NDArray[np.float64]]
"""Trains on the playlists of these numbers for a purpose, and gives the scores of all cases."""


def measure_growth(
    count: int,
    shares: Sequence[float],
    whole: NDArray[np.float64],
    kinds: Sequence[str],
    on_share: OnShare,
    random: np.random.Generator,
    seed: int,
) -> tuple[GrowthPoint, ...]:
    """Train on each share of the playlists, a smaller one always a part of a larger one.

    Args:
        count: How many training playlists there are.
        shares: Of them, ascending, each between 0 and 1.
        whole: float64 (cases, metrics), the scores of the model that learned from all of them.
        kinds: The kind of each case's playlist; empty if there are not several.
        on_share: Trains and asks.
        random: Chooses the playlists.
        seed: Of the intervals.

    Returns:
        A point for each share, then one for all playlists.
    """
    order = random.permutation(count)
    points = []
    for share in shares:
        chosen = np.sort(order[: max(1, round(share * count))])
        scores = on_share(chosen, f"share_{round(100 * share)}")
        points.append(_point(share, len(chosen), scores, kinds, seed))
    return (*points, _point(1.0, count, whole, kinds, seed))


def _point(
    share: float, playlists: int, scores: NDArray[np.float64], kinds: Sequence[str], seed: int
) -> GrowthPoint:
    names = np.asarray(kinds)
    ndcg = METRICS.index("ndcg")
    by_kind = {
        kind: intervals(scores[names == kind][:, [ndcg]], seed)[0] for kind in sorted(set(kinds))
    }
    r_precision, at_cut, clicks, recall = intervals(scores[:, _FOLLOWED], seed)
    return GrowthPoint(share, playlists, r_precision, at_cut, clicks, recall, by_kind)
