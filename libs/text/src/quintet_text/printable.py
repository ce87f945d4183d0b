"""Text of strangers on a terminal and in a log line."""

import re
import unicodedata
from typing import Final

# Control characters, and format characters that reorder or hide the text beside them.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def printable(text: str, most: int = 0) -> str:
    """Give text that a terminal shows and does not obey.

    Each control character, the escape that begins a terminal's commands among them, becomes
    U+FFFD; tabs and line feeds become spaces; halves of surrogate pairs become U+FFFD.

    Args:
        text: A title, a path, a message: anything that came from outside.
        most: Characters kept; the rest is cut and "…" added. 0 keeps all.
    """
    shown = _UNSAFE.sub(lambda found: " " if found.group() in "\t\n\r" else "\ufffd", text)
    shown = "".join("\ufffd" if unicodedata.category(c) == "Cs" else c for c in shown)
    return shown[: most - 1] + "…" if most and len(shown) > most else shown


def json_escaped(text: str) -> str:
    """Escape the characters of a JSON text that a terminal would obey; its meaning stays.

    Args:
        text: JSON; line feeds and blanks between values stay.
    """
    return _UNSAFE.sub(
        lambda sign: "\n" if sign.group() == "\n" else f"\\u{ord(sign.group()):04x}", text
    )
