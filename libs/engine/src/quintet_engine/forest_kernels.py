"""The inner loops of `forest`, compiled by numba; importing this loads the compiler.

The first call of each costs about a second. Nothing compiled is kept on disk: what a process runs
was made by that process.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from quintet_engine.forest import Paths, Tests

F = TypeVar("F", bound=Callable[..., Any])
ROWS: Final = 64
"""Rows explained together: one word holds how a test comes out for each."""
POINTS: Final = 8
"""Points of the quadrature, enough for `forest.MOST_FEATURES`."""
# Rows scored together: their features stay in the processor's cache.
_BLOCK: Final = 1024
# Finds the place of the only bit set in a word (Leiserson, Prokop & Randall, 1998).
_BRUIJN: Final = 0x03F79D71B4CB0A89
_PLACES: Final = np.zeros(64, dtype=np.int64)
_PLACES[[(((1 << bit) * _BRUIJN) & (2**64 - 1)) >> 58 for bit in range(64)]] = np.arange(64)
_X, _W = np.polynomial.legendre.leggauss(POINTS)
_POINT: Final = ((_X + 1) / 2).astype(np.float32)
_REST: Final = (1 - (_X + 1) / 2).astype(np.float32)
_WEIGHT: Final = (_W / 2).astype(np.float32)


def _compiled(function: F) -> F:
    # Sums may be reordered, but NaN stays NaN: it is a value that features have.
    options = {"reassoc", "contract", "arcp"}
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy", fastmath=options)(function)
    return cast(F, dispatcher)


@_compiled
def score(columns: NDArray[np.float32], tests: Tests, result: NDArray[np.float64]) -> None:
    """Adds the leaves of rows up.

    Args:
        columns: float32 (width, k), C order.
        tests: The trees.
        result: float64 (k,), added to.
    """
    count = columns.shape[1]
    left = np.empty(_BLOCK, tests.kept.dtype)
    everything = ~np.zeros(1, tests.kept.dtype)[0]
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        for tree in range(len(tests.starts) - 1):
            left[:size] = everything
            for test in range(tests.starts[tree], tests.starts[tree + 1]):
                column = columns[tests.feature[test], start : start + size]
                limit, kept = tests.threshold[test], tests.kept[test]
                if tests.unknown_left[test]:
                    for row in range(size):
                        left[row] &= kept if column[row] > limit else everything
                else:
                    for row in range(size):
                        left[row] &= everything if column[row] <= limit else kept
            first = tests.leaf_starts[tree]
            for row in range(size):
                bits = np.uint64(left[row])
                lowest = bits & (~bits + np.uint64(1))
                place = (lowest * np.uint64(_BRUIJN)) >> np.uint64(58)
                result[start + row] += tests.value[first + _PLACES[place]]


@_compiled
def explain(
    columns: NDArray[np.float32], tests: Tests, paths: Paths, result: NDArray[np.float64]
) -> None:
    """Adds the shares of up to `ROWS` rows up.

    Args:
        columns: float32 (width, k), C order.
        tests: The trees.
        paths: The same trees.
        result: float64 (width, k), added to.
    """
    count = columns.shape[1]
    failing = _failing(columns, tests)
    passed = np.empty(count, np.uint32)
    masks = np.empty(count, np.uint32)
    found = np.empty(count, np.int64)
    shares = np.empty((POINTS * 2, count), np.float32)
    for path in range(len(paths.value)):
        first = paths.starts[path]
        size = paths.starts[path + 1] - first
        _passed(paths, first, size, failing, passed)
        known = 0
        for row in range(count):
            mask = passed[row]
            place = 0
            while place < known and masks[place] != mask:
                place += 1
            found[row] = place
            if place == known:
                masks[known] = mask
                fractions = paths.fraction[first : first + size]
                _share(mask, paths.value[path], fractions, shares[:, known])
                known += 1
        for place in range(size):
            target, source = result[paths.feature[first + place]], shares[place]
            for row in range(count):
                target[row] += source[found[row]]


@_compiled
def _failing(columns: NDArray[np.float32], tests: Tests) -> NDArray[np.uint64]:
    """Returns for each test which rows go right by it, one bit a row."""
    result = np.zeros(len(tests.feature), np.uint64)
    for test in range(len(tests.feature)):
        column, limit = columns[tests.feature[test]], tests.threshold[test]
        bits = np.uint64(0)
        for row in range(len(column)):
            above, below = column[row] > limit, column[row] <= limit
            right = above if tests.unknown_left[test] else not below
            bits |= np.uint64(right) << np.uint64(row)
        result[test] = bits
    return result


@_compiled
def _passed(
    paths: Paths, first: int, size: int, failing: NDArray[np.uint64], passed: NDArray[np.uint32]
) -> None:
    """Writes for each row by which places of a path it goes that way, one bit a place."""
    passed[:] = 0
    for place in range(size):
        bits = ~np.uint64(0)
        start, end = (
            paths.condition_starts[first + place],
            paths.condition_starts[first + place + 1],
        )
        for each in range(start, end):
            right = failing[paths.condition[each]]
            bits &= right if paths.right[each] else ~right
        one = np.uint32(1 << place)
        for row in range(len(passed)):
            passed[row] |= one * np.uint32((bits >> np.uint64(row)) & np.uint64(1))


@_compiled
def _share(
    mask: int, value: float, fractions: NDArray[np.float32], shares: NDArray[np.float32]
) -> None:
    """Writes the Shapley share of each place on a path, for a row that passes those in `mask`."""
    product = np.empty(POINTS, np.float32)
    for node in range(POINTS):
        product[node] = _WEIGHT[node] * value
    for place in range(len(fractions)):
        one = np.float32((mask >> np.uint32(place)) & np.uint32(1))
        for node in range(POINTS):
            product[node] *= _REST[node] * fractions[place] + one * _POINT[node]
    failed = np.float32(0.0)
    for node in range(POINTS):
        failed -= product[node] / _REST[node]
    for place in range(len(fractions)):
        # A place that a row fails takes its own factor away, and what is left knows no fraction.
        shares[place] = failed
        if (mask >> np.uint32(place)) & np.uint32(1):
            gained = np.float32(0.0)
            for node in range(POINTS):
                gained += product[node] / (_REST[node] * fractions[place] + _POINT[node])
            shares[place] = gained * (np.float32(1.0) - fractions[place])
