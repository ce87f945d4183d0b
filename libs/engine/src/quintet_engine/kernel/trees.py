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

from quintet_engine.kernel.compiling import borrowing, compiled, inlined
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
EXPLAINED: Final = 4 * FLOATS
"""Rows that are explained together: what a node asks for is then read once for all of them."""
# Rows scored together: a set of them is four words, and the answers of all tests stay in the
# processor's cache.
_TILE: Final = COMPARED
# Trees whose values are added in one turn, so that a row's sum is read and written once for all.
_TOGETHER: Final = 4
# Rows whose answers stand in the same lane.
_BITS: Final = COMPARED // FLOATS
# Bits of a leaf's number.
_PLANES: Final = 8
# numba lets a signed index count from the end, and checks each.
_U: Final = np.uint64
_ALL: Final = np.uint64(2**64 - 1)
_NONE: Final = np.uint64(0)
_LOW: Final = np.uint64(2**32 - 1)
# How the rows of a call answer a test.
_LEFT, _RIGHT, _MIXED = 0, 1, 2


class _Pruned(NamedTuple):
    """What is left to do in each tree once some tests are answered for all rows.

    A set of rows is named by where its words start.

    Attributes:
        steps: int32 (n, 4): from which set of rows, by which test, into which sets left and right.
        step_starts: int32 (t + 1,), where each tree's steps start.
        members: int32, the sets of the leaves whose number has bit 0, then bit 1, ….
        member_starts: int32 (8 t + 1,), where each bit's sets of each tree start.
        tests: int32, ascending: the tests of the steps.
        greatest: int32 (t,), the greatest number of a leaf that any row may reach.
        most: The most words of sets in a tree.
    """

    steps: NDArray[np.int32]
    step_starts: NDArray[np.int32]
    members: NDArray[np.int32]
    member_starts: NDArray[np.int32]
    tests: NDArray[np.int32]
    greatest: NDArray[np.int32]
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


@borrowing
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
    members = np.empty(_PLANES * len(trees.value) + 1, np.int32)
    step_starts = np.zeros(count + 1, np.int32)
    member_starts = np.zeros(_PLANES * count + 1, np.int32)
    greatest, is_asked = np.zeros(count, np.int32), np.zeros(len(tested), np.uint8)
    sets, ends = np.empty(len(trees.test), np.int32), np.empty((len(trees.value), 2), np.int32)
    step = member = 0
    most = WORDS
    for tree in range(count):
        first = trees.starts[tree]
        sets[first] = 0
        used, leaf, end = WORDS, 0, 0
        for node in range(first, trees.starts[tree + 1]):
            rows, test = sets[node], trees.test[node]
            if test < 0:
                if rows >= 0:
                    ends[end, 0], ends[end, 1] = rows, leaf
                    end += 1
                leaf += 1
                continue
            left = right = np.int32(-1)
            if rows >= 0 and tested[test] == _MIXED:
                left, right = np.int32(used), np.int32(used + WORDS)
                used += 2 * WORDS
                steps[step, 0] = rows
                steps[step, 1] = test * WORDS
                steps[step, 2] = left
                steps[step, 3] = right
                step += 1
                is_asked[test] = 1
            elif tested[test] == _LEFT:
                left = rows
            else:
                right = rows
            sets[node + 1] = left
            sets[trees.right[node]] = right
        most = max(most, used)
        step_starts[tree + 1] = step
        greatest[tree] = ends[end - 1, 1]
        for plane in range(_PLANES):
            if greatest[tree] >> plane:
                member = _list_members(ends, end, plane, members, member)
            member_starts[tree * _PLANES + plane + 1] = member
    tests = np.flatnonzero(is_asked).astype(np.int32)
    return _Pruned(steps, step_starts, members, member_starts, tests, greatest, most)


@borrowing
def _list_members(
    ends: NDArray[np.int32], count: int, plane: int, members: NDArray[np.int32], size: int
) -> int:
    """Append the sets of the leaves whose number has a bit, and return how many there are now."""
    for end in range(_U(count)):
        # Written always, and kept if the bit is set: a branch would be foreseen half of the time.
        members[_U(size)] = ends[end, _U(0)]
        size += ends[end, _U(1)] >> plane & 1
    return size


