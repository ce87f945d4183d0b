"""A forest as plain files beside the booster's text.

Parsing some hundred trees takes a second of Python, during which a serving process delays its
requests; reading the files takes milliseconds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from quintet_engine.arrays import load_array, numbers_fit, save_arrays, starts_fit
from quintet_engine.forest.forest import Forest
from quintet_engine.forest.layout import MOST_FEATURES, MOST_LEAVES
from quintet_engine.kernel.layout import Trees, fixed

FOLDER: Final = "forest"
LAYOUT: Final = 2
"""Incremented when the meaning of the arrays changes; files of another layout are not read."""
_DTYPES: Final = {
    "feature": np.int32,
    "threshold": np.float32,
    "unknown_right": np.uint8,
    "starts": np.int32,
    "test": np.int32,
    "right": np.int32,
    "share": np.float32,
    "prior": np.int32,
    "product": np.float32,
    "leaf_starts": np.int32,
    "value": np.float64,
    "points": np.int32,
}


def save_forest(folder: Path, forest: Forest) -> dict[str, Any]:
    """Write a forest into a folder and return the facts to load it with."""
    save_arrays(folder, forest.trees._asdict())
    return {"layout": LAYOUT, "width": forest.width, "expected": forest.expected}


def load_forest(folder: Path, facts: Mapping[str, Any]) -> Forest | None:
    """Read a forest written by `save_forest`; None if its layout is another program version's.

    Args:
        folder: Its files must be verified.
        facts: What `save_forest` returned.

    Raises:
        OSError, ValueError, KeyError: A file or a fact is missing, or they do not fit each other.
    """
    if facts["layout"] != LAYOUT:
        return None
    arrays = {name: load_array(folder, name) for name in Trees._fields}
    if any(array.ndim != 1 or array.dtype != _DTYPES[name] for name, array in arrays.items()):
        raise ValueError("the forest's arrays have other types")
    # Copied, since they are small: a file that changes later must not change what was checked.
    trees = Trees(**{name: fixed(array.copy(), array.dtype) for name, array in arrays.items()})
    forest = Forest(int(facts["width"]), trees, float(facts["expected"]))
    if not (forest.width > 0 and _tests_fit(trees, forest.width) and _nodes_fit(trees)):
        raise ValueError("the forest's arrays do not fit each other")
    return forest


# The compiled loops check no index: a wrong one would read, or write, outside of the arrays.


def _tests_fit(trees: Trees, width: int) -> bool:
    count, nodes = len(trees.feature), len(trees.test)
    return (
        count == len(trees.threshold) == len(trees.unknown_right)
        and nodes == len(trees.right) == len(trees.share) == len(trees.prior) == len(trees.product)
        and len(trees.starts) == len(trees.leaf_starts) == len(trees.points) + 1
        and starts_fit(trees.starts, nodes)
        and starts_fit(trees.leaf_starts, len(trees.value))
        and numbers_fit(trees.feature, width)
        and bool(((trees.test >= -1) & (trees.test < count)).all())
        and bool(((trees.points >= 1) & (2 * trees.points <= MOST_FEATURES)).all())
        and bool((np.diff(trees.leaf_starts) <= MOST_LEAVES).all())
    )


def _nodes_fit(trees: Trees) -> bool:
    """Check that each tree is one, in preorder, and has as many values as leaves."""
    sizes = np.diff(trees.starts)
    if not (sizes >= 1).all():
        return False
    place = np.arange(len(trees.test))
    first, end = (np.repeat(bounds, sizes) for bounds in (trees.starts[:-1], trees.starts[1:]))
    inner, right = np.flatnonzero(trees.test >= 0), trees.right
    if not ((inner + 1 < right[inner]) & (right[inner] < end[inner])).all():
        return False
    # Every node but the roots is the child of exactly one other, which comes before it.
    children = np.sort(np.concatenate((inner + 1, right[inner])))
    if not np.array_equal(children, np.flatnonzero(place != first)):
        return False
    above = (trees.prior == -1) | ((trees.prior >= first) & (trees.prior < place))
    leaves = np.add.reduceat(trees.test < 0, trees.starts[:-1]) if len(sizes) else sizes
    return bool(above.all()) and np.array_equal(leaves, np.diff(trees.leaf_starts))
