"""Sorting and looking up numbers in compiled functions, by loops that compile in a moment."""

from typing import Any, Final

import numpy as np

from quintet_engine.kernel.compiling import inlined
from quintet_engine.kernel.numeric import float_to_bits

# A pass of the radix sort looks at so many bits; three passes are 33.
_BITS: Final = 11
_BUCKETS: Final = 1 << _BITS
_SIGN: Final = np.uint32(1 << 31)


@inlined
def sort_by(keys: Any, order: Any, scratch: Any) -> None:
    """Sort places by their key, ascending, equal ones as they are (radix sort).

    Args:
        keys: uint32, one per place.
        order: int32 (k,), the places; sorted.
        scratch: int32 (k,), overwritten.
    """
    counts = np.empty(_BUCKETS + 1, np.int32)
    for turn in range(3):
        shift = np.uint32(turn * _BITS)
        for bucket in range(_BUCKETS + 1):
            counts[bucket] = 0
        for each in range(len(order)):
            counts[(keys[order[each]] >> shift & np.uint32(_BUCKETS - 1)) + 1] += 1
        for bucket in range(_BUCKETS):
            counts[bucket + 1] += counts[bucket]
        for each in range(len(order)):
            slot = np.int64(keys[order[each]] >> shift & np.uint32(_BUCKETS - 1))
            scratch[counts[slot]] = order[each]
            counts[slot] += 1
        for each in range(len(order)):
            order[each] = scratch[each]


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


@inlined
def slot_of(table: Any, number: Any) -> Any:
    """Find the slot that holds a number, or the free one where it belongs."""
    # Knuth's multiplicative hashing: 2^32 over the golden ratio spreads consecutive numbers.
    last = np.uint32(len(table) - 1)
    slot = (np.uint32(number) * np.uint32(2654435769) >> np.uint32(7)) & last
    while table[slot] >= 0 and table[slot] != number:
        slot = (slot + np.uint32(1)) & last
    return np.int64(slot)
