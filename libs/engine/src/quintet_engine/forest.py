"""A LightGBM booster laid out for the processor: the same scores and shares in a tenth of the time.

Scores follow QuickScorer (Lucchese et al., SIGIR 2015): a tree is a list of tests, each with the
set of leaves that stay where it fails; the first leaf left over is the exit. One instruction runs
a test on many rows, and no branch is mispredicted. Leaf values are added in LightGBM's order and
precision, so scores are equal to the last bit.

Shares are the Shapley values of LightGBM's `pred_contrib` (path-dependent TreeSHAP, Lundberg et
al., 2018), to seven digits. Along a path with d different features a Shapley weight is a beta
integral, |S|! (d - 1 - |S|)! / d! = ∫ t^|S| (1 - t)^(d - 1 - |S|) dt, so the sum over all subsets
is the integral of one product, a polynomial of degree d - 1, which Gauss-Legendre quadrature with
d / 2 points gives exactly, for many rows at once by one instruction.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

MOST_LEAVES: Final = 64
"""A tree's leaves are the bits of one word."""
MOST_FEATURES: Final = 16
"""Different features on one path, for which the quadrature is exact."""


# What LightGBM takes for 0 (kZeroThreshold).
_ZERO: Final = np.float32(1e-35)
# How its description writes a threshold of infinity, at least.
_BEYOND: Final = 1e300


class ForestUnsupported(ValueError):
    """A booster has something that only LightGBM itself can evaluate."""


