"""Small compiled functions that several kernels share."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from quintet_engine.kernel.compiling import inlined, intrinsic
from quintet_engine.kernel.layout import FIRST_YEAR, NO_YEAR, YEARS


@intrinsic
def bits_to_float(_typing: Any, _bits: Any) -> Any:
    """Take the float32 that has the given 32 bits."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def float_to_bits(_typing: Any, _value: Any) -> Any:
    """Take the 32 bits of a float32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@inlined
def year_place(year: Any) -> Any:
    """Find the row of `LearnedQuery.year_scores` for a year, NaN if unknown."""
    if not year >= 0:
        return NO_YEAR
    place = np.int64(max(year, np.float32(FIRST_YEAR))) - FIRST_YEAR
    return place if place < YEARS + 3 else NO_YEAR
