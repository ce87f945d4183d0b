"""Walk the chunks of WAV and AIFF files, and read the texts that some of them hold.

RIFF INFO is described in Microsoft's "Multimedia Programming Interface and Data Specifications
1.0", text chunks of AIFF in Apple's "Audio Interchange File Format", section "Text Chunks".
"""

from collections.abc import Iterator
from typing import BinaryIO, Final

MOST_CHUNKS: Final = 100_000
"""A hostile file may hold millions of empty ones."""
MOST_BYTES: Final = 4_096
"""Bytes read of one text."""
_INFO: Final = (b"INAM", b"IART", b"IPRD", b"ICRD", b"IGNR")
_AIFF: Final = (b"NAME", b"AUTH")
Chunk = tuple[bytes, int, int]
"""Name, where the content begins, and where it ends."""


def at(file: BinaryIO, place: int, size: int) -> bytes:
    """Read bytes at a place; fewer at the end of the file."""
    file.seek(place)
    return file.read(size)


def chunks(file: BinaryIO, place: int, end: int, order: str) -> Iterator[Chunk]:
    """List the chunks of a RIFF, RF64, BW64 or FORM file, or of a list inside of one.

    Args:
        file: Open for reading.
        place: Where the first chunk begins.
        end: Where the last one ends at most.
        order: "little" for RIFF, "big" for FORM.
    """
    long_size = 0
    for _ in range(MOST_CHUNKS):
        head = at(file, place, 8)
        if len(head) < 8 or place + 8 > end:
            return
        size = int.from_bytes(head[4:], "little" if order == "little" else "big")
        if head[:4] == b"ds64":
            # Sizes beyond 32 bits (EBU Tech 3306): the second is that of the samples.
            long_size = int.from_bytes(at(file, place + 16, 8), "little")
        if head[:4] == b"data" and size == 0xFFFFFFFF:
            size = long_size
        yield head[:4], place + 8, min(end, place + 8 + size)
        place += 8 + size + size % 2  # chunks begin at even places


def texts_of(path: str) -> dict[str, str]:
    """Read the texts of a WAV or AIFF file by the names of their chunks, in lower case.

    The first of each name counts. Any other file has none.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        head, end = at(file, 0, 12), file.seek(0, 2)
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
            lists = [c for c in chunks(file, 12, end, "little") if c[0] == b"LIST"]
            found = [
                chunk
                for _, start, stop in lists
                if at(file, start, 4) == b"INFO"
                for chunk in chunks(file, start + 4, stop, "little")
            ]
            return _texts(file, found, _INFO, "cp1252")
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return _texts(file, chunks(file, 12, end, "big"), _AIFF, "mac_roman")
        return {}


def _texts(
    file: BinaryIO, found: Iterator[Chunk] | list[Chunk], names: tuple[bytes, ...], encoding: str
) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, start, stop in found:
        if name in names:
            data = at(file, start, min(stop - start, MOST_BYTES)).partition(b"\0")[0]
            texts.setdefault(name.decode("ascii").lower(), _decoded(data, encoding))
    return texts


def _decoded(data: bytes, encoding: str) -> str:
    # Neither format names an encoding. Programs of today write UTF-8, older ones that of their
    # system; text of theirs beyond ASCII is hardly ever valid UTF-8.
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(encoding, "replace")
