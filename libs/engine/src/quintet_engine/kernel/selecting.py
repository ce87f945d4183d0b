"""Selects the best rows, and unites what several channels found.

A row and its score are one whole number, a key: the score's bits in an order-preserving form, then
the row, inverted. So the greater key is the better row, and of equal scores the lower row.
"""

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import borrowing, compiled, inlined
from quintet_engine.kernel.layout import Bits, Floats, Lists, Numbers
from quintet_engine.kernel.numeric import bits_to_float, float_to_bits
from quintet_engine.kernel.signatures import LISTS, reads, tuple_of, writes

Keys = NDArray[np.uint64]
_SIGN = np.uint32(0x80000000)
_ALL = np.uint32(0xFFFFFFFF)
_SHIFT = np.uint64(32)


@inlined
def key_of(score: Any, row: Any) -> Any:
    """Join a score, not NaN, and a row to a key."""
    # + 0: so that 0.0 and -0.0 have the same bits.
    bits = float_to_bits(np.float32(score) + np.float32(0.0))
    # IEEE 754: positive floats are ordered as their bits are; negative ones the other way round.
    ordered = ~bits if bits & _SIGN else bits | _SIGN
    return (np.uint64(ordered) << _SHIFT) | np.uint64(_ALL - np.uint32(row))


@inlined
def row_of(key: Any) -> Any:
    """Take the row of a key."""
    return np.int32(_ALL - np.uint32(key & np.uint64(_ALL)))


@inlined
def score_of(key: Any) -> Any:
    """Take the score of a key."""
    ordered = np.uint32(key >> _SHIFT)
    return bits_to_float(ordered ^ _SIGN if ordered & _SIGN else ~ordered)


@borrowing
def has(bits: Any, row: Any) -> Any:
    """Check whether a bitmap has a row."""
    return (bits[row >> 3] >> np.uint8(row & 7)) & np.uint8(1)


@borrowing
def part(keys: Any, size: Any, most: Any) -> Any:
    """Move the `most` greatest of the first `size` keys to the front, in any order (quickselect).

    Args:
        keys: uint64 (≥ size,), distinct.
        size: How many count.
        most: 1 ≤ most < size.
    """
    low, high = 0, size - 1
    while low < high:
        # The median of three: keys that arrive in order must not cost the square of their number.
        a, b, c = keys[low], keys[(low + high) >> 1], keys[high]
        pivot = max(min(a, b), min(max(a, b), c))
        left, right = low, high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left += 1
                right -= 1
        if most - 1 <= right:
            high = right
        elif most - 1 >= left:
            low = left
        else:
            return


@borrowing
def add(keys: Any, size: Any, most: Any, least: Any, key: Any) -> Any:
    """Add a key to the best so far, if it is among the `most` greatest.

    `keys` has room for twice `most` and more: when it is full, the greatest `most` are kept.

    Returns:
        How many keys there are now, and the least that a further key must exceed.
    """
    if key <= least:
        return size, least
    keys[size] = key
    size += 1
    if size == len(keys):
        part(keys, size, most)
        size, least = most, keys[0]
        for place in range(1, most):
            least = min(least, keys[place])
    return size, least


@inlined
def room(most: Any, count: Any) -> Any:
    """Make room for the `most` greatest of `count` keys, see `add`."""
    return np.empty(min(max(4 * most, 1024), count + 1), np.uint64)


@inlined
def ranked(keys: Any, size: Any, most: Any) -> Any:
    """Sort the `most` greatest keys, the greatest first: rows int32 and scores float32."""
    if size > most:
        part(keys, size, most)
        size = most
    keys = np.sort(keys[:size])
    rows, scores = np.empty(size, np.int32), np.empty(size, np.float32)
    for place in range(size):
        key = keys[size - 1 - place]
        rows[place], scores[place] = row_of(key), score_of(key)
    return rows, scores


_HITS = tuple_of(writes(np.int32), writes(np.float32))


