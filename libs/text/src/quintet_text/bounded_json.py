"""JSON from outside, within bounds: a small file must not take the memory or the stack.

The standard decoder recurses once a level and reads a number of a million digits; streaming
decoders keep every open level. So the text is scanned first, in time linear in its length.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from quintet_text.decoding import HEAD, NotText, decode, encoding_of

CHUNK: Final = 1 << 16
_MAX_SHOWN: Final = 1000
# How Python keeps a byte that is no text, with the errors "surrogateescape" (PEP 383).
_NOT_TEXT: Final = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class Bounds:
    """How large JSON may be.

    Attributes:
        depth: Levels of arrays and objects inside each other.
        digits: Characters of one number; a 64-bit float needs at most 25.
        total: Bytes in all.
        text: Bytes of one string.
        containers: Arrays and objects in all: two bytes of text become some hundred of memory.
    """

    depth: int = 64
    digits: int = 64
    total: int = 64 * 1024**2
    text: int = 1024**2
    containers: int = 2**62


class JsonRefused(ValueError):
    """JSON is damaged or beyond its bounds; the message says which bound, in one line.

    Attributes:
        text: The beginning of the line that was rejected; empty where no line was read.
    """

    text = ""


class _Scanner:
    """Follows strings and levels through chunks of JSON, and raises where a bound is passed."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._depth = 0
        self._containers = 0
        self._total = 0
        self._in_string = False
        self._escaped = False
        self._length = 0
        self._digits = 0

    def feed(self, data: bytes) -> None:
        """Scan the next chunk; a chunk may end anywhere.

        Raises:
            JsonRefused: A bound is passed.
        """
        bounds = self._bounds
        self._total += len(data)
        if self._total > bounds.total:
            raise JsonRefused(f"more than {bounds.total:,} bytes of JSON")
        place = 0
        while place < len(data):
            place = self._string(data, place) if self._in_string else self._structure(data, place)

    def _string(self, data: bytes, place: int) -> int:
        start = place
        if self._escaped:
            self._escaped = False
            place += 1
        while True:
            quote, slash = data.find(b'"', place), data.find(b"\\", place)
            if slash != -1 and (quote == -1 or slash < quote):
                if slash + 1 >= len(data):
                    self._escaped = True
                    place = len(data)
                    break
                place = slash + 2
                continue
            if quote == -1:
                place = len(data)
            else:
                place = quote + 1
                self._in_string = False
            break
        self._length += place - start
        if self._length > self._bounds.text:
            raise JsonRefused(f"a text of more than {self._bounds.text:,} bytes")
        return place

    def _structure(self, data: bytes, place: int) -> int:
        quote = data.find(b'"', place)
        end = len(data) if quote == -1 else quote
        # A number that began in the chunk before goes on here.
        start = data[place : min(end, place + self._bounds.digits + 1)]
        head = len(start) - len(start.lstrip(_NUMBER_SIGNS))
        if self._digits + head > self._bounds.digits:
            raise JsonRefused(f"a number of more than {self._bounds.digits} digits")
        for found in _STRUCTURE.finditer(data, place, end):
            token = found.group()
            if token in b"[{":
                self._depth += 1
                self._containers += 1
                if self._containers > self._bounds.containers:
                    raise JsonRefused(f"more than {self._bounds.containers:,} arrays and objects")
                if self._depth > self._bounds.depth:
                    raise JsonRefused(f"more than {self._bounds.depth} levels of JSON")
            elif token in b"]}":
                self._depth -= 1
            elif len(token) > self._bounds.digits:
                raise JsonRefused(f"a number of more than {self._bounds.digits} digits")
        if quote == -1:
            last = data[max(place, end - self._bounds.digits - 1) : end]
            tail = len(last) - len(last.rstrip(_NUMBER_SIGNS))
            self._digits = self._digits + tail if tail == end - place else tail
            return end
        self._digits = 0
        self._in_string, self._length = True, 0
        return quote + 1


