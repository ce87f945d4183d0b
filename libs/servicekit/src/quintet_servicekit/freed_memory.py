"""Return memory that was freed to the operating system."""

import ctypes
import sys


def release_freed_memory() -> None:
    """Return what the allocator holds of freed memory, where it is glibc's.

    Loading a model frees tens of megabytes of intermediate arrays, which glibc would keep for
    later; they would count as memory of the process until it ends.
    """
    if sys.platform == "linux":
        # Other libraries of C, such as musl, have no such function, and return memory themselves.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
