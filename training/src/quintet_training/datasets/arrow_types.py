"""Columns of Parquet in the few types that the checks know, or a reason to reject them.

Writers choose among some forty Arrow types: pandas writes categories as dictionaries, Spark writes
decimals, DuckDB writes timestamps. Each becomes text, a number, a truth value or a list of texts.
"""

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from quintet_training.datasets.columns import DatasetInvalid

# Field of a struct that holds the name, as in Spotify's {"id": …, "name": …}.
_NAMES: Final = ("name", "artist_name", "title")


def plain_column(name: str, column: Any) -> Any:
    """Convert an Arrow array into one of text, numbers, truth values or lists of texts.

    Dictionaries and run ends are expanded, decimals become float64, dates and times become ISO
    8601, spans of time become milliseconds, structs become the text of their name.

    Args:
        name: The column, for the message.
        column: A `pyarrow.Array` of any type.

    Raises:
        DatasetInvalid: Its type has no such form; the message is one line.
        ArrowException: Its content contradicts its type.
    """
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = column.type
    if pa.types.is_dictionary(kind):
        # Values may be of any type themselves.
        return plain_column(name, column.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return plain_column(name, pc.run_end_decode(column))
    if _is_list(kind):
        return _list(name, column)
    if pa.types.is_struct(kind):
        return _struct(name, column)
    return column.cast(target) if (target := _target(name, kind)) is not None else column


def _target(name: str, kind: Any) -> Any:
    """Return the type that a flat column is cast to; None where it stays."""
    types = pa.types
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
        return pa.float64() if types.is_float16(kind) else None
    if types.is_decimal(kind):
        return pa.float64()
    if types.is_duration(kind):
        return pa.duration("ms")
    texts = (
        *(types.is_string, types.is_large_string, types.is_string_view, types.is_null),
        # Bytes are text where they are UTF-8; Arrow checks that while it casts.
        *(types.is_binary, types.is_large_binary, types.is_binary_view, types.is_temporal),
    )
    if any(check(kind) for check in texts) and not types.is_interval(kind):
        return pa.large_string()
    raise DatasetInvalid(
        f"column {name!r} has the type {kind}, which is not read; write it as text or numbers"
    )


def _is_list(kind: Any) -> bool:
    types = pa.types
    checks = (
        *(types.is_list, types.is_large_list, types.is_fixed_size_list),
        *(types.is_list_view, types.is_large_list_view),
    )
    return any(check(kind) for check in checks)


def _list(name: str, column: Any) -> Any:
    """Convert a list of anything into a list of texts; null stays null."""
    kind = pa.large_list(column.type.value_type)
    column = column.cast(kind)
    values = plain_column(name, column.values)
    if _is_list(values.type):
        raise DatasetInvalid(f"column {name!r} holds lists of lists, which are not read")
    validity = column.is_valid() if column.null_count else None
    lists = pa.LargeListArray.from_arrays(
        column.offsets,
        values.cast(pa.large_string()),
        mask=pc.invert(validity) if validity else None,
    )
    return lists


def _struct(name: str, column: Any) -> Any:
    """Take the name out of a struct."""
    fields = {column.type.field(place).name: place for place in range(column.type.num_fields)}
    known = next((field for field in _NAMES if field in fields), None)
    if known is None:
        raise DatasetInvalid(
            f"column {name!r} holds structs without a field name; write it as text or numbers"
        )
    # Flattened, a missing struct gives a missing name.
    return plain_column(name, column.flatten()[fields[known]])
