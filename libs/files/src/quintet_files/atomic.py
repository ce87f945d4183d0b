"""The one atomic file write of the product: temporary file, fsync, rename."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PUBLIC_MODE: Final = 0o644
"""Readable by everyone: services often run as another user than the one that writes."""
PRIVATE_MODE: Final = 0o600
"""Readable by the owner only: keys, backups and other secrets."""


def keep_private() -> None:
    """Let only the owner read what this process creates: files 0600, folders 0700.

    Called at the start of each process, so that neither its umask nor a library decides. What other
    users may read, such as published catalogues, gets its mode explicitly.
    """
    os.umask(0o077)


@contextlib.contextmanager
def replacing(path: Path, mode: int = PUBLIC_MODE) -> Iterator[Path]:
    """Write a new version of a file, and put it in place when the block ends without an error.

    The block opens the path it is given, in any way, and closes it. An error in the block, also
    Ctrl-C, leaves the file as it was and removes the new version.

    Args:
        path: The file to replace or create. Its folder must exist.
        mode: Permissions of the new file, set before anything is written.

    Yields:
        An empty file in the same folder, hidden by a leading dot.

    Raises:
        OSError: The folder is missing or not writable, or the disk is full.
    """
    # In the same folder, because a rename is atomic only within one file system.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    temporary = Path(name)
    try:
        try:
            os.fchmod(handle, mode)
            yield temporary
            # Another handle wrote the content; fsync is about the file, not about the handle.
            # Without it, a power failure after the rename could leave an empty file.
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: str | bytes, mode: int = PUBLIC_MODE) -> None:
    """Replace a file by a text (UTF-8, newlines as they are) or by bytes.

    Raises:
        OSError: As `replacing`.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with replacing(path, mode) as temporary:
        temporary.write_bytes(data)