@borrowing
def _answer(
    columns: NDArray[np.float32],
    start: int,
    size: int,
    trees: Trees,
    tests: NDArray[np.int32],
    tile: NDArray[np.float32],
    bits: NDArray[np.uint64],
) -> None:
    """Write which rows of a tile go right by some tests, one bit per row."""
    feature = -1
    for place in range(_U(len(tests))):
        test = np.int64(tests[place])
        if trees.feature[test] != feature:
            feature = trees.feature[test]
            # Copied at the end: whole tiles are compared, and a column ends anywhere.
            if size < _TILE:
                for row in range(size):
                    tile[row] = columns[feature, start + row]
        limit, unknown = trees.threshold[test], trees.unknown_right[test] != 0
        if size == _TILE:
            right = bits_above(columns, feature * columns.shape[1] + start, limit, unknown)
        else:
            right = bits_above(tile, 0, limit, unknown)
        put_words(bits, test * WORDS, right)


@borrowing
def _write_planes(
    pruned: _Pruned, tree: int, first: int, reach: NDArray[np.uint64], planes: NDArray[np.uint64]
) -> None:
    """Write four planes: plane b holds the rows of every leaf whose number has bit first + b."""
    for plane in range(4):
        place = tree * _PLANES + first + plane
        rows = repeated_word(_NONE)
        for each in range(_U(pruned.member_starts[place]), _U(pruned.member_starts[place + 1])):
            rows = either(rows, words(reach, np.int64(pruned.members[each])))
        put_words(planes, plane * WORDS, rows)


@borrowing
def _numbers(planes: NDArray[np.uint64], part: int) -> Any:
    """Read 32 rows' numbers from the planes, 0..15."""
    word, shift = part >> 1, np.uint64((part & 1) * BYTES)
    return nibbles(
        np.uint32(planes[word] >> shift & _LOW),
        np.uint32(planes[WORDS + word] >> shift & _LOW),
        np.uint32(planes[2 * WORDS + word] >> shift & _LOW),
        np.uint32(planes[3 * WORDS + word] >> shift & _LOW),
    )


@borrowing
def _follow(
    pruned: _Pruned,
    tree: int,
    bits: NDArray[np.uint64],
    reach: NDArray[np.uint64],
    planes: NDArray[np.uint64],
    leaf: NDArray[np.uint8],
    place: int,
) -> None:
    """Write the number of each row's leaf, from `place` on."""
    steps = pruned.steps
    for step in range(_U(pruned.step_starts[tree]), _U(pruned.step_starts[tree + 1])):
        rows = words(reach, np.int64(steps[step, _U(0)]))
        goes_right = words(bits, np.int64(steps[step, _U(1)]))
        put_words(reach, np.int64(steps[step, _U(2)]), both(rows, opposite(goes_right)))
        put_words(reach, np.int64(steps[step, _U(3)]), both(rows, goes_right))
    _write_planes(pruned, tree, 0, reach, planes)
    for part in range(2 * WORDS):
        put_bytes(leaf, place + part * BYTES, _numbers(planes, part))
    if pruned.greatest[tree] < 16:
        return
    _write_planes(pruned, tree, 4, reach, planes)
    for part in range(2 * WORDS):
        low = bytes_(leaf, place + part * BYTES)
        put_bytes(leaf, place + part * BYTES, above_nibbles(low, _numbers(planes, part)))


@borrowing
def _add_values(
    trees: Trees, tree: int, count: int, leaf: NDArray[np.uint8], total: NDArray[np.float64]
) -> None:
    """Add the values of some trees' leaves to a tile's sums, one tree after the other."""
    value = trees.value
    if count == _TOGETHER:
        a, b = _U(trees.leaf_starts[tree]), _U(trees.leaf_starts[tree + 1])
        c, d = _U(trees.leaf_starts[tree + 2]), _U(trees.leaf_starts[tree + 3])
        for row in range(_U(_TILE)):
            more = total[row] + value[a + _U(leaf[row])]
            more += value[b + _U(leaf[row + _U(_TILE)])]
            more += value[c + _U(leaf[row + _U(2 * _TILE)])]
            total[row] = more + value[d + _U(leaf[row + _U(3 * _TILE)])]
        return
    for each in range(count):
        first = _U(trees.leaf_starts[tree + each])
        for row in range(_U(_TILE)):
            total[row] += value[first + _U(leaf[_U(each * _TILE) + row])]


