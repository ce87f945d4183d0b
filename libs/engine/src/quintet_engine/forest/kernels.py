"""The inner loops of `forest`, compiled by numba; importing this loads the compiler.

The first call of each costs about a second. Compiled code is never cached on disk: a process only
runs what it compiled itself.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from quintet_engine.forest.layout import Paths, Tests

F = TypeVar("F", bound=Callable[..., Any])
ROWS: Final = 64
"""Rows explained together: the results of a test for all of them are the bits of one word."""
POINTS: Final = 8
"""The most points of the quadrature: half of `layout.MOST_FEATURES`."""
# Rows scored together: their columns stay in the processor's cache.
_BLOCK: Final = 1024
# A de Bruijn sequence finds the index of the only bit set in a word (Leiserson, Prokop & Randall,
# "Using de Bruijn sequences to index a 1 in a computer word", 1998).
_BRUIJN: Final = 0x03F79D71B4CB0A89
_PLACES: Final = np.zeros(64, dtype=np.int64)
_PLACES[[(((1 << bit) * _BRUIJN) & (2**64 - 1)) >> 58 for bit in range(64)]] = np.arange(64)
# float32 values in one vector register of AVX-512.
_LANES: Final = 16


def _quadratures() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Tabulate Gauss-Legendre on 0..1: points, one minus them, weights; row n has n points."""
    tables = np.zeros((3, POINTS + 1, POINTS))
    for count in range(1, POINTS + 1):
        x, weight = np.polynomial.legendre.leggauss(count)
        tables[:, count, :count] = (x + 1) / 2, 1 - (x + 1) / 2, weight / 2
    narrow = tables.astype(np.float32)
    return narrow[0], narrow[1], narrow[2]


_POINT, _REST, _WEIGHT = _quadratures()


def _compiled(function: F) -> F:
    # Sums may be reordered, but "nnan" is left out: features may be NaN, which is "missing".
    options = {"reassoc", "contract", "arcp"}
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy", fastmath=options)(function)
    return cast(F, dispatcher)


@_compiled
def score(columns: NDArray[np.float32], tests: Tests, result: NDArray[np.float64]) -> None:
    """Add the leaf values of rows.

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
                # The lowest bit is the leftmost leaf that no failed test excluded: the exit leaf.
                bits = np.uint64(left[row])
                lowest = bits & (~bits + np.uint64(1))
                place = (lowest * np.uint64(_BRUIJN)) >> np.uint64(58)
                result[start + row] += tests.value[first + _PLACES[place]]


@_compiled
def explain(
    columns: NDArray[np.float32], tests: Tests, paths: Paths, result: NDArray[np.float64]
) -> None:
    """Add the contributions of up to `ROWS` rows.

    Args:
        columns: float32 (width, k), C order.
        tests: The trees.
        paths: The same trees.
        result: float64 (width, k), added to.
    """
    count = columns.shape[1]
    # Padded to whole vector registers: rows beyond the last are computed and never read.
    padded = (count + _LANES - 1) // _LANES * _LANES
    failing = _failing(columns, tests)
    most = np.int64(0)
    for path in range(len(paths.value)):
        most = max(most, paths.starts[path + 1] - paths.starts[path])
    passes = np.empty((most, padded), np.bool_)
    shares = np.empty((most, padded), np.float32)
    product = np.empty(padded, np.float32)
    for path in range(len(paths.value)):
        first = paths.starts[path]
        size = paths.starts[path + 1] - first
        for place in range(size):
            _passed(paths, first + place, failing, passes[place])
        fractions = paths.fraction[first : first + size]
        _share(paths.value[path], fractions, passes, product, shares)
        for place in range(size):
            target, source = result[paths.feature[first + place]], shares[place]
            for row in range(count):
                target[row] += source[row]


@_compiled
def _failing(columns: NDArray[np.float32], tests: Tests) -> NDArray[np.uint64]:
    """Compute, for each test, which rows go right, one bit per row."""
    result = np.zeros(len(tests.feature), np.uint64)
    for test in range(len(tests.feature)):
        column, limit = columns[tests.feature[test]], tests.threshold[test]
        bits = np.uint64(0)
        for row in range(len(column)):
            # Both comparisons are false for NaN, so each decides one way for missing values.
            above, below = column[row] > limit, column[row] <= limit
            right = above if tests.unknown_left[test] else not below
            bits |= np.uint64(right) << np.uint64(row)
        result[test] = bits
    return result


@_compiled
def _passed(
    paths: Paths, place: int, failing: NDArray[np.uint64], passes: NDArray[np.bool_]
) -> None:
    """Write, for each row, whether it follows the path at one place."""
    bits = ~np.uint64(0)
    for each in range(paths.condition_starts[place], paths.condition_starts[place + 1]):
        right = failing[paths.condition[each]]
        bits &= right if paths.right[each] else ~right
    for row in range(len(passes)):
        passes[row] = (bits >> np.uint64(row)) & np.uint64(1) != 0


@_compiled
def _share(
    value: float,
    fractions: NDArray[np.float32],
    passes: NDArray[np.bool_],
    product: NDArray[np.float32],
    shares: NDArray[np.float32],
) -> None:
    """Write the Shapley value of each place on one path, for all rows at once.

    Args:
        value: Of the leaf.
        fractions: float32 (d,), of the places.
        passes: bool (≥ d, k), at which places a row follows the path.
        product: float32 (k,), overwritten.
        shares: float32 (≥ d, k), overwritten.
    """
    size, count = len(fractions), len(product)
    shares[:size] = 0
    points = (size + 1) // 2
    for node in range(points):
        point, rest = _POINT[points, node], _REST[points, node]
        product[:] = _WEIGHT[points, node] * value
        for place in range(size):
            failed = rest * fractions[place]
            passed = failed + point
            through = passes[place]
            for row in range(count):
                product[row] *= passed if through[row] else failed
        # Dividing by a place's factor leaves the product of the others. At a place where the row
        # leaves the path the quotient does not depend on the fraction.
        failed = np.float32(-1.0) / rest
        for place in range(size):
            fraction = fractions[place]
            passed = (np.float32(1.0) - fraction) / (rest * fraction + point)
            through, share = passes[place], shares[place]
            for row in range(count):
                share[row] += product[row] * (passed if through[row] else failed)
