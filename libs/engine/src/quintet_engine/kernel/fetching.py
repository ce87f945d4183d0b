"""Asks for memory before it is read, so that the processor waits for many places at once.

Candidates are spread over the catalogue: each record of one is read from another place of memory,
which takes as long as hundreds of additions. A loop that computes with a record waits for it, and
only then asks for the next. A loop that merely asks does not wait.
"""

from typing import Any, Final

import numpy as np
from numba.core import types as _types

from quintet_engine.kernel.compiling import inlined, intrinsic
from quintet_engine.kernel.lanes import checked, fetch_line

# numba has no types for what we use of it.
types: Any = _types
# numba lets a signed index count from the end, and checks each.
_U: Final = np.uint64


@intrinsic
def _fetch(_context: Any, array: Any, _place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        fetch_line(builder, builder.gep(data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@checked(_fetch)
def fetch(array: Any, place: Any) -> None:
    """Ask for the memory around an element, counted over all axes; it may be one past the last."""
    if place < 0 or place > array.size:
        raise IndexError("an element to fetch is out of bounds")
    _fetch(array, place)


@inlined
def fetch_records(records: Any, rows: Any) -> None:
    """Ask for the record of each of some rows, int32 (c,)."""
    width = np.int64(records.size // max(len(records), 1))
    for place in range(_U(len(rows))):
        fetch(records, np.int64(rows[place]) * width)


@inlined
def fetch_lists(lists: Any, rows: Any) -> None:
    """Ask for the beginning of the list of each of some rows, int32 (c,)."""
    for place in range(_U(len(rows))):
        fetch(lists.members, np.int64(lists.starts[_U(rows[place])]))