@borrowing
def _put_passed(
    columns: NDArray[np.float32],
    start: int,
    trees: Trees,
    test: Any,
    is_left: bool,
    passed: NDArray[np.int32],
    place: int,
    prior: Any,
) -> None:
    """Write whether rows pass a node's test, and all above it of the same feature.

    Args:
        columns: float32 (features, k).
        start: The first row.
        trees: The trees.
        test: The test of the node's parent.
        is_left: Whether rows pass that are not greater than the limit.
        passed: int32 (nodes, `EXPLAINED`), -1 for those that pass.
        place: The node.
        prior: The node whose answers hold as well, or -1.
    """
    limit, unknown = repeated(trees.threshold[test]), trees.unknown_right[test]
    begin = trees.feature[test] * columns.shape[1] + start
    for row in range(0, EXPLAINED, FLOATS):
        values = floats(columns, begin + row)
        goes = not_at_most(values, limit) if unknown else above(values, limit)
        if is_left:
            goes = opposite(goes)
        if prior >= 0:
            goes = both(goes, answers(passed, prior * EXPLAINED + row))
        put_answers(passed, place * EXPLAINED + row, goes)


@borrowing
def _descend(
    columns: NDArray[np.float32],
    start: int,
    trees: Trees,
    tables: Tables,
    tree: int,
    passed: NDArray[np.int32],
    sums: NDArray[np.float32],
) -> None:
    """Multiply the factors from the root down to each node, for the rows from `start` on."""
    first, points = np.int64(trees.starts[tree]), np.int64(trees.points[tree])
    for place in range(points):
        weight = repeated(_WEIGHT[points, place])
        for row in range(0, EXPLAINED, FLOATS):
            put_floats(sums, place * EXPLAINED + row, weight)
    for node in range(1, trees.starts[tree + 1] - first):
        parent = np.int64(tables.parent[first + node])
        prior = np.int64(trees.prior[first + node])
        prior = prior - first if prior >= 0 else prior
        test = np.int64(trees.test[first + parent])
        _put_passed(columns, start, trees, test, node == parent + 1, passed, node, prior)
        source, target = parent * points * EXPLAINED, node * points * EXPLAINED
        entry, now = 2 * (tables.starts[tree] + node * points), node * EXPLAINED
        share, before = repeated(trees.share[first + node]), prior * EXPLAINED
        for _ in range(points):
            passing = repeated_at(tables.factor, entry)
            failing = repeated_at(tables.factor, entry + 1)
            for row in range(0, EXPLAINED, FLOATS):
                factor = failing
                if prior >= 0:
                    factor = choose(answers(passed, before + row), failing, share)
                factor = choose(answers(passed, now + row), passing, factor)
                put_floats(sums, target + row, multiply(floats(sums, source + row), factor))
            source, target, entry = source + EXPLAINED, target + EXPLAINED, entry + 2


@borrowing
def _moved(sums: Any, source: Any, target: Any, value: Any, is_left: Any) -> Any:
    """Multiply eight rows' products by a value, and add them to the parent's, or begin its sum."""
    product = multiply(floats(sums, source), value)
    put_floats(sums, target, add(floats(sums, target), product) if is_left else product)
    return product


@borrowing
def _gain(passed: Any, now: Any, before: Any, passing: Any, failing: Any, product: Any) -> Any:
    """Compute what a node gives to eight rows at one point; `before` is -1 without any.

    Args:
        passed: int32, -1 where a row passes.
        now: Where the node's answers are.
        before: Where those are that hold as well: a row that passes now passes there.
        passing: The factor of a row that passes.
        failing: The factor of a row that begins to fail.
        product: The rows' products.
    """
    factor = failing
    if before >= 0:
        factor = choose(answers(passed, before), failing, repeated(np.float32(0)))
    return multiply(product, choose(answers(passed, now), passing, factor))


