"""Converts LightGBM's description of a booster into the arrays of a forest."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quintet_engine.forest.layout import (
    MOST_FEATURES,
    MOST_LEAVES,
    ForestUnsupported,
)
from quintet_engine.kernel.layout import Trees, fixed

Test = tuple[int, float, bool]

# LightGBM treats values up to this as 0 (kZeroThreshold).
_ZERO: Final = np.float32(1e-35)
# LightGBM describes an infinite threshold as 1e300.
_BEYOND: Final = 1e300


def parse(model: dict[str, Any]) -> tuple[Trees, float]:
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
    return _joined(trees), float(sum(tree.expected for tree in trees))


class _Node(NamedTuple):
    """One node in preorder; `test` is None for a leaf.

    Attributes:
        test: Feature, threshold, whether a missing value goes right.
        right: The place of its right child in the tree.
        share: The share of its parent's training rows.
        prior: The nearest node above whose parent tests the feature of this one's parent, or -1.
        product: The product of the shares of this node and of all such above it.
    """

    test: Test | None
    right: int
    share: float
    prior: int
    product: float


class _ParsedTree:
    """One tree, read from LightGBM's description of it.

    Attributes:
        nodes: In preorder.
        values: The leaves' values, from left to right.
        features: The most different features on a path.
        expected: The mean over training rows.
    """

    def __init__(self, root: dict[str, Any]) -> None:
        self.nodes: list[_Node] = []
        self.values: list[float] = []
        self.features = 0
        self._weighted_sum = 0.0
        self._walk(root, _Node(None, -1, 1.0, -1, 1.0), {})
        if len(self.values) > MOST_LEAVES:
            raise ForestUnsupported(f"a tree has {len(self.values)} leaves")
        if self.features > MOST_FEATURES:
            raise ForestUnsupported(f"a path has {self.features} features")
        self.expected = self._weighted_sum / max(_rows_of(root), 1.0)

    def _walk(self, node: dict[str, Any], blank: _Node, latest: Mapping[int, int]) -> None:
        """Add a node and all nodes below it.

        Args:
            node: LightGBM's description.
            blank: The node without its test.
            latest: For each feature on the path, the last node whose parent tests it.
        """
        place = len(self.nodes)
        self.nodes.append(blank)
        if "leaf_value" in node:
            self._add_leaf(node, len(latest))
            return
        test = _test_of(node)
        prior = latest.get(test[0], -1)
        so_far = self.nodes[prior].product if prior >= 0 else 1.0
        for side in ("left_child", "right_child"):
            if side == "right_child":
                self.nodes[place] = blank._replace(test=test, right=len(self.nodes))
            share = _rows_of(node[side]) / _rows_of(node)
            child = _Node(None, -1, share, prior, so_far * share)
            self._walk(node[side], child, {**latest, test[0]: len(self.nodes)})

    def _add_leaf(self, node: dict[str, Any], features: int) -> None:
        if "leaf_const" in node or "leaf_coeff" in node:
            raise ForestUnsupported("its leaves are linear models")
        self.features = max(self.features, features)
        self.values.append(float(node["leaf_value"]))
        self._weighted_sum += self.values[-1] * _rows_of(node)


def _rows_of(node: dict[str, Any]) -> float:
    """Count the training rows that passed a node; a tree of one leaf has no such field."""
    return float(node.get("internal_count", node.get("leaf_count", 1)))


def _test_of(node: dict[str, Any]) -> Test:
    """Read a node's test: feature, threshold, whether a missing value goes right."""
    if node["decision_type"] != "<=":
        raise ForestUnsupported("it has categorical splits")
    threshold, missing = float(node["threshold"]), node["missing_type"]
    if missing == "Zero":
        raise ForestUnsupported("it treats zeros as missing")
    # If training had no missing values for a feature, LightGBM treats NaN as 0.
    left = bool(node["default_left"]) if missing == "NaN" else threshold >= 0.0
    return int(node["split_feature"]), threshold, not left


def _joined(trees: Sequence[_ParsedTree]) -> Trees:
    """Join trees into flat arrays; tests that occur several times become one."""
    nodes = [node for tree in trees for node in tree.nodes]
    tests = sorted({node.test for node in nodes if node.test is not None})
    number = {test: place for place, test in enumerate(tests)}
    starts = _starts(len(tree.nodes) for tree in trees)
    # A node's own tree's first place, for numbers within the tree; -1 stays.
    firsts = np.repeat(starts[:-1], np.diff(starts)).tolist()
    return Trees(
        fixed([feature for feature, _, _ in tests], np.int32),
        fixed(_rounded_down([threshold for _, threshold, _ in tests]), np.float32),
        fixed([unknown_right for _, _, unknown_right in tests], np.uint8),
        fixed(starts, np.int32),
        fixed([-1 if node.test is None else number[node.test] for node in nodes], np.int32),
        fixed(_moved([node.right for node in nodes], firsts), np.int32),
        fixed([node.share for node in nodes], np.float32),
        fixed(_moved([node.prior for node in nodes], firsts), np.int32),
        fixed([node.product for node in nodes], np.float32),
        fixed(_starts(len(tree.values) for tree in trees), np.int32),
        fixed([value for tree in trees for value in tree.values], np.float64),
        fixed([max(1, (tree.features + 1) // 2) for tree in trees], np.int32),
    )


def _moved(places: Sequence[int], firsts: Sequence[int]) -> list[int]:
    """Turn places within trees into places among all nodes; -1 stays."""
    return [p if p < 0 else p + first for p, first in zip(places, firsts, strict=True)]


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
