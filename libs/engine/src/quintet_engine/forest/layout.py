"""The arrays of a forest: trees as lists of tests, and the paths to their leaves."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_LEAVES: Final = 64
"""A set of a tree's leaves is one word of as many bits."""
MOST_FEATURES: Final = 16
"""Different features on one path, up to which the quadrature is exact."""


class ForestUnsupported(ValueError):
    """A booster has something that only LightGBM can evaluate."""


class Tests(NamedTuple):
    """All trees as lists of tests; m tests, l leaves, t trees.

    Attributes:
        feature: int32 (m,), the tests of a tree one after another.
        threshold: float32 (m,), rounded down, so that a float32 passes exactly if LightGBM passes
            it. unknown_left: bool (m,), whether a missing value goes left. kept: uint32 or uint64
            (m,), the leaves that remain reachable if the test fails, as bits. starts: int64 (t +
            1,), where a tree's tests start. leaf_starts: int64 (t + 1,), where its leaves start.
            value: float64 (l,), the leaves' values, from left to right.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    unknown_left: NDArray[np.bool_]
    kept: NDArray[Any]
    starts: NDArray[np.int64]
    leaf_starts: NDArray[np.int64]
    value: NDArray[np.float64]


class Paths(NamedTuple):
    """The path to each leaf, feature by feature; p paths, s places on them.

    Attributes:
        value: float32 (p,), of the leaf.
        starts: int64 (p + 1,), where a path's places start.
        feature: int32 (s,), different ones within a path.
        fraction: float32 (s,), the share of training rows that follow the path at this feature.
        condition_starts: int64 (s + 1,), where a place's conditions start.
        condition: int32, tests.
        right: bool, whether the path goes right at the test.
    """

    value: NDArray[np.float32]
    starts: NDArray[np.int64]
    feature: NDArray[np.int32]
    fraction: NDArray[np.float32]
    condition_starts: NDArray[np.int64]
    condition: NDArray[np.int32]
    right: NDArray[np.bool_]
