"""Parts of a file of playlists: items, or rows of a table that become items one by one."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import polars as pl

from quintet_training.datasets.entries import HOW, Item, Meter, Reading

ORDER: Final = "order"
"""Column that counts the rows of a file, from 0."""
_ITEMS: Final = 10_000
Group = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Gives playlist_id, playlist and kind of a row's cells."""


def _as_it_is(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return values


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file, in its order.

    Attributes:
        items: Rows read one by one, and rejected ones.
        rows: Rows that follow them, with cells in columns named by field; may be empty.
        item: Reads a row of `rows` with the column `ORDER` as an item.
        group: Gives the playlist of a row of `rows`.
    """

    items: Sequence[Item] = ()
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    item: Callable[[Mapping[str, Any]], Item] | None = None
    group: Group = _as_it_is

    def read(self, rows: pl.DataFrame) -> list[Item]:
        """Read some of `rows` one by one."""
        if self.item is None:
            return []
        return [self.item(row) for row in rows.iter_rows(named=True)]


class ChunkReader(Protocol):
    """A function that reads one format in chunks."""

    def __call__(self, path: Path, meter: Meter, how: Reading = HOW, /) -> Iterator[Chunk]:
        """Yield each row of the file, in its order."""


def items_of(chunks: Iterable[Chunk]) -> Iterator[Item]:
    """Read every row of chunks one by one."""
    order = 0
    for chunk in chunks:
        yield from chunk.items
        order += len(chunk.items)
        yield from chunk.read(numbered(chunk.rows, order))
        order += len(chunk.rows)


def numbered(rows: pl.DataFrame, first: int) -> pl.DataFrame:
    """Add the column `ORDER`, counted from `first`."""
    return rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(ORDER) + first)


def chunks_of(items: Iterator[Item]) -> Iterator[Chunk]:
    """Put items into chunks of bounded size."""
    while part := list(itertools.islice(items, _ITEMS)):
        yield Chunk(part)
