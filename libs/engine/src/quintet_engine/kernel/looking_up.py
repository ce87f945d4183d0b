"""Finds the rows of many texts at once, as `quintet_modelkit.text_index` finds that of one."""

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import compiled, inlined
from quintet_engine.kernel.layout import Bits, Numbers
from quintet_engine.kernel.signatures import reads, writes


@inlined
def _order_of(texts: Any, start: Any, end: Any, keys: Any, first: Any, last: Any) -> Any:
    """Compare a text with a key, byte by byte: below 0, 0 or above 0."""
    length, wanted = end - start, last - first
    for place in range(min(length, wanted)):
        difference = np.int64(texts[start + place]) - np.int64(keys[first + place])
        if difference != 0:
            return difference
    return length - wanted


@compiled(
    types.void(
        *(reads(np.int32), reads(np.uint8), reads(np.int32)),
        *(reads(np.uint8), reads(np.int32), writes(np.int64)),
    )
)
def rows_of(
    starts: Numbers,
    texts: Bits,
    order: Numbers,
    keys: Bits,
    key_starts: Numbers,
    rows: NDArray[np.int64],
) -> None:
    """Search each key among distinct texts by bisection.

    Args:
        starts: int32 (n + 1,), where each text begins in `texts`, and where the last ends.
        texts: uint8, UTF-8.
        order: int32 (n,), the texts in ascending order of their bytes; empty if they are sorted.
        keys: uint8, the keys one after another.
        key_starts: int32 (k + 1,).
        rows: int64 (k,), written: the place of each key among the texts, -1 for none.
    """
    is_sorted = len(order) == 0
    for key in range(len(rows)):
        low, high = 0, len(starts) - 1
        rows[key] = -1
        while low < high:
            middle = (low + high) // 2
            row = middle if is_sorted else np.int64(order[middle])
            difference = _order_of(
                *(texts, np.int64(starts[row]), np.int64(starts[row + 1])),
                *(keys, np.int64(key_starts[key]), np.int64(key_starts[key + 1])),
            )
            if difference == 0:
                rows[key] = row
                break
            if difference < 0:
                low = middle + 1
            else:
                high = middle
