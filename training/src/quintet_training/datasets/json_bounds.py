"""Bounds of a JSON document that is decoded at once, by whole arrays of bytes.

`quintet_text.bounded_json` follows a stream byte by byte; here the document is in memory, and
NumPy looks at all its bytes together, at about 200 MB a second.
"""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray
from quintet_text.bounded_json import Bounds

MOST_CONTAINERS: Final = 1_000_000
"""Arrays and objects of a document: some hundred bytes each once they are decoded."""
MOST_TEXTS: Final = 4_000_000
"""Texts of a document: bounds the memory of this check, and of what is decoded."""
# Begins with what precedes a number, so that digits in texts are not tried one by one.
_LONG_NUMBER: Final = re.compile(rb"[\s:,\[.-][0-9]{65}")
# Every 16th byte: of 65 digits in a row it takes at least 4.
_STEP, _SAMPLED = 16, 4
# "[" and "]" become "{" and "}" with this bit.
_CURLY: Final = 0x20


def within(data: bytes, bounds: Bounds) -> bool:
    """Check that a document may be decoded at once; false for a damaged one too, as a rule.

    Args:
        data: JSON in UTF-8.
        bounds: Depth, digits (64) and text are checked.
    """
    # Of the same length, without quotes and backslashes inside of texts.
    plain = data
    if b"\\" in data:
        plain = data.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    if plain.count(b'"') > 2 * MOST_TEXTS or _has_long_number(data):
        return False
    array = np.frombuffer(plain, np.uint8)
    quotes = np.flatnonzero(array == ord('"'))
    if len(quotes) < 2 or len(quotes) % 2:
        return False
    if (quotes[1::2] - quotes[::2]).max() > bounds.text:
        return False
    brackets = array | _CURLY
    opened = _outside(np.flatnonzero(brackets == ord("{")), quotes)
    if len(opened) > MOST_CONTAINERS:
        return False
    closed = _outside(np.flatnonzero(brackets == ord("}")), quotes)
    # When the n-th container opens, n + 1 less those closed before are open.
    depths = np.arange(1, len(opened) + 1) - np.searchsorted(closed, opened)
    return not len(depths) or int(depths.max()) <= bounds.depth


def _outside(places: NDArray[np.int64], quotes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keep the places that are not inside of texts."""
    outside = np.searchsorted(quotes, places) % 2 == 0
    return np.asarray(places[outside], np.int64)


def _has_long_number(data: bytes) -> bool:
    array = np.frombuffer(data, np.uint8)[::_STEP]
    # Unsigned: bytes below "0" become large.
    digit = (array - np.uint8(ord("0"))) < 10
    many = digit[_SAMPLED - 1 :].copy()
    for before in range(_SAMPLED - 1):
        many &= digit[before : before + len(many)]
    return bool(many.any()) and _LONG_NUMBER.search(data) is not None
