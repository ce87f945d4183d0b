"""Reads eight candidates' records side by side, and writes their values to columns of the matrix.

A tile is a float32 array of which each eight numbers are those of eight candidates, one in each
lane (`lanes`). Its last eight numbers belong to no candidate; the end of a column is written there.
"""

from typing import Any, Final

import numpy as np

from quintet_engine.kernel.compiling import borrowing
from quintet_engine.kernel.lanes import FLOATS, put_columns, put_floats

# numba lets a signed index count from the end, and checks each.
_U: Final = np.uint64


@borrowing
def put_records(records: Any, rows: Any, start: Any, tile: Any, starts: Any) -> None:
    """Write the records of eight candidates to a tile; the last candidate fills up the last tile.

    Args:
        records: float32 (n, a multiple of 8).
        rows: int32 (c,), the candidates, c ≥ 1.
        start: The first of the eight.
        tile: float32.
        starts: int64 (8,), overwritten.
    """
    last, width = len(rows) - 1, records.shape[1]
    for lane in range(FLOATS):
        starts[_U(lane)] = _U(rows[_U(min(start + lane, last))]) * _U(width)
    for block in range(0, width, FLOATS):
        put_columns(records, starts, tile, block * FLOATS)
        for lane in range(FLOATS):
            starts[_U(lane)] += FLOATS


@borrowing
def put_values(matrix: Any, column: Any, start: Any, tile: Any, values: Any) -> None:
    """Write eight candidates' values of a column, or fewer at its end.

    Args:
        matrix: float32 (features, c).
        column: The feature.
        start: The first of the eight.
        tile: float32, the last eight of which are overwritten.
        values: Lanes.
    """
    count = matrix.shape[1]
    if start + FLOATS <= count:
        put_floats(matrix, column * count + start, values)
    else:
        unused = len(tile) - FLOATS
        put_floats(tile, unused, values)
        for lane in range(count - start):
            matrix[column, start + lane] = tile[unused + lane]
