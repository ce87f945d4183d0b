"""Converts LightGBM's description of a booster into the arrays of a forest."""

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.forest.layout import (
    MOST_FEATURES,
    MOST_LEAVES,
    ForestUnsupported,
    Paths,
    Tests,
)

# LightGBM treats values up to this as 0 (kZeroThreshold).
_ZERO: Final = np.float32(1e-35)
# LightGBM describes an infinite threshold as 1e300.
_BEYOND: Final = 1e300


def parse(model: dict[str, Any]) -> tuple[Tests, Paths, float]:
    """Lay a booster out as arrays, and compute its expected score over its training rows.

    Args:
        model: LightGBM's `Booster.dump_model()`.

    Raises:
        ForestUnsupported: It has categorical splits, linear leaves, averaged trees, more than
            `MOST_LEAVES` leaves in a tree or `MOST_FEATURES` features on a path.
    """
    if model.get("average_output") or model["num_tree_per_iteration"] != 1:
        raise ForestUnsupported("its trees are averaged, or it has several outputs")
    trees = [_ParsedTree(tree["tree_structure"]) for tree in model["tree_info"]]
    return _tests(trees), _paths(trees), float(sum(tree.expected for tree in trees))


class _ParsedTree:
    """One tree, read from LightGBM's description of it.

    Attributes:
        tests: (feature, threshold, whether a missing value goes left, leaves on the left as bits).
        values: The leaves' values, from left to right.
        ways: For each leaf, for each feature on its path: the share of rows, and (test, right)
            pairs.
        expected: The mean over training rows.
    """

    def __init__(self, root: dict[str, Any]) -> None:
        self.tests: list[tuple[int, float, bool, int]] = []
        self.values: list[float] = []
        self.ways: list[dict[int, tuple[float, list[tuple[int, bool]]]]] = []
        self._weighted_sum = 0.0
        self._walk(root, [])
        if len(self.values) > MOST_LEAVES:
            raise ForestUnsupported(f"a tree has {len(self.values)} leaves")
        self.expected = self._weighted_sum / max(_rows_of(root), 1.0)

    def _walk(self, node: dict[str, Any], way: list[tuple[int, bool, float]]) -> int:
        """Add a node and all nodes below it; returns its leaves as bits."""
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
        """Add a leaf and the conditions that lead to it, grouped by feature."""
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
        self._weighted_sum += self.values[-1] * _rows_of(node)
        return 1 << (len(self.values) - 1)


def _rows_of(node: dict[str, Any]) -> float:
    """Count the training rows that passed a node; a tree of one leaf has no such field."""
    return float(node.get("internal_count", node.get("leaf_count", 1)))


def _test_of(node: dict[str, Any]) -> tuple[int, float, bool]:
    """Read a node's test: feature, threshold, whether a missing value goes left."""
    if node["decision_type"] != "<=":
        raise ForestUnsupported("it has categorical splits")
    threshold, missing = float(node["threshold"]), node["missing_type"]
    if missing == "Zero":
        raise ForestUnsupported("it treats zeros as missing")
    # If training had no missing values for a feature, LightGBM treats NaN as 0.
    left = bool(node["default_left"]) if missing == "NaN" else threshold >= 0.0
    return int(node["split_feature"]), threshold, left


def _tests(trees: Sequence[_ParsedTree]) -> Tests:
    """Join the trees' tests and leaves into flat arrays."""
    tests = [test for tree in trees for test in tree.tests]
    leaves = max((len(tree.values) for tree in trees), default=1)
    # Half the word, half the time: twice as many rows fit a vector register.
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


def _paths(trees: Sequence[_ParsedTree]) -> Paths:
    """Join the trees' paths into flat arrays, tests renumbered over the whole forest."""
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
    """Compute where each part starts if parts of these sizes follow each other."""
    return np.fromiter(accumulate(sizes, initial=0), np.int64)


def _rounded_down(thresholds: Sequence[float]) -> NDArray[np.float32]:
    """Round each threshold down to a float32, so that x ≤ t holds for the same float32 x.

    LightGBM treats values as small as `_ZERO` as 0, so a threshold within that range is moved to
    its end.
    """
    wide = np.array(thresholds, np.float64)
    with np.errstate(over="ignore"):  # a threshold beyond every float32 becomes the greatest
        near = wide.astype(np.float32)
    down = np.nextafter(near, np.float32(-np.inf))
    exact = np.where((near > wide) & (wide < _BEYOND), down, near).astype(np.float32)
    edge = np.where(exact < 0, np.nextafter(-_ZERO, np.float32(-1)), _ZERO)
    return np.where(np.abs(exact) <= _ZERO, edge, exact).astype(np.float32)
