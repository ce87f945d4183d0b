"""Searches the inverted lists of an index, where they stand in its file, and reads places there.

A search compares the query with the centroids, and then with the vectors of the nearest lists. The
file has them as FAISS writes it: for each list the vectors' numbers, float32 or float16, and then
their rows, int64.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import compiled, inlined
from quintet_engine.kernel.layout import Bits, Floats, Numbers, fixed
from quintet_engine.kernel.selecting import add, has, key_of, ranked, room
from quintet_engine.kernel.signatures import numba, reads, tuple_of, writes
from quintet_engine.kernel.sums import dot_of_floats, dot_of_halves, halves_to_floats, number_at

_ID_BYTES = 8


class FileLists(NamedTuple):
    """The inverted lists of an index in its file.

    Attributes:
        pages: uint8, the file.
        centroids: At which byte the centroids start, float32.
        starts: int64 (lists,), at which byte each list starts.
        sizes: int32 (lists,), how many vectors it has.
        is_half: Whether vectors are float16, or float32.
        is_residual: Whether the file has what vectors differ by from their list's centroid.
    """

    pages: Bits
    centroids: int
    starts: NDArray[np.int64]
    sizes: Numbers
    is_half: bool
    is_residual: bool


_LISTS = numba.typeof(
    FileLists(
        *(fixed(np.zeros(1), np.uint8), 0, fixed(np.zeros(1), np.int64)),
        *(fixed(np.zeros(1), np.int32), False, False),
    )
)


@inlined
def _nearest_lists(lists: Any, query: Any, most: Any) -> Any:
    """Choose the lists whose centroids are nearest to the query: numbers and cosines."""
    width, count = len(query), len(lists.starts)
    keys, size, least = room(most, count), 0, np.uint64(0)
    for each in range(count):
        score = dot_of_floats(lists.pages, lists.centroids + 4 * width * each, query, width)
        size, least = add(keys, size, most, least, key_of(score, each))
    return ranked(keys, size, most)


@compiled(
    tuple_of(writes(np.int32), writes(np.float32))(
        _LISTS, reads(np.float32), reads(np.uint8), types.int64, types.int64, types.boolean
    )
)
def search_lists(
    lists: FileLists, query: Floats, allowed: Bits, probed: int, most: int, filtered: bool
) -> tuple[Numbers, Floats]:
    """Find the best allowed rows of the lists nearest to a query, best first, ties by row.

    Args:
        lists: The index.
        query: float32 (d,).
        allowed: A bitmap of all rows; read only if `filtered`.
        probed: How many lists are searched, at least 1.
        most: How many rows at most, at least 1.
        filtered: Whether only allowed rows count.
    """
    width, pages = len(query), lists.pages
    bytes_each = (2 if lists.is_half else 4) * width
    nearest, cosines = _nearest_lists(lists, query, min(probed, len(lists.starts)))
    total = 0
    for each in nearest:
        total += lists.sizes[each]
    keys, size, least = room(most, total), 0, np.uint64(0)
    for turn in range(len(nearest)):
        count, at = np.int64(lists.sizes[nearest[turn]]), lists.starts[nearest[turn]]
        centre = cosines[turn] if lists.is_residual else np.float32(0)
        rows = at + count * bytes_each
        for place in range(count):
            row = np.int32(number_at(pages, rows + place * _ID_BYTES))
            if not filtered or has(allowed, row):
                if lists.is_half:
                    score = dot_of_halves(pages, at + place * bytes_each, query, width)
                else:
                    score = dot_of_floats(pages, at + place * bytes_each, query, width)
                size, least = add(keys, size, most, least, key_of(centre + score, row))
    best: Numbers
    best, scores = ranked(keys, size, most)
    return best, scores


@compiled(writes(np.float32, 2)(reads(np.uint8), reads(np.int64), types.int64))
def halves_at(pages: Bits, starts: NDArray[np.int64], width: int) -> Floats:
    """Read vectors of float16 that stand in a file or an array, float32 (k, width).

    Args:
        pages: uint8.
        starts: int64 (k,), at which byte each vector starts.
        width: Coordinates of each.
    """
    result = np.empty((len(starts), width), np.float32)
    for place in range(len(starts)):
        halves_to_floats(pages, starts[place], result, place * width, width)
    return result
