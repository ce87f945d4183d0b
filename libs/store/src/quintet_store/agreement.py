"""How far two ranked lists agree: for comparing models offline and in shadow."""

from collections.abc import Sequence
from typing import Final

_LEAST_COMMON: Final = 3


def overlap(left: Sequence[str], right: Sequence[str]) -> float:
    """Returns the share of tracks that two lists hold in common, of the longer; 1 for none."""
    longer = max(len(left), len(right))
    return len(set(left) & set(right)) / longer if longer else 1.0


def rank_correlation(left: Sequence[str], right: Sequence[str]) -> float | None:
    """Returns Spearman's correlation over the tracks of both lists; None for fewer than three.

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
