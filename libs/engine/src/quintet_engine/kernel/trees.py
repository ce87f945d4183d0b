"""Scores rows by the trees of a booster, and explains the scores.

Scores: each different test is answered for all rows of a tile at once, one bit per row. A node's
rows are then its parent's rows and the test's bits, whole words at a time, and the bits of all
leaves together are the number of each row's leaf. A test that all rows of a call answer alike, as
that on a value of the query itself, is answered once, and the trees are pruned by it. Leaf values
are added in LightGBM's order and precision, so scores are equal to the last bit.

Contributions are the Shapley values of LightGBM's `pred_contrib` (path-dependent TreeSHAP,
Lundberg et al., 2018). Along a path with d different features a Shapley weight is a beta integral,
|S|! (d - 1 - |S|)! / d! = ∫ t^|S| (1 - t)^(d - 1 - |S|) dt. So the sum over all subsets is the
integral of one product, a polynomial of degree d - 1, which Gauss-Legendre quadrature with d / 2
points gives exactly. Products grow from the root down, and sums over leaves from the leaves up, so
a tree costs a few operations per node and point (as in Linear TreeSHAP, Yu et al., 2022).
"""

from typing import Any, Final, NamedTuple

import numba as _numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from quintet_engine.kernel.compiling import compiled, inlined
from quintet_engine.kernel.lanes import (
    BYTES,
    COMPARED,
    FLOATS,
    WORDS,
    above,
    above_nibbles,
    add,
    add_floats,
    answers,
    bits_above,
    both,
    bytes_,
    choose,
    either,
    floats,
    greater,
    lesser,
    multiply,
    nibbles,
    not_at_most,
    opposite,
    put_answers,
    put_bytes,
    put_floats,
    put_words,
    repeated,
    repeated_at,
    repeated_word,
    words,
)
from quintet_engine.kernel.layout import Tables, Trees, fixed

numba: Any = _numba
POINTS: Final = 32
"""The most points of the quadrature: exact for 64 different features on a path."""
# Rows scored together: a set of them is four words, and the answers of all tests stay in the
# processor's cache.
_TILE: Final = WORDS * COMPARED
_ALL: Final = np.uint64(2**64 - 1)
_NONE: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_LOW: Final = np.uint64(2**32 - 1)
# How the rows of a call answer a test.
_LEFT, _RIGHT, _MIXED = 0, 1, 2


class _Pruned(NamedTuple):
    """What is left to do in each tree once some tests are answered for all rows.

    Attributes:
        steps: int32 (n, 4): from which set of rows, by which test, into which sets left and right.
        step_starts: int32 (t + 1,), where each tree's steps start.
        ends: int32 (n, 2): a set of rows, and the number of their leaf in the tree, ascending.
        end_starts: int32 (t + 1,), where each tree's ends start.
        most: The most sets in a tree.
    """

    steps: NDArray[np.int32]
    step_starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    end_starts: NDArray[np.int32]
    most: int


