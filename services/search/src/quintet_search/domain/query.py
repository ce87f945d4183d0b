"""Parse search queries: free text and field filters. No text is an error."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from quintet_contract.patterns import SPOTIFY_TRACK_PATTERN, fits
from quintet_text.track_ids import id_of, is_address, readings_of

# At the start or after a space; a quotation that is not closed yet reaches to the end.
_FILTER: Final = re.compile(
    r'(?:(?<=\s)|^)(artist|album|track|genre|year|isrc):(?:"([^"]*)"?|(\S*))', re.IGNORECASE
)
# 1980, 1980-1989, or 1980- while the second year is being typed.
_YEARS: Final = re.compile(r"(\d{4})(?:-(\d{4})?)?\Z", re.ASCII)
_YEAR_BEGUN: Final = re.compile(r"\d{0,3}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """A condition on one field.

    Attributes:
        field: artist, album, track, genre or isrc.
        value: The text to search for, never blank.
        quoted: Whether it was in quotes, so that its last word is complete.
    """

    field: str
    value: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A parsed query.

    Attributes:
        text: The free text without filters.
        filters: Conditions that must all hold.
        years: First and last year, or None.
    """

    text: str = ""
    filters: tuple[FieldFilter, ...] = ()
    years: tuple[int, int] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the query contains neither text nor filters."""
        return not self.text and not self.filters and self.years is None


def parse(query: str) -> ParsedQuery:
    """Parse a query; text that is not a well-formed filter is free text.

    A filter without a value, or a year with fewer than four digits, is ignored: the listener is
    still typing it.
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


def named(kind: str, query: str, known: Callable[[str], bool] = lambda _id: False) -> str:
    """Read the id that a whole query names by a link, a URI or the id itself.

    Args:
        kind: "track" or "artist".
        query: The query, without blanks around.
        known: Whether the catalogue has an id; an id without an address is searched as text else.

    Returns:
        The id; "" for a text to search, and for an address of another kind.
    """
    if is_address(query):
        found = id_of(kind, query)
        return found if found != query else ""
    # A word may look like an id, so the catalogue has to know it.
    looks = fits(SPOTIFY_TRACK_PATTERN, query) or any(readings_of(query)) or ":" in query
    return query if looks and known(query) else ""


def _years(value: str) -> tuple[int, int] | None:
    found = _YEARS.match(value)
    if found is None:
        return None
    first = int(found.group(1))
    last = int(found.group(2) or first)
    # 1989-1980 means the same as 1980-1989.
    return min(first, last), max(first, last)
