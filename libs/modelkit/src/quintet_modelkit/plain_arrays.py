"""Map .npy files without trusting their headers.

NumPy evaluates the header as a Python literal and raises errors of many types at a damaged one. A
header may also promise more than the file holds, or another type than the reader expects.
"""

import tokenize
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

# Booleans, signed and unsigned numbers, floats: everything that the product stores.
_KINDS: Final = "biuf"
_READERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def map_array(path: Path) -> NDArray[Any]:
    """Map an array of numbers, read-only.

    Raises:
        OSError: The file is missing.
        ValueError: It is not a plain array of numbers, or its length does not fit its header.
    """
    with path.open("rb") as file:
        shape, fortran, dtype = _header(path.name, file)
        start = file.tell()
        size = file.seek(0, 2)
    count = 1
    for length in shape:
        count *= length
    # Python's integers do not overflow, unlike those of the C code that maps the file.
    if min(shape, default=0) < 0 or start + count * dtype.itemsize != size:
        raise ValueError(f"{path.name} has another length than its header says")
    if not count:
        return np.empty(shape, dtype)  # an empty file region cannot be mapped
    mapped: NDArray[Any] = np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")
    return mapped


def _header(name: str, file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        read = _READERS[npy.read_magic(file)]
        shape, fortran, dtype = read(file)
    # All that a hostile literal makes the parser raise; none of it is the reader's fault.
    except (
        ValueError,
        TypeError,
        KeyError,
        SyntaxError,
        tokenize.TokenError,
        RecursionError,
        MemoryError,
        OverflowError,
    ) as fault:
        raise ValueError(f"{name} is not an array file") from fault
    if dtype.kind not in _KINDS or dtype.hasobject or dtype.subdtype is not None:
        raise ValueError(f"{name} holds {dtype}, not numbers")
    return shape, fortran, dtype
