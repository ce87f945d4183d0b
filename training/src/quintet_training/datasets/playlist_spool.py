"""Rows of an import that wait until the file has been read: in memory, and then on the disk."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from quintet_training.datasets.playlist_bulk import MATCHED
from quintet_training.datasets.playlist_files import FILE_ROWS

_WAITING: Final = FILE_ROWS // 2
_MOST_PARTS: Final = 256
_UNKNOWN: Final = 16
_SEED: Final = 11


class Spool:
    """Collect matched rows, and give them back in parts of bounded size with whole playlists.

    Args:
        folder: For rows that do not fit into memory; made where needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: list[pl.DataFrame] = []
        self._count = self._rows = self._writes = self._buckets = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._rows

    def add(self, rows: pl.DataFrame, share: float) -> None:
        """Add rows of `MATCHED`.

        Args:
            rows: The rows.
            share: How much of the file has been read, 0..1: decides the number of parts.

        Raises:
            OSError: The disk is full.
        """
        if not len(rows):
            return
        self._waiting.append(rows)
        self._count += len(rows)
        self._rows += len(rows)
        if self._count >= _WAITING:
            self._write(share)

    def parts(self) -> Iterator[pl.DataFrame]:
        """Give all rows; each playlist is in one part."""
        if not self._buckets:
            if self._waiting:
                yield pl.concat(self._waiting)
            return
        self._write(1.0)
        for bucket in range(self._buckets):
            if paths := sorted(self._folder.glob(f"{bucket}-*.arrow")):
                yield pl.concat([pl.read_ipc(path) for path in paths])

    def _write(self, share: float) -> None:
        if not self._waiting:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._buckets:
            wanted = self._rows / share / FILE_ROWS if share > 0 else _UNKNOWN
            self._buckets = min(max(math.ceil(wanted), 1), _MOST_PARTS)
        rows, self._waiting, self._count = pl.concat(self._waiting), [], 0
        bucket = (pl.col("playlist_id").hash(_SEED) % self._buckets).alias("bucket")
        for (number,), part in (
            rows.with_columns(bucket).partition_by("bucket", as_dict=True).items()
        ):
            path = self._folder / f"{number}-{self._writes}.arrow"
            part.select(*MATCHED).write_ipc(path, compression="zstd")
        self._writes += 1
