"""A forest as plain files beside the booster's text, so that nobody lays it out anew.

Laying some hundred trees out takes a second of Python, in which a process that serves keeps
others waiting; reading them takes milliseconds.
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
"""Raised when the arrays come to mean something else; those of another layout are not read."""
T = TypeVar("T", Tests, Paths)


def save_forest(folder: Path, forest: Forest) -> dict[str, Any]:
    """Writes a forest into a folder and returns the facts to load it with."""
    save_arrays(folder / "tests", forest.tests._asdict())
    save_arrays(folder / "paths", forest.paths._asdict())
    return {"layout": LAYOUT, "width": forest.width, "expected": forest.expected}


def load_forest(folder: Path, facts: Mapping[str, Any]) -> Forest | None:
    """Reads what `save_forest` wrote; None where it was laid out for another program.

    Args:
        folder: Where, its files as they were written: compiled loops do not check bounds.
        facts: What `save_forest` returned.

    Raises:
        OSError, ValueError, KeyError: A file or a fact is missing, or they do not fit each other.
    """
    if facts["layout"] != LAYOUT:
        return None
    tests, paths = _load(folder / "tests", Tests), _load(folder / "paths", Paths)
    forest = Forest(int(facts["width"]), tests, paths, float(facts["expected"]))
    if not _fits(forest):
        raise ValueError("the forest's files do not fit each other")
    return forest


def _load(folder: Path, kind: type[T]) -> T:
    # Copies, as small as they are: loops are compiled for arrays that may be written.
    return kind(*(np.array(load_array(folder, name)) for name in kind._fields))


def _fits(forest: Forest) -> bool:
    """Returns whether every number points at something that is there."""
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
    known = parts is None or len(starts) == parts + 1
    return bool(known and starts[0] == 0 and starts[-1] == end and (np.diff(starts) >= 0).all())


def _below(numbers: NDArray[np.int32], limit: int) -> bool:
    return bool(((numbers >= 0) & (numbers < limit)).all())
