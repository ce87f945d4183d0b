"""Zip files from outside: their members one by one, within bounds, and never by their own paths."""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from quintet_training.datasets.columns import DatasetInvalid

MAX_MEMBERS: Final = 20_000
"""Members of an archive; a ListenBrainz export has one per month."""
MAX_MEMBER: Final = 512 * 1024**2
"""Unpacked bytes of one member, as many as a JSON file may have."""
MAX_TOTAL: Final = 2 * 1024**3
"""Unpacked bytes of all members that are read."""
_CHUNK: Final = 1 << 16
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


def is_zip(path: Path) -> bool:
    """Check whether a file is a zip archive, by its first bytes."""
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def members(path: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Unpack the members with one of some suffixes, one at a time, in the order of their names.

    Each is written to a file of our own name in a private folder, so that no path of the archive
    leads anywhere; the file is gone when the next one is asked for.

    Yields:
        The member's name in the archive, and the file.

    Raises:
        DatasetInvalid: The archive is damaged, encrypted, or beyond a bound. Sizes are counted
            while unpacking, since an archive may state false ones.
    """
    left = MAX_TOTAL
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if len(infos) > MAX_MEMBERS:
                raise DatasetInvalid(f"{path}: more than {MAX_MEMBERS:,} files in the archive")
            chosen = [i for i in infos if PurePosixPath(i.filename).suffix.lower() in suffixes]
            for info in sorted(chosen, key=lambda info: info.filename):
                with tempfile.TemporaryDirectory(prefix="quintet-") as folder:
                    suffix = PurePosixPath(info.filename).suffix.lower()
                    target = Path(folder) / f"member{suffix}"
                    left -= _unpack(archive, info, target, min(left, MAX_MEMBER), path)
                    yield info.filename, target
    except _DAMAGED as fault:
        raise DatasetInvalid(f"{path}: the archive is damaged or cannot be unpacked") from fault
    except OSError as fault:
        raise DatasetInvalid(f"{path}: {fault.strerror}") from fault


def _unpack(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, most: int, path: Path
) -> int:
    if info.flag_bits & 0x1:
        raise DatasetInvalid(f"{path}: {info.filename} is encrypted; unpack the archive first")
    size = 0
    with archive.open(info) as stream, target.open("wb") as out:
        while part := stream.read(_CHUNK):
            size += len(part)
            if size > most:
                raise DatasetInvalid(
                    f"{path}: {info.filename} unpacks to more than {most:,} bytes; the bound is "
                    f"{MAX_MEMBER:,} a file and {MAX_TOTAL:,} in all"
                )
            out.write(part)
    return size
