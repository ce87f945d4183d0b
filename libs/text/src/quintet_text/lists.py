"""Cells of a table that hold several names."""

import ast
import json
import re
from typing import Final

MAX_CELL: Final = 10_000
"""Characters of a cell that is read as a list; a longer one is one name."""
_EMPTY: Final = frozenset(("", "[]", "()", "{}", "set()", "frozenset()", "['']", '[""]'))
# Words for "no value". Only where no name is meant: there are artists called Null and Unknown.
_PLACEHOLDERS: Final = frozenset(
    ("none", "null", "nan", "n/a", "na", "<na>", "-", "unknown", "#n/a", "\\n")
)
# NumPy prints an array without commas, which Python would read as one text: ['rock' 'pop'].
_NUMPY: Final = re.compile(r"""\[\s*(?:'[^']*'|"[^"]*")(?:\s+(?:'[^']*'|"[^"]*"))+\s*\]""")
_QUOTED: Final = re.compile(r"""'([^']*)'|"([^"]*)\"""")
_BRACKETS: Final = {"[": "]", "(": ")", "{": "}"}


def is_empty_list(text: str, placeholders: bool = True) -> bool:
    """Return whether text means "no value", such as `[]`, `set()` or, as a placeholder, `NaN`."""
    plain = text.strip().casefold()
    return plain in _EMPTY or (placeholders and plain in _PLACEHOLDERS)


def split_list(text: str, separators: str = ";", placeholders: bool = True) -> list[str]:
    """Split a cell into names.

    Reads lists, tuples and sets as Python, NumPy or JSON write them (`['pop', "R&B"]`), objects
    with a name, and names separated by one of the separators. Only the first separator that
    occurs counts, so that "Earth, Wind & Fire; Adele" stays two names where both ";" and "," may
    separate.

    Args:
        text: The cell.
        separators: Characters that may separate names in this column, the surest first.
        placeholders: Whether words such as "NaN" and "unknown" stand for no name.

    Returns:
        Names without blanks around, none empty, in their order.
    """
    stripped = text.strip()
    if is_empty_list(stripped, placeholders):
        return []
    names = _literal(stripped)
    if names is None:
        separator = next((sign for sign in separators if sign in stripped), None)
        if separator and _BRACKETS.get(stripped[0]) == stripped[-1]:
            stripped = stripped[1:-1]  # a list without quotes: [pop, rock]
        names = stripped.split(separator) if separator else [stripped]
    return [name.strip() for name in names if not is_empty_list(name, placeholders)]


def single_name(text: str) -> str:
    """Read a cell with one name: where it is an object such as {"id": …, "name": …}, its name.

    Tables made of a web API's answers have whole objects in cells, as JSON or as Python prints
    them. Any other text, such as the title "{x}", stays as it is.
    """
    stripped = text.strip()
    if not stripped.startswith("{"):
        return text
    names = _literal(stripped)
    # A set of one text, {"x"}, is not an object: only those have a colon.
    return names[0] if names and len(names) == 1 and ":" in stripped else text


def _literal(text: str) -> list[str] | None:
    """Read a list as Python, NumPy or JSON write it; None for any other text."""
    if _BRACKETS.get(text[0]) != text[-1] or len(text) > MAX_CELL:
        return None
    if _NUMPY.fullmatch(text):
        return [single or double for single, double in _QUOTED.findall(text)]
    try:
        value = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list | tuple):
        return None
    names = [_name_of(each) for each in value if each is not None]
    return None if any(name is None for name in names) else [name for name in names if name]


def _name_of(value: object) -> str | None:
    """Give a text, or the name of an object such as {"id": …, "name": …}; None for others."""
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) else None
