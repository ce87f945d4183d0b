"""The inner loops of `products`, compiled by numba; importing this module compiles them.

No sum is reordered, so results are the same to the last bit as SciPy's.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

Starts = NDArray[np.int32]
Members = NDArray[np.int32]
Values = NDArray[np.float32]
Rows = NDArray[np.int64]


# numba lets a signed index count from the end, and checks each; unsigned takes a third of the time.
_U = np.uint64


def _read(dtype: Any, dimensions: int) -> Any:
    """Describe an array that is only read, so that memory-mapped (read-only) ones are accepted."""
    return types.Array(dtype, dimensions, "C", readonly=True)


_MATRIX = (_read(types.int32, 1), _read(types.int32, 1), _read(types.float32, 1))
_ROWS = _read(types.int64, 1)
_TABLE = types.float32[:, ::1]
_LIST = types.float32[::1]


def _compiled(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    compiled: Any = numba.njit([signature], nogil=True, error_model="numpy")
    return lambda function: compiled(function)


@_compiled(_TABLE(*_MATRIX, _ROWS, _read(types.float32, 2)))
def product(
    starts: Starts, members: Members, values: Values, rows: Rows, columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Multiply rows of a matrix by (p, v), float32 (k, v)."""
    width = columns.shape[1]
    result = np.zeros((len(rows), width), np.float32)
    for place in range(len(rows)):
        row = _U(rows[place])
        entries = range(_U(starts[row]), _U(starts[row + _U(1)]))
        if width == 1:
            total = np.float32(0)
            for each in entries:
                total += values[each] * columns[_U(members[each]), _U(0)]
            result[place, 0] = total
        elif width == 4:  # `affinity.VIEWS`: four sums stay in registers
            a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for each in entries:
                value, member = values[each], _U(members[each])
                a += value * columns[member, _U(0)]
                b += value * columns[member, _U(1)]
                c += value * columns[member, _U(2)]
                d += value * columns[member, _U(3)]
            result[place, 0], result[place, 1], result[place, 2], result[place, 3] = a, b, c, d
        else:
            for each in entries:
                value, member = values[each], _U(members[each])
                for column in range(width):
                    result[place, column] += value * columns[member, column]
    return result


@_compiled(_TABLE(*_MATRIX, _ROWS, _ROWS, types.int64))
def product_with(
    starts: Starts, members: Members, values: Values, rows: Rows, others: Rows, width: int
) -> NDArray[np.float32]:
    """Compute inner products of rows with a few others, float32 (k, m)."""
    # The few others become a dense table of the columns they use, which stays in the cache.
    place_of = np.full(width, -1, np.int32)
    most = 0
    for other in others:
        most += starts[other + 1] - starts[other]
    few = np.zeros((most, len(others)), np.float32)
    known = 0
    for column in range(len(others)):
        for each in range(starts[others[column]], starts[others[column] + 1]):
            member = members[each]
            if place_of[member] < 0:
                place_of[member] = known
                known += 1
            few[place_of[member], column] += values[each]
    result = np.zeros((len(rows), len(others)), np.float32)
    for place in range(len(rows)):
        for each in range(starts[rows[place]], starts[rows[place] + 1]):
            known_place = place_of[members[each]]
            if known_place >= 0:
                for column in range(len(others)):
                    result[place, column] += values[each] * few[known_place, column]
    return result


@_compiled(_LIST(*_MATRIX, _ROWS, _read(types.float32, 1), types.int64))
def summed(
    starts: Starts, members: Members, values: Values, rows: Rows, weights: Values, width: int
) -> NDArray[np.float32]:
    """Sum rows, each by its weight, float32 (p,)."""
    result = np.zeros(width, np.float32)
    for place in range(len(rows)):
        for each in range(starts[rows[place]], starts[rows[place] + 1]):
            result[members[each]] += values[each] * weights[place]
    return result
