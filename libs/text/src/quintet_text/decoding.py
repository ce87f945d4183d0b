"""From the bytes of a file to text: byte-order marks and encodings, once for every reader."""

import codecs
from pathlib import Path
from typing import Final

# The longest mark first: that of UTF-32 begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class NotText(ValueError):
    """Bytes are not text in the encoding given or found; the message names the way out."""


def encoding_of(head: bytes, encoding: str = "") -> str:
    """Give the encoding of a file by its byte-order mark, else the one named, else UTF-8.

    Args:
        head: The first four bytes or more.
        encoding: What the user named; empty for none. A mark in the file overrides UTF-8 only.

    Raises:
        NotText: No encoding has this name.
    """
    if encoding:
        try:
            name = codecs.lookup(encoding).name
        except LookupError:
            raise NotText(f"{encoding!r} is not an encoding; utf-8 and cp1252 are two") from None
        if name != "utf-8":
            return name
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8-sig")


def decode(data: bytes, encoding: str = "") -> str:
    """Decode bytes by their byte-order mark, the encoding named, or UTF-8; no mark is left.

    Raises:
        NotText: They are not text in that encoding, or no encoding has this name.
    """
    name = encoding_of(data[:4], encoding)
    try:
        return data.decode(name).removeprefix("\ufeff")
    except UnicodeError:
        raise NotText(f"not {name.removesuffix('-sig')} text") from None


def read_text(path: Path, most_bytes: int, encoding: str = "") -> str:
    """Read a whole small file as text.

    Args:
        path: The file.
        most_bytes: Its greatest size.
        encoding: As for `decode`.

    Raises:
        NotText: It is larger, or not text.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        data = stream.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise NotText(f"larger than {most_bytes:,} bytes")
    return decode(data, encoding)
