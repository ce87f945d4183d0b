"""Puts down the right of root to pass over the permissions of files, and takes it up again."""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_VERSION: Final = 0x20080522
_OF_FILES: Final = 0b1110
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER, bits 1 to 3 (linux/capability.h)."""
_SETS: Final = struct.Struct("=6I")  # effective, permitted, inheritable; of bits 0-31, of 32-63


@contextmanager
def rights_of_root_put_down() -> Iterator[None]:
    """Leave root its account and the rights of an owner; nothing changes for another account.

    Of the thread that calls alone, and of what it starts before the end.

    Raises:
        OSError: The kernel does not let this thread change its rights.
    """
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        yield
        return
    library = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", _VERSION, 0)
    before = ctypes.create_string_buffer(_SETS.size)

    def call(function: str, sets: ctypes.Array[ctypes.c_char]) -> None:
        if getattr(library, function)(ctypes.c_char_p(header), sets):
            raise OSError(ctypes.get_errno(), f"{function} failed")

    call("capget", before)
    effective, *others = _SETS.unpack(before.raw)
    call("capset", ctypes.create_string_buffer(_SETS.pack(effective & ~_OF_FILES, *others)))
    try:
        yield
    finally:
        call("capset", before)
