"""Keeps pandas out of a service, also if other programs of the same environment need it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from typing import Final

import pyarrow as pa

_PANDAS: Final = "pandas"


@contextmanager
def without_pandas() -> Iterator[None]:
    """Make PyArrow, and everything imported meanwhile, find no pandas.

    PyArrow and LightGBM import pandas if it is installed, only to recognise its tables: most of a
    second, and 50 MB. PyArrow looks once and keeps the answer. After this block, pandas can be
    imported as usual.
    """
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        # This conversion makes PyArrow look for pandas, and remember that there is none.
        pa.array([""]).to_numpy(zero_copy_only=False)
        yield
    finally:
        sys.meta_path.remove(absent)


class _Absent(MetaPathFinder):
    """An import hook that reports pandas as not installed."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Reject pandas, and leave every other module to the usual finders."""
        if name == _PANDAS:
            raise ModuleNotFoundError(f"{name} is not imported by a service", name=name)
