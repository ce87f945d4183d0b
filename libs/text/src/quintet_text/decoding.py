"""From the bytes of a file to text: byte-order marks and encodings, once for every reader."""

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

# The longest mark first: that of UTF-32 begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


HEAD: Final = 4096
"""Bytes at the beginning of a file that decide its encoding."""
_MAX_REWRITTEN: Final = 64 * 1024**2
"""Bytes of a file that is held in memory because its lines end in signs Python does not know."""
# NEL of mainframes, and Unicode's own line and paragraph separators.
_RARE_ENDS: Final = dict.fromkeys(map(ord, "\x85\u2028\u2029"), "\n")


_FEWEST_ZEROS: Final = 2
"""Zero bytes from which on text without a mark is taken for UTF-16."""


class NotText(ValueError):
    """Bytes are not text in the encoding given or found; the message names the way out."""


def encoding_of(head: bytes, encoding: str = "") -> str:
    """Give the encoding of a file by its byte-order mark, else the one named, else UTF-8.

    Without a mark, text in UTF-16 and UTF-32 is recognised by the zero bytes of its ASCII
    characters.

    Args:
        head: The first bytes, four or more; `HEAD` bytes decide best.
        encoding: What the user named; empty for none. A mark in the file overrides UTF-8 only.

    Raises:
        NotText: No encoding has this name.
    """
    if encoding:
        name = _named(encoding)
        if name not in ("utf-8", "utf-8-sig"):
            return name
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    return marked or _wide(head) or "utf-8-sig"


def _wide(head: bytes) -> str | None:
    """Recognise UTF-16 and UTF-32 without a mark; None for any other text."""
    quarter = len(head) // 4
    zeros = [head[place : 4 * quarter : 4].count(0) for place in range(4)]
    if quarter == 0 or sum(zeros) < quarter:
        return None
    # The upper two bytes of four are zero in UTF-32, whatever the script.
    if zeros[2] == zeros[3] == quarter:
        return "utf-32-le"
    if zeros[0] == zeros[1] == quarter:
        return "utf-32-be"
    # In UTF-16 one byte of two is zero in ASCII; other scripts have fewer, on the same side.
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    # One zero may stand in a damaged file of few bytes, such as a secret.
    if max(even, odd) < _FEWEST_ZEROS:
        return None
    if odd > 4 * even:
        return "utf-16-le"
    return "utf-16-be" if even > 4 * odd else None


def _named(encoding: str) -> str:
    try:
        found = codecs.lookup(encoding)
    except (LookupError, ValueError):
        found = None
    # Some codecs make no text (base64, zip) or none at all ("undefined"); Python marks the first.
    if found is None or not getattr(found, "_is_text_encoding", True) or found.name == "undefined":
        raise NotText(f"{encoding!r} is not an encoding; utf-8 and cp1252 are two")
    return found.name


def decode(data: bytes, encoding: str = "") -> str:
    """Decode bytes by their byte-order mark, the encoding named, or UTF-8; no mark is left.

    Raises:
        NotText: They are not text in that encoding, or no encoding has this name.
    """
    name = encoding_of(data[:HEAD], encoding)
    try:
        return data.decode(name).removeprefix("\ufeff")
    except UnicodeError:
        raise NotText(f"not {plain_encoding(name)} text") from None


def plain_encoding(name: str) -> str:
    """Give the name of an encoding as a user knows it: utf-8, not utf-8-sig."""
    return name.removesuffix("-sig")


@contextmanager
def open_text(
    path: Path, encoding: str = "", *, newline: str | None = None, errors: str = "strict"
) -> Iterator[IO[str]]:
    """Open a file as text, decoded as `decode` does, line by line without loading it.

    Lines may end in LF, CR LF or CR. A file that holds none of these is read whole, and NEL and
    Unicode's separators end its lines.

    Args:
        path: The file.
        encoding: What the user named; empty for none.
        newline: None gives LF for every line end; "" leaves line ends as they are.
        errors: "strict", or "surrogateescape" where a reader judges each line by itself.

    Raises:
        NotText: Something that is read is not text in that encoding.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    name = encoding_of(head, encoding)
    try:
        with path.open(encoding=name, newline=newline, errors=errors) as text:
            yield _with_known_ends(path, text, head, name)
    except UnicodeError:
        raise NotText(f"not {plain_encoding(name)} text") from None


def _with_known_ends(path: Path, text: IO[str], head: bytes, name: str) -> IO[str]:
    # A file of one line has no line end either: only one with a rare end is read whole.
    start = head.decode(name, "ignore")
    rare = any(chr(end) in start for end in _RARE_ENDS)
    if not rare or "\n" in start or "\r" in start or path.stat().st_size > _MAX_REWRITTEN:
        return text
    return io.StringIO(text.read().translate(_RARE_ENDS))


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
