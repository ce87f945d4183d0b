"""How much a Parquet file becomes when it is read: a small one may hold one text a billion times.

A text that repeats stands once in a dictionary, with a number for each row. So dictionaries are
looked at first, as they are, and nothing is expanded before it is known to have room.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from quintet_training.datasets.columns import DatasetInvalid

# Eighty times Kaggle's table of 1.2 million Spotify songs.
MOST_ROWS: Final = 100_000_000
MOST_BYTES: Final = 8 * 1024**3
"""Of the whole file, as its columns say."""
MOST_BATCH_BYTES: Final = 512 * 1024**2
"""Of the texts of one batch, expanded."""
_LOOK_ROWS: Final = 50_000
# Physical types whose values have a length in the file: only these can grow.
_TEXTS: Final = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")


def refuse_bomb(path: Path, columns: Sequence[str]) -> None:
    """Return where the columns named have room when they are expanded.

    Raises:
        ArrowException: The file is damaged.
        DatasetInvalid: They have not; the message says how much is allowed.
    """
    with pq.ParquetFile(path) as file:
        _check_stated(path, file.metadata)
        texts = [
            file.schema.column(place).path
            for place in range(len(file.schema))
            if file.schema.column(place).physical_type in _TEXTS
        ]
    # As dictionaries a text stands once in memory, however often its rows name it.
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        for part in file.iter_batches(_LOOK_ROWS, columns=list(columns)):
            if sum(_expanded(column) for column in part.columns) > MOST_BATCH_BYTES:
                raise DatasetInvalid(
                    f"{path}: {part.num_rows} rows become more than {MOST_BATCH_BYTES:,} bytes"
                )


def _check_stated(path: Path, stated: Any) -> None:
    groups = (stated.row_group(place) for place in range(stated.num_row_groups))
    size = sum(group.total_byte_size for group in groups)
    if stated.num_rows > MOST_ROWS or size > MOST_BYTES:
        raise DatasetInvalid(
            f"{path}: {stated.num_rows:,} rows of {size:,} bytes; at most {MOST_ROWS:,} rows and "
            f"{MOST_BYTES:,} bytes are read, so split it into several files"
        )


def _expanded(column: Any) -> int:
    """Return the bytes of the texts of a column where each stands in full."""
    return sum(_text_bytes(leaf) for leaf in _leaves(column))


def _leaves(column: Any) -> Iterator[Any]:
    if pa.types.is_struct(column.type):
        for place in range(column.type.num_fields):
            yield from _leaves(column.field(place))
    elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        yield from _leaves(column.flatten())
    else:
        yield column


def _text_bytes(leaf: Any) -> int:
    if not pa.types.is_dictionary(leaf.type):
        return int(leaf.nbytes)
    if not _is_text(leaf.type.value_type):
        return int(leaf.nbytes)
    # A number per row instead of the text per row: four bytes instead of up to gigabytes.
    lengths = pc.take(pc.binary_length(leaf.dictionary), leaf.indices)
    return int(pc.sum(lengths.cast(pa.int64())).as_py() or 0)


def _is_text(kind: Any) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
