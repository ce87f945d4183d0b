"""A forest as plain files beside the booster's text.

Parsing some hundred trees takes a second of Python, during which a serving process delays its
requests; reading the files takes milliseconds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from quintet_engine.arrays import load_array, save_arrays
from quintet_engine.forest.forest import Forest
from quintet_engine.forest.layout import Paths, Tests

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
    """Check that every index is within the array that it refers to."""
    tests, paths = forest.tests, forest.paths
    count = len(tests.feature)
    return (
        count == len(tests.threshold) == len(tests.unknown_left) == len(tests.kept)
        and len(tests.starts) == len(tests.leaf_starts)
        and len(paths.condition) == len(paths.right)
        and len(paths.feature) == len(paths.fraction)
        and _reaches(tests.starts, count)
        and _reaches(tests.leaf_starts, len(tests.value))
        and _reaches(paths.starts, len(paths.feature), len(paths.value))
        and _reaches(paths.condition_starts, len(paths.condition), len(paths.feature))
        and all(
            _below(numbers, limit)
            for numbers, limit in (
                (tests.feature, forest.width),
                (paths.feature, forest.width),
                (paths.condition, count),
            )
        )
    )


def _reaches(starts: NDArray[np.int64], end: int, parts: int | None = None) -> bool:
    """Check that starts ascend from 0 to `end`, and that there are `parts` of them."""
    known = parts is None or len(starts) == parts + 1
    return bool(known and starts[0] == 0 and starts[-1] == end and (np.diff(starts) >= 0).all())


def _below(numbers: NDArray[np.int32], limit: int) -> bool:
    """Check that all numbers are at least 0 and below a limit."""
    return bool(((numbers >= 0) & (numbers < limit)).all())