def _quadratures() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Tabulate Gauss-Legendre on 0..1: points and weights; row n has n points."""
    tables = np.zeros((2, POINTS + 1, POINTS))
    for count in range(1, POINTS + 1):
        x, weight = np.polynomial.legendre.leggauss(count)
        tables[:, count, :count] = (x + 1) / 2, weight / 2
    narrow = tables.astype(np.float32)
    return narrow[0], narrow[1]


_POINT, _WEIGHT = _quadratures()
_TREES: Final = numba.typeof(
    Trees(
        *(fixed([0], kind) for kind in ("i4", "f4", "u1", "i4", "i4", "i4", "f4", "i4", "f4")),
        *(fixed([0], kind) for kind in ("i4", "f8", "i4")),
    )
)
_TABLES: Final = numba.typeof(
    Tables(*(np.zeros(1, "i4"), np.zeros(1, "i4"), np.zeros((1, 2), "f4"), np.zeros((1, 2), "f4")))
)
_COLUMNS: Final = types.Array(types.float32, 2, "C", readonly=True)


@inlined
def _find_mixed(columns: NDArray[np.float32], trees: Trees) -> NDArray[np.uint8]:
    """Find how the rows answer each test: all left, all right, or mixed, uint8 (m,)."""
    result = np.empty(len(trees.feature), np.uint8)
    feature, ends = -1, np.empty(2 * FLOATS, np.float32)
    least, greatest, unknown, known = np.float32(0), np.float32(0), False, False
    for test in range(len(result)):
        if trees.feature[test] != feature:
            feature = trees.feature[test]
            least, greatest, unknown, known = _range(columns, feature, ends)
        limit, unknown_right = trees.threshold[test], trees.unknown_right[test] != 0
        some_right = (known and greatest > limit) or (unknown and unknown_right)
        some_left = (known and least <= limit) or (unknown and not unknown_right)
        result[test] = _MIXED if some_left and some_right else (_RIGHT if some_right else _LEFT)
    return result


@inlined
def _range(
    columns: NDArray[np.float32], feature: int, ends: NDArray[np.float32]
) -> tuple[Any, Any, Any, Any]:
    """Find a column's least and greatest known value, and whether any is unknown, and any known.

    Args:
        columns: float32 (features, k).
        feature: Which column.
        ends: float32 (16,), overwritten.
    """
    count = columns.shape[1]
    begin, whole = feature * count, count // FLOATS * FLOATS
    infinity = np.float32(np.inf)
    least, greatest = repeated(infinity), repeated(-infinity)
    unknown = above(least, least)
    for start in range(begin, begin + whole, FLOATS):
        value = floats(columns, start)
        # A NaN changes neither.
        least, greatest = lesser(value, least), greater(value, greatest)
        unknown = either(unknown, not_at_most(value, repeated(infinity)))
    put_floats(ends, 0, least)
    put_floats(ends, FLOATS, greatest)
    lacking = choose(unknown, repeated(np.float32(1)), repeated(np.float32(0)))
    low, high, lacks = infinity, -infinity, False
    for lane in range(FLOATS):
        low, high = min(low, ends[lane]), max(high, ends[FLOATS + lane])
    put_floats(ends, 0, lacking)
    for lane in range(FLOATS):
        lacks |= ends[lane] > 0
    for place in range(whole, count):
        value = columns[feature, place]
        low = value if value < low else low
        high = value if value > high else high
        lacks |= value != value
    return low, high, lacks, low <= high


@inlined
def _pruned(trees: Trees, tested: NDArray[np.uint8]) -> _Pruned:
    """List what is left to do in each tree once some tests are answered for all rows."""
    count = len(trees.starts) - 1
    steps = np.empty((len(trees.test), 4), np.int32)
    ends = np.empty((len(trees.value), 2), np.int32)
    step_starts, end_starts = np.zeros(count + 1, np.int32), np.zeros(count + 1, np.int32)
    sets = np.empty(len(trees.test), np.int32)
    step = end = most = 0
    for tree in range(count):
        first = trees.starts[tree]
        sets[first] = 0
        used, leaf = 1, 0
        for node in range(first, trees.starts[tree + 1]):
            rows, test = sets[node], trees.test[node]
            if test < 0:
                if rows >= 0:
                    ends[end, 0] = rows
                    ends[end, 1] = leaf
                    end += 1
                leaf += 1
                continue
            left = right = np.int32(-1)
            if rows >= 0 and tested[test] == _MIXED:
                left, right = np.int32(used), np.int32(used + 1)
                used += 2
                steps[step, 0] = rows
                steps[step, 1] = test
                steps[step, 2] = left
                steps[step, 3] = right
                step += 1
            elif tested[test] == _LEFT:
                left = rows
            else:
                right = rows
            sets[node + 1] = left
            sets[trees.right[node]] = right
        most = max(most, used)
        step_starts[tree + 1] = step
        end_starts[tree + 1] = end
    return _Pruned(steps, step_starts, ends, end_starts, most)


@inlined
def _answer(
    columns: NDArray[np.float32],
    start: int,
    size: int,
    trees: Trees,
    tested: NDArray[np.uint8],
    tile: NDArray[np.float32],
    bits: NDArray[np.uint64],
) -> None:
    """Write which rows of a tile go right, one bit per row, for the tests with mixed answers."""
    feature = -1
    for test in range(len(tested)):
        if tested[test] != _MIXED:
            continue
        if trees.feature[test] != feature:
            feature = trees.feature[test]
            # Copied: whole words are compared, and a column ends anywhere.
            for row in range(size):
                tile[row] = columns[feature, start + row]
        limit, unknown = trees.threshold[test], trees.unknown_right[test] != 0
        for word in range(WORDS):
            bits[test * WORDS + word] = bits_above(tile, word * COMPARED, limit, unknown)


@inlined
def _write_planes(
    pruned: _Pruned, tree: int, shift: int, reach: NDArray[np.uint64], planes: NDArray[np.uint64]
) -> None:
    """Write four planes: plane b holds the rows of every leaf whose number has bit b + shift."""
    a = b = c = d = repeated_word(_NONE)
    for end in range(pruned.end_starts[tree], pruned.end_starts[tree + 1]):
        rows = words(reach, pruned.ends[end, 0] * WORDS)
        number = np.uint64(pruned.ends[end, 1] >> shift)
        # 0 - 1 are all bits, 0 - 0 none: cheaper than a branch that is foreseen half of the time.
        a = either(a, both(rows, repeated_word(_NONE - (number & _ONE))))
        b = either(b, both(rows, repeated_word(_NONE - (number >> _ONE & _ONE))))
        c = either(c, both(rows, repeated_word(_NONE - (number >> np.uint64(2) & _ONE))))
        d = either(d, both(rows, repeated_word(_NONE - (number >> np.uint64(3) & _ONE))))
    put_words(planes, 0, a)
    put_words(planes, WORDS, b)
    put_words(planes, 2 * WORDS, c)
    put_words(planes, 3 * WORDS, d)


@inlined
def _numbers(planes: NDArray[np.uint64], part: int) -> Any:
    """Read 32 rows' numbers from the planes, 0..15."""
    word, shift = part >> 1, np.uint64((part & 1) * BYTES)
    return nibbles(
        np.uint32(planes[word] >> shift & _LOW),
        np.uint32(planes[WORDS + word] >> shift & _LOW),
        np.uint32(planes[2 * WORDS + word] >> shift & _LOW),
        np.uint32(planes[3 * WORDS + word] >> shift & _LOW),
    )


