"""Keeps pandas out of a service, also if other programs of the same environment need it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from quintet_files.import_guard import without


@contextmanager
def without_pandas() -> Iterator[None]:
    """Make PyArrow, and everything imported meanwhile, find no pandas.

    PyArrow and LightGBM import pandas if it is installed, only to recognise its tables: most of a
    second, and 50 MB. PyArrow looks once and keeps the answer. After this block, pandas can be
    imported as usual.
    """
    with without("pandas"):
        # This conversion makes PyArrow look for pandas, and remember that there is none.
        pa.array([""]).to_numpy(zero_copy_only=False)
        yield
