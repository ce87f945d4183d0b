"""Effects of a booster's contributions by family, summed by a matrix.

Which feature belongs to which family is declared once, in `quintet_engine.reasons.families`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from quintet_engine.reasons.families import FAMILIES, PLACE, SOUND, family_numbers


def effects_of_booster(
    contributions: NDArray[np.float64], names: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum contributions by family.

    Args:
        contributions: float64 (k, features + 1), TreeSHAP; the last column is the mean score.
        names: The features' names.

    Returns:
        The effects, float64 (k, families), and the total size of all contributions, (k,).
    """
    shares = contributions[:, :-1]
    membership = family_numbers(names)[:, None] == np.arange(len(FAMILIES))
    return shares @ membership.astype(np.float64), np.abs(shares).sum(axis=1)


def effects_of_cosine(
    terms: NDArray[np.floating], attributes: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take the effects from the terms of the cosine, for a list that no booster ranked.

    Args:
        terms: (k, attributes), summing to the cosine.
        attributes: The attribute of each column.

    Returns:
        The effects, float64 (k, families), and the size of all of them, (k,).
    """
    effects = np.zeros((len(terms), len(FAMILIES)))
    effects[:, [PLACE[name] for name in attributes]] = terms
    effects[:, PLACE[SOUND]] = terms.sum(axis=1)
    return effects, np.abs(terms).sum(axis=1)
