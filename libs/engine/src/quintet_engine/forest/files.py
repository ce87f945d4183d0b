"""A forest as plain files beside the booster's text.

Parsing some hundred trees takes a second of Python, during which a serving process delays its
requests; reading the files takes milliseconds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from quintet_engine.arrays import load_array, numbers_fit, save_arrays, starts_fit
from quintet_engine.forest.forest import Forest
from quintet_engine.forest.layout import MOST_FEATURES, Paths, Tests

FOLDER: Final = "forest"
LAYOUT: Final = 1
"""Incremented when the meaning of the arrays changes; files of another layout are not read."""
T = TypeVar("T", Tests, Paths)


def save_forest(folder: Path, forest: Forest) -> dict[str, Any]:
    """Write a forest into a folder and return the facts to load it with."""
    save_arrays(folder / "tests", forest.tests._asdict())
    save_arrays(folder / "paths", forest.paths._asdict())
    return {"layout": LAYOUT, "width": forest.width, "expected": forest.expected}


def load_forest(folder: Path, facts: Mapping[str, Any]) -> Forest | None:
    """Read a forest written by `save_forest`; None if its layout is another program version's.

    Args:
        folder: Its files must be verified: compiled loops do not check bounds.
        facts: What `save_forest` returned.

    Raises:
        OSError, ValueError, KeyError: A file or a fact is missing, or they do not fit each other.
    """
    if facts["layout"] != LAYOUT:
        return None
    tests, paths = _load(folder / "tests", Tests), _load(folder / "paths", Paths)
    forest = Forest(int(facts["width"]), tests, paths, float(facts["expected"]))
    if not _fits(forest):
        raise ValueError("the forest's arrays do not fit each other")
    return forest


def _load(folder: Path, kind: type[T]) -> T:
    # Copied, since they are small: the loops are compiled for writable arrays.
    return kind(*(np.array(load_array(folder, name)) for name in kind._fields))


def _fits(forest: Forest) -> bool:
    """Check that every index is within the array that it refers to.

    The compiled loops check none: a wrong number would read, or write, outside of the arrays.
    """
    return forest.width > 0 and _tests_fit(forest.tests, forest.width) and _paths_fit(forest)


def _tests_fit(tests: Tests, width: int) -> bool:
    count = len(tests.feature)
    return (
        _have(tests, {"feature": "i4", "threshold": "f4", "unknown_left": "b1"})
        and _have(tests, {"starts": "i8", "leaf_starts": "i8", "value": "f8"})
        and tests.kept.dtype in (np.uint32, np.uint64)
        and tests.kept.ndim == 1
        and count == len(tests.threshold) == len(tests.unknown_left) == len(tests.kept)
        and len(tests.starts) == len(tests.leaf_starts)
        and starts_fit(tests.starts, count)
        and starts_fit(tests.leaf_starts, len(tests.value))
        and numbers_fit(tests.feature, width)
        and _leaves_fit(tests)
    )


def _leaves_fit(tests: Tests) -> bool:
    """Check that no failing test removes a tree's last leaf, so that the exit leaf exists."""
    leaves = np.diff(tests.leaf_starts)
    if not ((leaves >= 1) & (leaves <= 8 * tests.kept.dtype.itemsize)).all():
        return False
    last = np.repeat(leaves - 1, np.diff(tests.starts)).astype(tests.kept.dtype)
    return bool((tests.kept >> last & tests.kept.dtype.type(1)).all())


def _paths_fit(forest: Forest) -> bool:
    paths = forest.paths
    return (
        _have(paths, {"value": "f4", "starts": "i8", "feature": "i4", "fraction": "f4"})
        and _have(paths, {"condition_starts": "i8", "condition": "i4", "right": "b1"})
        and len(paths.condition) == len(paths.right)
        and len(paths.feature) == len(paths.fraction)
        and len(paths.starts) == len(paths.value) + 1
        and len(paths.condition_starts) == len(paths.feature) + 1
        and starts_fit(paths.starts, len(paths.feature))
        and starts_fit(paths.condition_starts, len(paths.condition))
        # The table of quadrature weights ends there.
        and bool((np.diff(paths.starts) <= MOST_FEATURES).all())
        and numbers_fit(paths.feature, forest.width)
        and numbers_fit(paths.condition, len(forest.tests.feature))
    )


def _have(arrays: Tests | Paths, types: Mapping[str, str]) -> bool:
    """Check that arrays have one dimension and the type that the loops are compiled for."""
    return all(
        getattr(arrays, name).ndim == 1 and getattr(arrays, name).dtype == np.dtype(kind)
        for name, kind in types.items()
    )
