"""Remove code from memory that runs only while a process starts."""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MAPPINGS: Final = Path("/proc/self/maps")
_DONT_NEED: Final = 4  # MADV_DONTNEED of <sys/mman.h>


def release_code() -> int:
    """Unmap the pages of libraries' machine code; return how many bytes were asked for.

    A compiler, parsers and readers of formats run at the start: some 100 MB of machine code stay
    in memory that no request needs. The kernel maps a page again, from its cache or from the file,
    when it is executed next. Only mappings that are executable and not writable are released: the
    loader never changes their pages, so nothing is lost. Does nothing outside of Linux.
    """
    if not sys.platform.startswith("linux"):
        return 0
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    asked = 0
    for start, end in _code_of_libraries():
        if madvise(start, end - start, _DONT_NEED) == 0:
            asked += end - start
    return asked


def _code_of_libraries() -> Iterator[tuple[int, int]]:
    """List the addresses, from and to, of the code of shared libraries; see `proc(5)`."""
    for line in _MAPPINGS.read_text(encoding="utf-8", errors="replace").splitlines():
        addresses, permissions, *_, path = line.split(maxsplit=5)
        if permissions == "r-xp" and ".so" in path:
            start, _, end = addresses.partition("-")
            yield int(start, 16), int(end, 16)
