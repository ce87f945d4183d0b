"""Serving without pandas, also where other programs of the same environment need it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Final

import pyarrow as pa

_PANDAS: Final = "pandas"


@contextmanager
def without_pandas() -> Iterator[None]:
    """Hide pandas from PyArrow, and from every import inside the context.

    PyArrow and LightGBM import pandas if it is installed, only to check whether an argument is one
    of its tables: most of a second, and 50 MB. PyArrow checks once and caches the result; later
    imports of pandas work.
    """
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([""]).to_numpy(zero_copy_only=False)
        yield
    finally:
        sys.meta_path.remove(absent)


class _Absent(MetaPathFinder):
    """Says that pandas is not installed."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Refuses pandas and leaves everything else to others."""
        if name == _PANDAS:
            raise ModuleNotFoundError(f"{name} is kept out", name=name)
