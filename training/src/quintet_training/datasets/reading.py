"""Opening a table by its content: Parquet, JSON or CSV."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from quintet_text.decoding import HEAD, NotText, encoding_of

from quintet_training.datasets.arrow_types import plain_column
from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.datasets.csv_files import open_csv
from quintet_training.datasets.expanding import refuse_bomb
from quintet_training.datasets.json_files import open_json
from quintet_training.datasets.tables import BATCH_ROWS, LINE, Batch, TableFile

_MAGIC: Final = b"PAR1"
# An object or an array of objects; a header of CSV may begin with a bracket as well.
_JSON: Final = re.compile(r"\s*(?:\[\s*){0,4}\{\s*[\"}]")
_DAMAGED: Final = (
    pa.ArrowException,
    OSError,
    # The name of a column that is no UTF-8.
    UnicodeError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)


def open_table(path: Path, encoding: str = "") -> TableFile:
    """Open a CSV, JSON or Parquet file by its content.

    Raises:
        DatasetInvalid: It is missing, empty, neither CSV nor Parquet, or not in this encoding.
    """
    if not path.is_file():
        raise DatasetInvalid(f"{path}: no such file")
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault
    if not head.strip():
        raise DatasetInvalid(f"{path}: the file is empty")
    if head.startswith(_MAGIC):
        return _open_parquet(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        raise DatasetInvalid(f"{path}: not a Parquet file")
    try:
        name = encoding_of(head, encoding)
    except NotText as fault:
        raise DatasetInvalid(f"--encoding: {fault}") from fault
    if b"\0" in head and not name.startswith(("utf-16", "utf-32")):
        raise DatasetInvalid(f"{path}: neither CSV nor Parquet")
    if _JSON.match(head.decode(name, "ignore").removeprefix("\ufeff")):
        return open_json(path, encoding)
    return open_csv(path, encoding)


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
                rows = _frame(path, part).with_row_index(LINE, read + 1)
                read += part.num_rows
                yield Batch(rows.with_columns(pl.col(LINE).cast(pl.Int64)), [], read / total)
    except _DAMAGED as fault:
        raise DatasetInvalid(
            f"{path}: the Parquet file is damaged, or its texts are not UTF-8"
        ) from fault


def _frame(path: Path, part: pa.RecordBatch) -> pl.DataFrame:
    try:
        columns = [
            plain_column(name, column)
            for name, column in zip(part.schema.names, part.columns, strict=True)
        ]
    except DatasetInvalid as fault:
        raise DatasetInvalid(f"{path}: {fault}") from None
    plain = pa.Table.from_arrays(columns, names=part.schema.names)
    plain.validate(full=True)
    frame = pl.DataFrame(plain)
    # Spans of time are numbers of milliseconds from here on.
    spans = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Duration)]
    return frame.with_columns(pl.col(name).dt.total_milliseconds() for name in spans)