@inlined
def _follow(
    pruned: _Pruned,
    tree: int,
    bits: NDArray[np.uint64],
    reach: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    leaf: NDArray[np.uint8],
) -> None:
    """Write the number of each row's leaf."""
    for step in range(pruned.step_starts[tree], pruned.step_starts[tree + 1]):
        rows = words(reach, pruned.steps[step, 0] * WORDS)
        goes_right = words(bits, pruned.steps[step, 1] * WORDS)
        put_words(reach, pruned.steps[step, 2] * WORDS, both(rows, opposite(goes_right)))
        put_words(reach, pruned.steps[step, 3] * WORDS, both(rows, goes_right))
    _write_planes(pruned, tree, 0, reach, planes)
    for part in range(2 * WORDS):
        put_bytes(leaf, part * BYTES, _numbers(planes, part))
    if pruned.ends[pruned.end_starts[tree + 1] - 1, 1] < 16:
        return
    _write_planes(pruned, tree, 4, reach, planes)
    for part in range(2 * WORDS):
        low = bytes_(leaf, part * BYTES)
        put_bytes(leaf, part * BYTES, above_nibbles(low, _numbers(planes, part)))


@inlined
def _descend(
    columns: NDArray[np.float32],
    start: int,
    trees: Trees,
    tables: Tables,
    tree: int,
    passed: NDArray[np.int32],
    sums: NDArray[np.float32],
) -> None:
    """Multiply the factors from the root down to each node, for eight rows from `start` on."""
    first, points = trees.starts[tree], np.int64(trees.points[tree])
    for row in range(FLOATS):
        passed[row] = -1
    for place in range(points):
        put_floats(sums, place * FLOATS, repeated(_WEIGHT[points, place]))
    width = columns.shape[1]
    for node in range(1, trees.starts[tree + 1] - first):
        parent, prior = np.int64(tables.parent[first + node]), trees.prior[first + node]
        test = trees.test[first + parent]
        limit = repeated(trees.threshold[test])
        values = floats(columns, trees.feature[test] * width + start)
        goes = not_at_most(values, limit) if trees.unknown_right[test] else above(values, limit)
        if node == parent + 1:
            goes = opposite(goes)
        source, target = parent * points * FLOATS, node * points * FLOATS
        entry = 2 * (tables.starts[tree] + node * points)
        if prior < 0:
            put_answers(passed, node * FLOATS, goes)
            for _ in range(points):
                passing = repeated_at(tables.factor, entry)
                failing = repeated_at(tables.factor, entry + 1)
                product = multiply(floats(sums, source), choose(goes, passing, failing))
                put_floats(sums, target, product)
                source, target, entry = source + FLOATS, target + FLOATS, entry + 2
        else:
            before = answers(passed, (prior - first) * FLOATS)
            now = both(goes, before)
            put_answers(passed, node * FLOATS, now)
            share = repeated(trees.share[first + node])
            for _ in range(points):
                passing = repeated_at(tables.factor, entry)
                failing = repeated_at(tables.factor, entry + 1)
                factor = choose(now, passing, choose(before, failing, share))
                put_floats(sums, target, multiply(floats(sums, source), factor))
                source, target, entry = source + FLOATS, target + FLOATS, entry + 2


