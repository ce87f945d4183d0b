r"""What ids, names and addresses of music look like, as patterns that every reader reads alike.

JSON Schema and OpenAPI state these patterns, and Python checks them. Programs that read patterns
differ in what \s, \w and \p{…} contain and have no common flag for capitals, so classes of
characters are written out.
"""

import re
from typing import Final

MAX_ID: Final = 128
"""Characters of an id in a catalogue."""
BLANKS: Final = r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""Members of a class: blanks. With white space among `CONTROLS`, `str.strip` removes these."""
CONTROLS: Final = r"\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Members of a class: control characters, ends of lines, and marks of the direction of writing."""
NAME_PATTERN: Final = f"^[{BLANKS}]*[^{BLANKS}{CONTROLS}][^{CONTROLS}]*$"
"""Names a track, an artist or a genre in a request: no control character, and not only blanks."""
ID_PATTERN: Final = (
    r"^[^\u0021-\u002c/\u003b-\u0040\u005b-\u005e`\u007b-\u007d"
    f"{BLANKS}{CONTROLS}]{{1,{MAX_ID}}}$"
)
"""An id in a list separated by commas: letters and digits of any script and . _ ~ : -"""
# The comma separates addresses of a list.
_REST: Final = rf"[^,{BLANKS}{CONTROLS}]*"
_NAME: Final = re.compile(NAME_PATTERN)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def is_name(text: str) -> bool:
    """Return whether a text fits `NAME_PATTERN` and can be written as UTF-8."""
    return _NAME.fullmatch(text) is not None and _SURROGATE.search(text) is None


def is_storable(text: str) -> bool:
    """Return whether every database can hold a text: no NUL character, and UTF-8."""
    return "\0" not in text and _SURROGATE.search(text) is None


def address_pattern(kind: str) -> str:
    """Build a pattern of the URIs and web addresses of one kind, such as "track".

    The id is the first group of a URI and the second of a web address. Neither ^ nor $ is in it.
    """
    name, base62 = _any_case(kind), f"([0-9A-Za-z]{{1,{MAX_ID}}})"
    user = f"(?:{_any_case('user:')}[^:,{BLANKS}{CONTROLS}]+:)?"
    spotify = _any_case("spotify")
    host = f"(?:{_any_case('open')}|{_any_case('play')})[.]{spotify}[.]{_any_case('com')}"
    folder = f"(?:{_any_case('intl')}-[A-Za-z-]+/)?(?:{_any_case('embed')}/)?"
    return (
        f"(?:{spotify}:{user}{name}:{base62}"
        f"|(?:{_any_case('http')}[Ss]?://)?{host}/{folder}{name}/{base62}/?(?:[?#]{_REST})?)"
    )


def _any_case(text: str) -> str:
    """Write a pattern of a text in small letters that capitals fit too."""
    return "".join(f"[{each.upper()}{each}]" if each.isalpha() else each for each in text)
