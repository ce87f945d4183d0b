"""The query's syntax: free text and field filters; no text is ever an error."""

import re
from dataclasses import dataclass
from typing import Final

_FILTER: Final = re.compile(
    r'(?:(?<=\s)|^)(artist|album|track|genre|year|isrc):(?:"([^"]*)"?|(\S*))', re.IGNORECASE
)
_YEARS: Final = re.compile(r"(\d{4})(?:-(\d{4})?)?\Z", re.ASCII)
_YEAR_BEGUN: Final = re.compile(r"\d{0,3}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """A condition on one field.

    Attributes:
        field: artist, album, track, genre or isrc.
        value: The text looked for, never blank.
        quoted: Whether it stood in quotes, so that its last word is whole.
    """

    field: str
    value: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query taken apart.

    Attributes:
        text: What is left for free text.
        filters: All of them must hold.
        years: First and last year, or None.
    """

    text: str = ""
    filters: tuple[FieldFilter, ...] = ()
    years: tuple[int, int] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not self.text and not self.filters and self.years is None


def parse(query: str) -> ParsedQuery:
    """Takes a query apart; what is not a well-formed filter is free text.

    A filter without a value, and a year with fewer than four digits, are still being typed and
    do not count.
    """
    filters: list[FieldFilter] = []
    years: tuple[int, int] | None = None
    text: list[str] = []
    end = 0
    for found in _FILTER.finditer(query):
        text.append(query[end : found.start()])
        end = found.end()
        name, quoted, bare = found.group(1).lower(), found.group(2), found.group(3)
        value = (bare if quoted is None else quoted).strip()
        if name == "year":
            if (span := _years(value)) is not None:
                years = span
            elif not _YEAR_BEGUN.match(value):
                text.append(found.group())
        elif value:
            filters.append(FieldFilter(name, value, quoted is not None))
    text.append(query[end:])
    return ParsedQuery(" ".join(" ".join(text).split()), tuple(filters), years)


def _years(value: str) -> tuple[int, int] | None:
    found = _YEARS.match(value)
    if found is None:
        return None
    first = int(found.group(1))
    last = int(found.group(2) or first)
    return min(first, last), max(first, last)
