"""Keep the covers of files on the disk, each picture once, within bounds."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from quintet_files import PRIVATE_MODE, picture_kind, write_atomically

from quintet_tags.tags import Picture

MOST_BYTES: Final = 8 * 1024**2
"""Bytes of one cover; a larger picture is passed over."""
_NAMES: Final = ("cover", "folder", "front", "album")
_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif")


def keep_cover(path: str, pictures: Iterable[Picture], folder: Path) -> str:
    """Store the cover of a file, and return its name in the folder; "" if it has none.

    The front cover inside of the file comes first, then any picture in it, then a picture beside
    it: cover, folder, front or album. The name is a hash of the picture, so that the tracks of an
    album share one file.

    Args:
        path: The audio file.
        pictures: The pictures inside of it.
        folder: Where covers are kept; it must exist.

    Raises:
        OSError: The cover cannot be written, for example because the disk is full.
    """
    inside = sorted(pictures, key=lambda picture: not picture.front)
    for picture in inside:
        if name := _keep(picture.data, folder):
            return name
    for data in _beside(path):
        if name := _keep(data, folder):
            return name
    return ""


def _keep(data: bytes, folder: Path) -> str:
    kind = picture_kind(data)
    if not kind or len(data) > MOST_BYTES:
        return ""
    name = f"{hashlib.blake2b(data, digest_size=16).hexdigest()}.{kind}"
    target = folder / name
    if not target.exists():
        # Private, as everything about what somebody listens to.
        write_atomically(target, data, PRIVATE_MODE)
    return name


def _beside(path: str) -> Iterable[bytes]:
    try:
        names = {entry.name.lower(): entry.path for entry in os.scandir(os.path.dirname(path))}
    except OSError:
        return  # the file itself is readable; a cover is no reason to reject it
    for name in _NAMES:
        for suffix in _SUFFIXES:
            if (found := names.get(name + suffix)) is not None:
                try:
                    if os.path.getsize(found) <= MOST_BYTES:
                        yield Path(found).read_bytes()
                except OSError:
                    continue
