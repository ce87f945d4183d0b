"""Ranks of candidates by a value, as features: their range is the same for every query."""

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Rows, Weights


def places(values: NDArray[np.floating]) -> Weights:
    """Rank values from the top as a share of their number, 0 for the best, float32 (k,)."""
    result = np.empty(len(values), np.float32)
    result[_descending(values)] = np.arange(len(values), dtype=np.float32) / max(len(values), 1)
    return result


def places_within(group: NDArray[np.integer], values: Weights) -> Weights:
    """Rank values from the top within each group, 0 for its best, float32 (k,).

    Args:
        group: (k,), a number below 2³¹ for each value, such as its artist.
        values: float32 (k,).
    """
    by_value = _descending(values)
    # Group and place in one whole number, as in `_descending`: sorts by group, then by value.
    keys = np.sort((group[by_value].astype(np.int64) << 32) | np.arange(len(values)))
    order = by_value[keys & 0xFFFFFFFF]
    sorted_groups = group[order]
    is_first = np.concatenate(([True], sorted_groups[1:] != sorted_groups[:-1]))[: len(order)]
    numbers = np.arange(len(order))
    result = np.empty(len(order), np.float32)
    result[order] = numbers - np.maximum.accumulate(np.where(is_first, numbers, 0))
    return result


def _descending(values: NDArray[np.floating]) -> Rows:
    """Sort places by value, the greatest first, equal ones in the order given, int64 (k,).

    The same order as a stable argsort of the negated values, several times as fast: value and
    place are packed into one int64, and NumPy sorts whole numbers by vector instructions.
    """
    # 0.0 - x and not -x, so that 0.0 and -0.0 get the same bits.
    bits = (np.float32(0.0) - values.astype(np.float32)).view(np.int32).astype(np.int64)
    # IEEE 754: positive floats are ordered as their bits are; negative ones the other way round.
    ordered = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    keys = np.sort((ordered << 32) | np.arange(len(values)))
    return np.asarray(keys & 0xFFFFFFFF)
