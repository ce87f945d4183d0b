"""Similarity of two ranked lists, to compare models offline and in shadow."""

from collections.abc import Sequence
from typing import Final

_LEAST_COMMON: Final = 3


def overlap(left: Sequence[str], right: Sequence[str]) -> float:
    """Measure the tracks in both lists as a share of the longer list, 0 to 1; 1 for empty lists."""
    longer = max(len(left), len(right))
    return len(set(left) & set(right)) / longer if longer else 1.0


def rank_correlation(left: Sequence[str], right: Sequence[str]) -> float | None:
    """Measure Spearman's correlation over the tracks in both lists; None for fewer than three.

    1 - 6 Σ d² / (n (n² - 1)), d the difference of a track's places among these n.
    """
    theirs = set(right)
    common = [name for name in left if name in theirs]
    count = len(common)
    if count < _LEAST_COMMON:
        return None
    ours = set(common)
    place = {name: at for at, name in enumerate(n for n in right if n in ours)}
    squares = sum((at - place[name]) ** 2 for at, name in enumerate(common))
    return 1.0 - 6.0 * squares / (count * (count**2 - 1))
