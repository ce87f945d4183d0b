"""Confidence intervals of means over playlists, by the percentile bootstrap.

Playlists are resampled with replacement (Efron and Tibshirani, "An introduction to the bootstrap",
Chapman and Hall 1993, chapter 13).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from quintet_training.evaluation.metrics import Values

RESAMPLES: Final = 4_000
_LEVELS: Final = (2.5, 97.5)
# Cells of one block of drawn counts: bounds memory to about 32 MB, whatever the playlists.
_BLOCK_CELLS: Final = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A mean over playlists, or a ratio of two, with its 95 % interval.

    Attributes:
        mean: The value; NaN if no playlist has one.
        lower: 2.5th percentile of the resamples.
        upper: 97.5th percentile.
        playlists: How many playlists have a value.
    """

    mean: float
    lower: float
    upper: float
    playlists: int


def intervals(values: Values, seed: int, resamples: int = RESAMPLES) -> list[Interval]:
    """Compute the mean of each column with its interval.

    Args:
        values: float64 (playlists, m); NaN where a playlist has no value, and is left out.
        seed: Of the draws; the same playlists are drawn for every column and every call with
            as many playlists, so that columns can be compared pair by pair.
        resamples: Number of resamples, ≥ 2,000 for a steady 95 % interval.

    Returns:
        One interval a column.
    """
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    means = _quotients(filled, known.astype(np.float64), seed, resamples)
    counts = known.sum(axis=0)
    centre = _divide(filled.sum(axis=0), counts.astype(np.float64))
    return [_interval(*column) for column in zip(centre, means.T, counts.tolist(), strict=True)]


def ratios(above: Values, below: Values, seed: int, resamples: int = RESAMPLES) -> list[Interval]:
    """Compute the ratio of two methods' means, column by column, with its interval.

    Args:
        above: float64 (playlists, m).
        below: float64 (playlists, m), the same playlists; a ratio to 0 is infinite or NaN.
        seed: Of the draws.
        resamples: Number of resamples.
    """
    drawn = _quotients(above, below, seed, resamples)
    centre = _divide(above.sum(axis=0), below.sum(axis=0))
    return [_interval(*column, len(above)) for column in zip(centre, drawn.T, strict=True)]


def _interval(mean: float, drawn: Values, playlists: int) -> Interval:
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn) or np.isnan(mean):
        return Interval(float("nan"), float("nan"), float("nan"), playlists)
    # "lower" interpolates between no two values, so an infinite ratio stays one.
    lower, upper = np.percentile(drawn, _LEVELS, method="lower")
    return Interval(float(mean), float(lower), float(upper), playlists)


def _quotients(above: Values, below: Values, seed: int, resamples: int) -> Values:
    """Compute Σ above / Σ below over the playlists of each resample, float64 (resamples, m)."""
    blocks = [
        _divide(counts @ above, counts @ below)
        for counts in _draws(len(above), np.random.default_rng(seed), resamples)
    ]
    return np.concatenate(blocks)


def _draws(playlists: int, random: np.random.Generator, resamples: int) -> Iterator[Values]:
    """Give how often each playlist is drawn, float64 (b, playlists), block by block."""
    # n playlists out of n with replacement: their counts are multinomial, and a sum over a resample
    # is then a product of matrices.
    even = np.full(playlists, 1.0 / max(1, playlists))
    block = max(1, _BLOCK_CELLS // max(1, playlists))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        yield random.multinomial(playlists, even, size=size).astype(np.float64)


def _divide(above: Values, below: Values) -> Values:
    # x / 0 is infinite and 0 / 0 is NaN; callers handle both.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)
