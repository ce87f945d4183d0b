"""Byte ranges of HTTP (RFC 9110, section 14), one range in a request."""

import re
from dataclasses import dataclass
from typing import Final

from quintet_servicekit.errors import InvalidInput, Reason

MOST_BYTES: Final = 1024 * 1024
"""Bytes of one partial answer, some 25 s of MP3; a player asks for the next part when it needs it.

An answer without a bound would be open for as long as the song plays, and a browser that has enough
stops reading, which the gateway takes for a client that is gone.
"""
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """Bytes from `start` to before `stop`."""

    start: int
    stop: int

    def of(self, size: int) -> str:
        """Write the Content-Range of an answer."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


def asked_span(header: str | None, size: int) -> Span | None:
    """Read a Range header; None for the whole file.

    Several ranges, other units and malformed ranges are ignored, which the standard allows.

    Raises:
        InvalidInput: The range begins after the end of the file.
    """
    match = _RANGE.match((header or "").replace(" ", ""))
    first, last = match.groups() if match else ("", "")
    if not first and not last:
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise InvalidInput(
            Reason.RANGE_UNSATISFIABLE,
            f"The range begins after the last byte; the file has {size} bytes.",
            field="Range",
            metadata={"content_range": f"bytes */{size}"},
        )
    return Span(start, min(end, start + MOST_BYTES))


def bounded_range(header: str | None) -> str | None:
    """Bound a Range header that is passed on to a server whose file sizes are unknown here."""
    match = _RANGE.match((header or "").replace(" ", ""))
    if match is None or not match[1]:
        # The last bytes: few, or as many as the caller bears to get at once.
        return header if match and match[2] and int(match[2]) <= MOST_BYTES else None
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return None
    end = min(int(match[2]), start + MOST_BYTES - 1) if match[2] else start + MOST_BYTES - 1
    return f"bytes={start}-{end}"


def is_still(if_range: str | None, etag: str, modified: str) -> bool:
    """Check an If-Range header: whether the caller's first part is of the file as it is now.

    Compared strongly (RFC 9110, section 13.1.5): a weak tag never matches.
    """
    return if_range is None or if_range.strip() in (etag, modified)