@compiled(_HITS(reads(np.int32), reads(np.float32), reads(np.uint8), types.int64, types.float32))
def best_rows(
    rows: Numbers, scores: Floats, allowed: Bits, most: int, above: float
) -> tuple[Numbers, Floats]:
    """Select the best allowed rows with a score above a bound, best first, ties by row.

    Args:
        rows: int32 (k,), distinct.
        scores: float32 (k,), NaN for a row that has none.
        allowed: A bitmap of all rows.
        most: How many at most.
        above: The bound; -inf for none.
    """
    if most <= 0:
        return np.empty(0, np.int32), np.empty(0, np.float32)
    keys, size, least = room(most, len(rows)), 0, np.uint64(0)
    bar = above
    # From the last: rows are often ordered so that greater scores come late.
    for place in range(len(rows) - 1, -1, -1):
        score = scores[np.uint64(place)]
        # One comparison that nearly always fails after the first rows; a NaN fails it too.
        if score >= bar and score > above and has(allowed, rows[place]):
            size, least = add(keys, size, most, least, key_of(score, rows[place]))
            if least:
                bar = score_of(least)
    best: Numbers
    best, values = ranked(keys, size, most)
    return best, values


@compiled(_HITS(LISTS, reads(np.int64), reads(np.float32), reads(np.uint8), types.int64))
def popular(
    lists: Lists, groups: NDArray[np.int64], popularity: Floats, allowed: Bits, most: int
) -> tuple[Numbers, Floats]:
    """Take the most popular allowed rows of each of some groups, and rank all of them.

    Args:
        lists: The rows of every group.
        groups: int64, some of them.
        popularity: float32 (n,), without NaN.
        allowed: A bitmap of all rows.
        most: How many of each group, at least 1.
    """
    total = 0
    for group in groups:
        total += min(most, lists.starts[group + 1] - lists.starts[group])
    kept, size = np.empty(total, np.uint64), 0
    for group in groups:
        begin, end = lists.starts[group], lists.starts[group + 1]
        keys, count, least = room(most, end - begin), 0, np.uint64(0)
        for each in range(begin, end):
            row = lists.members[each]
            if has(allowed, row):
                count, least = add(keys, count, most, least, key_of(popularity[row], row))
        if count > most:
            part(keys, count, most)
            count = most
        kept[size : size + count] = keys[:count]
        size += count
    # A row of two groups comes once.
    ordered, distinct = np.sort(kept[:size]), 0
    for place in range(size):
        if place == 0 or ordered[place] != ordered[place - 1]:
            ordered[distinct] = ordered[place]
            distinct += 1
    best: Numbers
    best, values = ranked(ordered, distinct, max(distinct, 1))
    return best, values


@compiled(types.int64(writes(np.uint8), reads(np.int64)))
def clear(bits: Bits, rows: NDArray[np.int64]) -> int:
    """Remove rows from a bitmap; how many were in it."""
    count = 0
    for row in rows:
        bit = np.uint8(1) << np.uint8(row & 7)
        if bits[row >> 3] & bit:
            bits[row >> 3] ^= bit
            count += 1
    return count


@compiled(
    tuple_of(writes(np.int32), writes(np.float32, 2))(reads(np.int32), reads(np.int64), types.int64)
)
def united(rows: Numbers, starts: NDArray[np.int64], count: int) -> tuple[Numbers, Floats]:
    """Unite the rows that channels found, by a bitmap instead of sorting.

    Args:
        rows: int32, each channel's rows, best first, one channel after another.
        starts: int64 (channels + 1,), where each channel's rows begin.
        count: How many rows the catalogue has.

    Returns:
        The distinct rows, int32 (c,), ascending; float32 (channels, c), 1 / (1 + place in the
        channel), 0 where not found.
    """
    words = np.zeros((count + 63) >> 6, np.uint64)
    for row in rows:
        words[row >> 6] |= np.uint64(1) << np.uint64(row & 63)
    # How many rows stand before each word: a row's place is that plus the bits below its own.
    before = np.empty(len(words), np.int32)
    total = 0
    for place in range(len(words)):
        before[place] = total
        word = words[place]
        while word:
            word &= word - np.uint64(1)
            total += 1
    distinct = np.empty(total, np.int32)
    closeness = np.zeros((len(starts) - 1, total), np.float32)
    for channel in range(len(starts) - 1):
        for each in range(starts[channel], starts[channel + 1]):
            row = rows[each]
            word = words[row >> 6] & ((np.uint64(1) << np.uint64(row & 63)) - np.uint64(1))
            place = before[row >> 6]
            while word:
                word &= word - np.uint64(1)
                place += 1
            distinct[place] = row
            closeness[channel, place] = np.float32(1) / np.float32(1 + each - starts[channel])
    return distinct, closeness