_NUMBER_SIGNS: Final = b"-+0123456789.eE"
_STRUCTURE: Final = re.compile(rb"[\[{\]}]|[-+0-9.eE]{17,}")


class BoundedStream:
    """A binary stream that raises `JsonRefused` as soon as its JSON passes a bound.

    For decoders that read a stream, such as ijson. A byte-order mark is dropped, and text in
    UTF-16 or UTF-32 is read as what it says.
    """

    def __init__(self, stream: IO[bytes], bounds: Bounds, encoding: str = "") -> None:
        self._stream = stream
        self._encoding = encoding
        self._scanner = _Scanner(bounds)
        self._bounds = bounds
        self._rest = b""
        self._begun = False

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes that are within the bounds; all of them if it is negative.

        Raises:
            JsonRefused: A bound is passed.
        """
        if not self._begun:
            self._begin()
        if size == 0:
            return b""
        wanted = self._bounds.total + 1 if size < 0 else size
        data = self._rest[:wanted]
        self._rest = self._rest[wanted:]
        if len(data) < wanted and (size < 0 or not data):
            data += self._stream.read(wanted - len(data))
        self._scanner.feed(data)
        return data

    def tell(self) -> int:
        """Give how many bytes of the file have been read."""
        return self._stream.tell()

    def _begin(self) -> None:
        self._begun = True
        head = self._stream.read(HEAD)
        name = encoding_of(head, self._encoding)
        if name in ("utf-8", "utf-8-sig"):
            self._rest = head.removeprefix(b"\xef\xbb\xbf")
            return
        data = head + self._stream.read(self._bounds.total + 1)
        if len(data) > self._bounds.total:
            raise JsonRefused(f"more than {self._bounds.total:,} bytes of JSON")
        try:
            self._rest = decode(data, self._encoding).encode("utf-8", "surrogatepass")
        except NotText as fault:
            raise JsonRefused(str(fault)) from fault


def loads(data: bytes | str, bounds: Bounds | None = None) -> Any:
    """Decode one JSON value within bounds; a byte-order mark does not matter.

    Raises:
        JsonRefused: It is damaged, or beyond a bound.
    """
    bounds = bounds or Bounds()
    if len(data) > bounds.total:
        raise JsonRefused(f"more than {bounds.total:,} bytes of JSON")
    try:
        text = data.removeprefix("\ufeff") if isinstance(data, str) else decode(data)
        _Scanner(bounds).feed(text.encode("utf-8", "surrogatepass"))
        return json.loads(text)
    except JsonRefused:
        raise
    except NotText as fault:
        raise JsonRefused(str(fault)) from fault
    except (ValueError, RecursionError) as fault:
        raise JsonRefused("not well-formed JSON") from fault


def json_lines(lines: IO[str], bounds: Bounds) -> Iterator[tuple[int, Any | JsonRefused]]:
    """Decode JSON lines one by one; a damaged line does not end the reading.

    Args:
        lines: From `decoding.open_text`, which knows line ends and encodings; with the errors
            "surrogateescape", bytes that are no text damage their own line only.
        bounds: `total` bounds one line here, in characters.

    Yields:
        The number of the line from 1, and its value or why it was rejected. Blank lines count
        but are not yielded.
    """
    number = 0
    while raw := lines.readline(bounds.total + 1):
        number += 1
        if len(raw) > bounds.total and not raw.endswith("\n"):
            while (rest := lines.readline(CHUNK)) and not rest.endswith("\n"):
                pass
            yield number, _at(JsonRefused(f"longer than {bounds.total:,} characters"), raw)
        elif raw.strip():
            yield number, _line(raw, bounds)


def _line(raw: str, bounds: Bounds) -> Any | JsonRefused:
    try:
        if _NOT_TEXT.search(raw):
            raise JsonRefused("not text in the encoding of the file")
        return loads(raw, bounds)
    except JsonRefused as fault:
        return _at(fault, raw)


def _at(fault: JsonRefused, line: str) -> JsonRefused:
    fault.text = line[:_MAX_SHOWN]
    return fault
