"""Sorting and looking up numbers in compiled functions, by loops that compile in a moment."""

from typing import Any, Final

import numpy as np

from quintet_engine.kernel.compiling import borrowing, inlined
from quintet_engine.kernel.numeric import float_to_bits

# A pass of the radix sort looks at so many bits; three passes are 33.
_BITS: Final = 11
_BUCKETS: Final = 1 << _BITS
# numba lets a signed index count from the end, and checks each.
_U: Final = np.uint64
_SIGN: Final = np.uint32(1 << 31)


@borrowing
def _scatter(keys: Any, shift: Any, counts: Any, source: Any, target: Any) -> None:
    """Move places to where their key's digit belongs, equal ones as they are."""
    first = np.int32(0)
    for bucket in range(_BUCKETS):
        first, counts[bucket] = first + counts[bucket], first
    for each in range(_U(len(source))):
        place = source[each]
        slot = _U(keys[_U(place)] >> shift & np.uint32(_BUCKETS - 1))
        target[_U(counts[slot])] = place
        counts[slot] += 1


@inlined
def sort_by(keys: Any, order: Any, scratch: Any) -> None:
    """Sort places by their key, ascending, equal ones as they are (radix sort).

    Args:
        keys: uint32, one per place.
        order: int32 (k,), all places in some order; sorted.
        scratch: int32 (k,), overwritten.
    """
    counts = np.zeros((3, _BUCKETS), np.int32)
    for each in range(_U(len(keys))):
        key = keys[each]
        counts[_U(0), _U(key & np.uint32(_BUCKETS - 1))] += 1
        counts[_U(1), _U(key >> np.uint32(_BITS) & np.uint32(_BUCKETS - 1))] += 1
        counts[_U(2), _U(key >> np.uint32(2 * _BITS))] += 1
    _scatter(keys, np.uint32(0), counts[0], order, scratch)
    _scatter(keys, np.uint32(_BITS), counts[1], scratch, order)
    _scatter(keys, np.uint32(2 * _BITS), counts[2], order, scratch)
    order[:] = scratch


@inlined
def falling_key(value: Any) -> Any:
    """Make a key that sorts float32 from the greatest to the least, unknown ones last."""
    # 0 - x and not -x, so that 0.0 and -0.0 get the same bits.
    bits = float_to_bits(np.float32(np.float32(0) - value))
    # IEEE 754: positive floats are ordered as their bits are; negative ones the other way round.
    return ~bits if bits & _SIGN else bits | _SIGN


@inlined
def table_for(count: Any) -> Any:
    """Make an empty hash table for so many different numbers, int32 (a power of two,)."""
    size = 16
    while size < 4 * count:
        size *= 2
    return np.full(size, np.int32(-1), np.int32)


@borrowing
def slot_of(table: Any, number: Any) -> Any:
    """Find the slot that holds a number, or the free one where it belongs."""
    # Knuth's multiplicative hashing: 2^32 over the golden ratio spreads consecutive numbers.
    last = np.uint32(len(table) - 1)
    slot = (np.uint32(number) * np.uint32(2654435769) >> np.uint32(7)) & last
    while table[slot] >= 0 and table[slot] != number:
        slot = (slot + np.uint32(1)) & last
    return np.int64(slot)
