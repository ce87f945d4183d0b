"""Reading tables in batches of rows with their line numbers, from CSV or Parquet."""

import csv
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.expanding import refuse_bomb

LINE: Final = "__line__"
BATCH_ROWS: Final = 50_000
_MAGIC: Final = b"PAR1"
# No honest row is longer; a quote that never closes would otherwise swallow the file.
_MAX_CELL: Final = 131_072
_HEAD: Final = 65_536
_DAMAGED: Final = (
    pa.ArrowException,
    OSError,
    # The name of a column that is no UTF-8.
    UnicodeError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)


@dataclass(frozen=True)
class Refused:
    """A row that was not stored: its line (Parquet: row) from 1, why, and what it held."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Batch:
    """Rows with `LINE`, refused ones apart, and the share of the file read so far, 0..1."""

    rows: pl.DataFrame
    refused: list[Refused]
    share: float


@dataclass(frozen=True)
class TableFile:
    """A table on disk whose header has been read."""

    path: Path
    columns: list[str]
    open: Callable[[Sequence[str]], Iterator[Batch]] = field(repr=False)

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the columns named, and `LINE`, in batches of at most `BATCH_ROWS` rows.

        Raises:
            DatasetInvalid: The file turns out to be unreadable.
        """
        return self.open(columns)


def open_table(path: Path, encoding: str = "utf-8") -> TableFile:
    """Open a CSV or Parquet file by its content.

    Raises:
        DatasetInvalid: It is missing, empty, neither CSV nor Parquet, or not in this encoding.
    """
    if not path.is_file():
        raise DatasetInvalid(f"{path}: no such file")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault
    if not head.strip():
        raise DatasetInvalid(f"{path}: the file is empty")
    if head.startswith(_MAGIC):
        return _open_parquet(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        raise DatasetInvalid(f"{path}: not a Parquet file")
    return _open_csv(path, head, encoding)


def _open_parquet(path: Path) -> TableFile:
    try:
        with pq.ParquetFile(path) as file:
            columns = [str(name) for name in file.schema_arrow.names]
    except _DAMAGED as fault:
        raise DatasetInvalid(f"{path}: not a readable Parquet file") from fault
    return TableFile(path, columns, lambda wanted: _parquet_batches(path, wanted))


def _parquet_batches(path: Path, columns: Sequence[str]) -> Iterator[Batch]:
    try:
        refuse_bomb(path, columns)
        with pq.ParquetFile(path) as file:
            total, read = max(file.metadata.num_rows, 1), 0
            for part in file.iter_batches(BATCH_ROWS, columns=list(columns)):
                # Polars takes what Arrow calls text for UTF-8, and panics where it is not.
                part.validate(full=True)
                rows = pl.DataFrame(pa.Table.from_batches([part])).with_row_index(LINE, read + 1)
                read += part.num_rows
                yield Batch(rows.with_columns(pl.col(LINE).cast(pl.Int64)), [], read / total)
    except _DAMAGED as fault:
        raise DatasetInvalid(f"{path}: the Parquet file is damaged or of unknown types") from fault


def _open_csv(path: Path, head: bytes, encoding: str) -> TableFile:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and encoding == "utf-8":
        encoding = "utf-16"
    elif b"\0" in head and encoding == "utf-8":
        raise DatasetInvalid(f"{path}: neither CSV nor Parquet")
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    with _text(path, encoding) as stream:
        header_line = next((line for line in stream if line.strip()), "")
    delimiter = max(",;\t|", key=header_line.count)
    with _text(path, encoding) as stream:
        records = _Records(stream, delimiter)
        header = next((cells for _, cells, _ in records if cells), None) or []
    columns = _distinct(header)
    return TableFile(
        path, columns, lambda wanted: _csv_batches(path, encoding, delimiter, columns, wanted)
    )


@contextmanager
def _text(path: Path, encoding: str) -> Iterator[IO[str]]:
    try:
        with path.open(encoding=encoding, newline="") as stream:
            yield stream
    except LookupError as fault:
        raise DatasetInvalid(f"--encoding: {encoding!r} is not an encoding") from fault
    except UnicodeError as fault:
        name = encoding.removesuffix("-sig")
        raise DatasetInvalid(
            f"{path}: not {name} text; name its encoding with --encoding"
        ) from fault
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault


def _distinct(header: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for cell in header:
        name = cell.strip()
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


class _Records:
    """Records of a CSV stream as (first line, cells, raw text); cells None where unreadable.

    A record over several lines whose number of cells is wrong is most often a stray quote: its
    lines are then read one by one, so that one bad row does not take its neighbours with it.
    """

    def __init__(self, stream: IO[str], delimiter: str) -> None:
        self._stream = stream
        self._delimiter = delimiter
        self._lines: list[str] = []
        self._held = 0
        self._width: int | None = None
        self.characters = 0

    def _feed(self) -> Iterator[str]:
        for line in self._stream:
            self._lines.append(line)
            self._held += len(line)
            self.characters += len(line)
            if self._held > 8 * _MAX_CELL:
                raise csv.Error("row too long")
            yield line

    def __iter__(self) -> Iterator[tuple[int, list[str] | None, str]]:
        csv.field_size_limit(_MAX_CELL)
        feed = self._feed()
        number = 1
        reader = csv.reader(feed, delimiter=self._delimiter)
        while True:
            cells: list[str] | None
            self._lines, self._held = [], 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                cells = None
                feed = self._feed()
                reader = csv.reader(feed, delimiter=self._delimiter)
            self._width = self._width or (len(cells) if cells else None)
            lines = self._lines
            if len(lines) > 1 and (cells is None or len(cells) != self._width):
                yield from self._one_by_one(number, lines)
            else:
                yield number, cells, "".join(lines)
            number += len(lines)

    def _one_by_one(
        self, number: int, lines: Sequence[str]
    ) -> Iterator[tuple[int, list[str] | None, str]]:
        for offset, line in enumerate(lines):
            try:
                cells = next(csv.reader([line], delimiter=self._delimiter), [])
            except csv.Error:
                yield number + offset, None, line
            else:
                yield number + offset, cells, line


def _csv_batches(
    path: Path, encoding: str, delimiter: str, columns: Sequence[str], wanted: Sequence[str]
) -> Iterator[Batch]:
    size = max(path.stat().st_size, 1)
    places = [columns.index(name) for name in wanted]
    schema = {LINE: pl.Int64, **dict.fromkeys(wanted, pl.String)}
    with _text(path, encoding) as stream:
        records = _Records(stream, delimiter)
        rows = ((line, cells, raw) for line, cells, raw in records if cells is None or cells)
        next(rows, None)
        while part := list(itertools.islice(rows, BATCH_ROWS)):
            good: list[list[object]] = []
            refused: list[Refused] = []
            for line, cells, raw in part:
                if cells is not None and len(cells) == len(columns):
                    good.append([line, *(cells[place] for place in places)])
                else:
                    refused.append(Refused(line, _ragged(cells, len(columns)), raw))
            # Characters never outnumber bytes, so the share stays below one until the end.
            share = min(records.characters / size, 1.0)
            yield Batch(pl.DataFrame(good, schema=schema, orient="row"), refused, share)


def _ragged(cells: list[str] | None, width: int) -> str:
    if cells is None:
        return "row: not readable as CSV"
    return f"row: {len(cells)} cells where the header has {width}"
