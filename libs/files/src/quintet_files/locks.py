"""A lock between processes that ends with the process that holds it, however that ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MODE: Final = 0o600


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait until no other process holds this lock, and hold it for the block.

    The lock is advisory: it binds those who ask for it. A thread or process that holds it must
    not ask again, because it would wait for itself.

    Args:
        path: The lock's file; it is created, with its folder, and stays. Where that is not
            possible the block runs without a lock: what cannot be written needs none.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
    except OSError:
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        # Closing releases the lock, as the kernel does for a process that is killed.
        os.close(handle)