@inlined
def _ascend(
    start: int,
    trees: Trees,
    tables: Tables,
    tree: int,
    passed: NDArray[np.int32],
    sums: NDArray[np.float32],
    result: NDArray[np.float64],
) -> None:
    """Sum products times leaf values from the leaves up, and add each node's contribution."""
    first, points = trees.starts[tree], np.int64(trees.points[tree])
    width = result.shape[1]
    leaf = trees.leaf_starts[tree + 1]
    none = repeated(np.float32(0))
    for node in range(trees.starts[tree + 1] - first - 1, 0, -1):
        parent, prior = np.int64(tables.parent[first + node]), trees.prior[first + node]
        now = answers(passed, node * FLOATS)
        before = answers(passed, (prior - first if prior >= 0 else 0) * FLOATS)
        value = np.float32(1)
        if trees.test[first + node] < 0:
            leaf -= 1
            value = np.float32(trees.value[leaf])
        values = repeated(value)
        # The right child comes first and overwrites what its parent's sum was made from.
        is_left = node == parent + 1
        source, target = node * points * FLOATS, parent * points * FLOATS
        entry = 2 * (tables.starts[tree] + node * points)
        contribution = none
        for _ in range(points):
            passing = repeated_at(tables.gain, entry)
            failing = repeated_at(tables.gain, entry + 1)
            product = multiply(floats(sums, source), values)
            factor = choose(now, passing, choose(before, failing, none))
            contribution = add(contribution, multiply(product, factor))
            if is_left:
                put_floats(sums, target, add(floats(sums, target), product))
            else:
                put_floats(sums, target, product)
            source, target, entry = source + FLOATS, target + FLOATS, entry + 2
        feature = np.int64(trees.feature[trees.test[first + parent]])
        add_floats(result, feature * width + start, contribution)