class Tests(NamedTuple):
    """All trees as lists of tests; m tests, l leaves, t trees.

    Attributes:
        feature: int32 (m,), tests of a tree one after another.
        threshold: float32 (m,), rounded down: a float32 passes exactly where LightGBM says so.
        unknown_left: bool (m,), where a missing value goes.
        kept: uint32 or uint64 (m,), the leaves that stay where the test fails.
        starts: int64 (t + 1,), where a tree's tests start.
        leaf_starts: int64 (t + 1,), where its leaves start.
        value: float64 (l,), leaves from left to right.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    unknown_left: NDArray[np.bool_]
    kept: NDArray[Any]
    starts: NDArray[np.int64]
    leaf_starts: NDArray[np.int64]
    value: NDArray[np.float64]


class Paths(NamedTuple):
    """The way to each leaf, feature by feature; p paths, s places on them.

    Attributes:
        value: float32 (p,), of the leaf.
        starts: int64 (p + 1,), where a path's places start.
        feature: int32 (s,), different ones within a path.
        fraction: float32 (s,), the share of training rows that go this way by that feature.
        condition_starts: int64 (s + 1,), where a place's conditions start.
        condition: int32, tests.
        right: bool, how they must come out.
    """

    value: NDArray[np.float32]
    starts: NDArray[np.int64]
    feature: NDArray[np.int32]
    fraction: NDArray[np.float32]
    condition_starts: NDArray[np.int64]
    condition: NDArray[np.int32]
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class Forest:
    """All trees of a booster as flat arrays.

    Attributes:
        width: Features a row has.
        tests: To score by.
        paths: To explain by.
        expected: What the trees score on average over the rows they were trained on.
    """

    width: int
    tests: Tests
    paths: Paths
    expected: float

    @classmethod
    def of(cls, booster: Any) -> Self:
        """Lays a LightGBM booster out.

        Raises:
            ForestUnsupported: It has categorical splits, linear leaves, averaged trees, more than
                `MOST_LEAVES` leaves in a tree or `MOST_FEATURES` features on a path.
        """
        model = booster.dump_model()
        if model.get("average_output") or model["num_tree_per_iteration"] != 1:
            raise ForestUnsupported("its trees are not simply added up")
        trees = [_Tree(tree["tree_structure"]) for tree in model["tree_info"]]
        expected = float(sum(tree.expected for tree in trees))
        return cls(len(model["feature_names"]), _tests(trees), _paths(trees), expected)

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns a score for each row of (k, width), float64 (k,)."""
        from quintet_engine import forest_kernels

        result = np.zeros(len(matrix))
        forest_kernels.score(_columns(matrix), self.tests, result)
        return result

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns Shapley shares, float64 (k, width + 1); the last column is `expected`."""
        from quintet_engine import forest_kernels

        shares = np.zeros((self.width + 1, len(matrix)))
        shares[-1] = self.expected
        for start in range(0, len(matrix), forest_kernels.ROWS):
            part = np.zeros((self.width, min(forest_kernels.ROWS, len(matrix) - start)))
            end = start + part.shape[1]
            forest_kernels.explain(_columns(matrix[start:end]), self.tests, self.paths, part)
            shares[:-1, start:end] = part
        return np.ascontiguousarray(shares.T)


def compiled() -> bool:
    """Returns whether this process has the compiled loops, so that their next call is fast."""
    kernels = sys.modules.get("quintet_engine.forest_kernels")
    return kernels is not None and bool(kernels.explain.signatures)


def _columns(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(matrix.T, dtype=np.float32)


class _Tree:
    """One tree read from LightGBM's description of it.

    Attributes:
        tests: (feature, threshold, whether a missing value goes left, leaves on the left as bits).
        values: Leaves from left to right.
        ways: For each leaf, for each feature on the way: its share of rows, and (test, right).
        expected: The mean over training rows.
    """

    def __init__(self, root: dict[str, Any]) -> None:
        self.tests: list[tuple[int, float, bool, int]] = []
        self.values: list[float] = []
        self.ways: list[dict[int, tuple[float, list[tuple[int, bool]]]]] = []
        self._weighed = 0.0
        self._walk(root, [])
        if len(self.values) > MOST_LEAVES:
            raise ForestUnsupported(f"a tree has {len(self.values)} leaves")
        self.expected = self._weighed / max(_rows_of(root), 1.0)

    def _walk(self, node: dict[str, Any], way: list[tuple[int, bool, float]]) -> int:
        """Adds a node and all below it; returns its leaves as bits."""
        if "leaf_value" in node:
            return self._leaf(node, way)
        number = len(self.tests)
        feature, threshold, unknown_left = _test_of(node)
        self.tests.append((feature, threshold, unknown_left, 0))
        left, right = (
            self._walk(node[side], [*way, (number, right, _rows_of(node[side]) / _rows_of(node))])
            for side, right in (("left_child", False), ("right_child", True))
        )
        self.tests[number] = (feature, threshold, unknown_left, left)
        return left | right

    def _leaf(self, node: dict[str, Any], way: Sequence[tuple[int, bool, float]]) -> int:
        if "leaf_const" in node or "leaf_coeff" in node:
            raise ForestUnsupported("its leaves are linear models")
        by_feature: dict[int, tuple[float, list[tuple[int, bool]]]] = {}
        for number, right, share in way:
            before, conditions = by_feature.get(self.tests[number][0], (1.0, []))
            conditions.append((number, right))
            by_feature[self.tests[number][0]] = (before * share, conditions)
        if len(by_feature) > MOST_FEATURES:
            raise ForestUnsupported(f"a path has {len(by_feature)} features")
        self.ways.append(by_feature)
        self.values.append(float(node["leaf_value"]))
        self._weighed += self.values[-1] * _rows_of(node)
        return 1 << (len(self.values) - 1)


def _rows_of(node: dict[str, Any]) -> float:
    """Returns how many training rows passed a node; a tree of one leaf does not say."""
    return float(node.get("internal_count", node.get("leaf_count", 1)))


def _test_of(node: dict[str, Any]) -> tuple[int, float, bool]:
    if node["decision_type"] != "<=":
        raise ForestUnsupported("it has categorical splits")
    threshold, missing = float(node["threshold"]), node["missing_type"]
    if missing == "Zero":
        raise ForestUnsupported("it takes zeros for missing")
    # Where training saw nothing missing, LightGBM takes NaN for 0.
    left = bool(node["default_left"]) if missing == "NaN" else threshold >= 0.0
    return int(node["split_feature"]), threshold, left


def _tests(trees: Sequence[_Tree]) -> Tests:
    tests = [test for tree in trees for test in tree.tests]
    leaves = max((len(tree.values) for tree in trees), default=1)
    bits, word = (32, np.uint32) if leaves <= 32 else (64, np.uint64)
    return Tests(
        np.array([feature for feature, _, _, _ in tests], np.int32),
        _rounded_down([threshold for _, threshold, _, _ in tests]),
        np.array([unknown_left for _, _, unknown_left, _ in tests], np.bool_),
        np.array([~left & (2**bits - 1) for _, _, _, left in tests], word),
        _starts(len(tree.tests) for tree in trees),
        _starts(len(tree.values) for tree in trees),
        np.array([value for tree in trees for value in tree.values], np.float64),
    )


def _paths(trees: Sequence[_Tree]) -> Paths:
    ways = [way for tree in trees for way in tree.ways]
    places = [place for way in ways for place in way.items()]
    firsts = accumulate((len(tree.tests) for tree in trees), initial=0)
    conditions = [
        [(test + first, right) for test, right in tests]
        for tree, first in zip(trees, firsts, strict=False)
        for way in tree.ways
        for _, tests in way.values()
    ]
    flat = list(chain.from_iterable(conditions))
    return Paths(
        np.array([value for tree in trees for value in tree.values], np.float32),
        _starts(len(way) for way in ways),
        np.array([feature for feature, _ in places], np.int32),
        np.array([fraction for _, (fraction, _) in places], np.float32),
        _starts(len(each) for each in conditions),
        np.array([test for test, _ in flat], np.int32),
        np.array([right for _, right in flat], np.bool_),
    )


def _starts(sizes: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(accumulate(sizes, initial=0), np.int64)


def _rounded_down(thresholds: Sequence[float]) -> NDArray[np.float32]:
    """Returns the greatest float32 not above each threshold: x ≤ t for the same float32 x.

    LightGBM takes what is as small as `_ZERO` for 0, so a threshold within that range is moved to
    the end of it.
    """
    wide = np.array(thresholds, np.float64)
    with np.errstate(over="ignore"):  # a threshold beyond every float32 becomes the greatest
        near = wide.astype(np.float32)
    down = np.nextafter(near, np.float32(-np.inf))
    exact = np.where((near > wide) & (wide < _BEYOND), down, near).astype(np.float32)
    edge = np.where(exact < 0, np.nextafter(-_ZERO, np.float32(-1)), _ZERO)
    return np.where(np.abs(exact) <= _ZERO, edge, exact).astype(np.float32)