@borrowing
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
    first, points = np.int64(trees.starts[tree]), np.int64(trees.points[tree])
    leaf = np.int64(trees.leaf_starts[tree + 1])
    for node in range(trees.starts[tree + 1] - first - 1, 0, -1):
        parent = np.int64(tables.parent[first + node])
        prior = np.int64(trees.prior[first + node])
        value = np.float32(1)
        if trees.test[first + node] < 0:
            leaf -= 1
            value = np.float32(trees.value[leaf])
        feature = np.int64(trees.feature[trees.test[first + parent]])
        # The right child comes first and overwrites what its parent's sum was made from.
        is_left, values = node == parent + 1, repeated(value)
        place = feature * result.shape[1] + start
        entry = 2 * (tables.starts[tree] + node * points)
        now, before = node * EXPLAINED, (prior - first) * EXPLAINED if prior >= 0 else np.int64(-1)
        for row in range(0, EXPLAINED, 2 * FLOATS):
            source = node * points * EXPLAINED + row
            target, at = parent * points * EXPLAINED + row, entry
            a = b = repeated(np.float32(0))
            other, seen = now + row + FLOATS, before + row if before >= 0 else np.int64(-1)
            last = seen + FLOATS if before >= 0 else np.int64(-1)
            for _ in range(points):
                passing = repeated_at(tables.gain, at)
                failing = repeated_at(tables.gain, at + 1)
                product = _moved(sums, source, target, values, is_left)
                a = add(a, _gain(passed, now + row, seen, passing, failing, product))
                product = _moved(sums, source + FLOATS, target + FLOATS, values, is_left)
                b = add(b, _gain(passed, other, last, passing, failing, product))
                source, target, at = source + EXPLAINED, target + EXPLAINED, at + 2
            add_floats(result, place + row, a)
            add_floats(result, place + row + FLOATS, b)


@compiled(types.void(_COLUMNS, _TREES, types.float64[::1]))
def score(columns: NDArray[np.float32], trees: Trees, result: NDArray[np.float64]) -> None:
    """Add the leaf values of rows.

    Args:
        columns: float32 (features, k).
        trees: The trees.
        result: float64 (k,), added to.
    """
    count, trees_in_all = columns.shape[1], len(trees.starts) - 1
    tested = _find_mixed(columns, trees)
    bits = np.empty(len(tested) * WORDS, np.uint64)
    pruned = _pruned(trees, tested)
    reach = np.empty(pruned.most, np.uint64)
    for word in range(WORDS):
        reach[word] = _ALL
    planes = np.empty(4 * WORDS, np.uint64)
    leaf = np.empty(_TOGETHER * _TILE, np.uint8)
    total = np.empty(_TILE)
    tile = np.zeros(_TILE, np.float32)
    for start in range(0, count, _TILE):
        size = min(_TILE, count - start)
        _answer(columns, start, size, trees, pruned.tests, tile, bits)
        for row in range(_TILE):
            total[row] = 0
        for tree in range(0, trees_in_all, _TOGETHER):
            many = min(_TOGETHER, trees_in_all - tree)
            for each in range(many):
                _follow(pruned, tree + each, bits, reach, planes, leaf, each * _TILE)
            _add_values(trees, tree, many, leaf, total)
        for row in range(size):
            # Where `bits_above` puts the answers of a row, there are its leaf and its sum.
            result[start + row] = total[(row % FLOATS) * _BITS + row // FLOATS]


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
        columns: float32 (features, k), k a multiple of `EXPLAINED`.
        trees: The trees.
        tables: From `tabulate`.
        result: float64 (features, k), added to.
    """
    nodes = entries = 1
    for tree in range(len(trees.starts) - 1):
        nodes = max(nodes, trees.starts[tree + 1] - trees.starts[tree])
        entries = max(entries, tables.starts[tree + 1] - tables.starts[tree])
    passed = np.empty(nodes * EXPLAINED, np.int32)
    sums = np.empty(entries * EXPLAINED, np.float32)
    for tree in range(len(trees.starts) - 1):
        for start in range(0, columns.shape[1], EXPLAINED):
            _descend(columns, start, trees, tables, tree, passed, sums)
            _ascend(start, trees, tables, tree, passed, sums, result)