@compiled(types.void(_COLUMNS, _TREES, types.float64[::1]))
def score(columns: NDArray[np.float32], trees: Trees, result: NDArray[np.float64]) -> None:
    """Add the leaf values of rows.

    Args:
        columns: float32 (features, k).
        trees: The trees.
        result: float64 (k,), added to.
    """
    count = columns.shape[1]
    tested = _find_mixed(columns, trees)
    bits = np.empty(len(tested) * WORDS, np.uint64)
    pruned = _pruned(trees, tested)
    reach = np.empty(pruned.most * WORDS, np.uint64)
    for word in range(WORDS):
        reach[word] = _ALL
    planes = np.empty(4 * WORDS, np.uint64)
    leaf = np.empty(_TILE, np.uint8)
    total = np.empty(_TILE)
    tile = np.zeros(_TILE, np.float32)
    for start in range(0, count, _TILE):
        size = min(_TILE, count - start)
        _answer(columns, start, size, trees, tested, tile, bits)
        for row in range(_TILE):
            total[row] = 0
        for tree in range(len(trees.starts) - 1):
            _follow(pruned, tree, bits, reach, planes, leaf)
            first = np.uint64(trees.leaf_starts[tree])
            for row in range(_TILE):
                total[row] += trees.value[first + np.uint64(leaf[row])]
        for row in range(size):
            result[start + row] = total[row]


@compiled(_TABLES(_TREES))
def tabulate(trees: Trees) -> Tables:
    """Compute what `explain` reads besides the trees.

    A feature of which a row passes all tests so far has the factor t + (1 - t) s in the product,
    and one of which it failed any (1 - t) s, with s = `Trees.product`.
    """
    starts = np.zeros(len(trees.starts), np.int32)
    for tree in range(len(trees.starts) - 1):
        size = trees.starts[tree + 1] - trees.starts[tree]
        starts[tree + 1] = starts[tree] + size * trees.points[tree]
    parent = np.full(len(trees.test), np.int32(-1), np.int32)
    factor = np.zeros((starts[-1], 2), np.float32)
    gain = np.zeros((starts[-1], 2), np.float32)
    for tree in range(len(trees.starts) - 1):
        first, points = trees.starts[tree], np.int64(trees.points[tree])
        for node in range(trees.starts[tree + 1] - first):
            if trees.test[first + node] >= 0:
                parent[first + node + 1] = parent[trees.right[first + node]] = node
            new, prior = trees.product[first + node], trees.prior[first + node]
            old = trees.product[prior] if prior >= 0 else np.float32(1)
            entry = starts[tree] + node * points
            for place in range(points):
                t = _POINT[points, place]
                rest = np.float32(1) - t
                before, after = t + rest * old, t + rest * new
                weight = (np.float32(1) - old) / before
                factor[entry + place, 0] = after / before
                factor[entry + place, 1] = rest * new / before
                gain[entry + place, 0] = (np.float32(1) - new) / after - weight
                gain[entry + place, 1] = np.float32(-1) / rest - weight
    return Tables(parent, starts, factor, gain)


@compiled(types.void(_COLUMNS, _TREES, _TABLES, types.float64[:, ::1]))
def explain(
    columns: NDArray[np.float32], trees: Trees, tables: Tables, result: NDArray[np.float64]
) -> None:
    """Add the contributions of rows.

    Args:
        columns: float32 (features, k), k a multiple of `FLOATS`.
        trees: The trees.
        tables: From `tabulate`.
        result: float64 (features, k), added to.
    """
    nodes = entries = 1
    for tree in range(len(trees.starts) - 1):
        nodes = max(nodes, trees.starts[tree + 1] - trees.starts[tree])
        entries = max(entries, tables.starts[tree + 1] - tables.starts[tree])
    passed = np.empty(nodes * FLOATS, np.int32)
    sums = np.empty(entries * FLOATS, np.float32)
    for tree in range(len(trees.starts) - 1):
        for start in range(0, columns.shape[1], FLOATS):
            _descend(columns, start, trees, tables, tree, passed, sums)
            _ascend(start, trees, tables, tree, passed, sums, result)
