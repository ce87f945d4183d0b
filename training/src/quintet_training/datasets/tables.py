"""What every reader of tables gives: columns by name, rows in batches, rejected rows apart."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

LINE: Final = "__line__"
"""Column of line numbers (Parquet: rows) from 1; no file has a column of this name."""
BATCH_ROWS: Final = 50_000
"""Rows in memory at once, whatever the size of the file."""


@dataclass(frozen=True)
class Refused:
    """A row that was not stored: its line (Parquet: row) from 1, why, and its text."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Batch:
    """Rows with `LINE`, rejected ones apart, and the share of the file read so far, 0..1."""

    rows: pl.DataFrame
    refused: list[Refused]
    share: float


@dataclass(frozen=True)
class TableFile:
    """A table on disk whose header has been read."""

    path: Path
    columns: list[str]
    # A function, so that the file is opened once per pass and closed with it.
    open: Callable[[Sequence[str]], Iterator[Batch]] = field(repr=False)

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the columns named, and `LINE`, in batches of at most `BATCH_ROWS` rows.

        Raises:
            DatasetInvalid: The file turns out to be unreadable.
        """
        return self.open(columns)
