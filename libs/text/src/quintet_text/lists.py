"""Cells of a table that hold several names."""

import ast
import json
from typing import Final

MAX_CELL: Final = 10_000
"""Characters of a cell that is read as a list; a longer one is one name."""
_EMPTY: Final = frozenset(
    ("", "[]", "()", "{}", "set()", "none", "null", "nan", "n/a", "na", "<na>", "-", "unknown")
)
_BRACKETS: Final = {"[": "]", "(": ")", "{": "}"}


def is_empty_list(text: str) -> bool:
    """Return whether text means "no value", such as `[]`, `set()` or `NaN`."""
    return text.strip().casefold() in _EMPTY


def split_list(text: str, separators: str = ";") -> list[str]:
    """Split a cell into names.

    Reads lists, tuples and sets as Python or JSON write them (`['pop', "R&B"]`), and names
    separated by one of the separators. Only the first separator that occurs counts, so that
    "Earth, Wind & Fire; Adele" stays two names where both ";" and "," may separate.

    Args:
        text: The cell.
        separators: Characters that may separate names in this column, the surest first.

    Returns:
        Names without blanks around, none empty, in their order.
    """
    stripped = text.strip()
    if is_empty_list(stripped):
        return []
    names = _literal(stripped)
    if names is None:
        separator = next((sign for sign in separators if sign in stripped), None)
        names = stripped.split(separator) if separator else [stripped]
    return [name.strip() for name in names if not is_empty_list(name)]


def _literal(text: str) -> list[str] | None:
    """Read a list as Python or JSON write it; None for any other text."""
    if _BRACKETS.get(text[0]) != text[-1] or len(text) > MAX_CELL:
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        return None
    return list(value)
