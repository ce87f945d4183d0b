"""Years of release: decades, years, ranges of them, and words such as "recent"."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from quintet_contract.limits import MAX_YEAR, MIN_YEAR

from quintet_prompts.lexicon import Lexicon
from quintet_prompts.parts import Part, Problem
from quintet_prompts.tokens import Token

_RECENT_YEARS: Final = 2
_FIRST_PLAIN: Final = 1900
"""Numbers from here on count as a year without a word beside them."""
_PARTS_OF_DECADE: Final = {"early": (0, 3), "mid": (4, 6), "late": (7, 9)}
Span = tuple[int | None, int | None]


class Years:
    """Reads years of a list of tokens.

    Args:
        words: The lexicon.
        tokens: The tokens of the text.
        this_year: The year of today, for "recent" and for decades written with two digits.
    """

    def __init__(self, words: Lexicon, tokens: Sequence[Token], this_year: int) -> None:
        self._words = words
        self._tokens = tokens
        self._this_year = this_year

    def at(self, place: int) -> tuple[int, Part] | None:
        """Read years at a place; None if there are none."""
        found = (
            self._bounded_decade(place)
            or self._decades(place)
            or self._bounded(place)
            or self._recent(place)
        )
        if found is None:
            return None
        end, (first, last) = found
        filters = {"min_year": first, "max_year": last}
        known = {name: year for name, year in filters.items() if year is not None}
        in_range = all(MIN_YEAR <= year <= MAX_YEAR for year in known.values())
        start, after = self._tokens[place].start, self._tokens[end - 1].end
        problem = None if in_range else Problem.OUT_OF_RANGE
        return end, Part("years", start, after, {"filters": known}, problem)

    def _decades(self, place: int) -> tuple[int, Span] | None:
        """Read one decade, or several that follow each other: "80s and 90s"."""
        start = self._end("before_decade", place)
        found = self._decade(place if start is None else start) or self._decade(place)
        if found is None:
            return None
        end, (first, last) = found
        if (through := self._through(end)) is not None:
            return through[0], (first, through[1])
        while (more := self._next_decade(end)) is not None:
            low, high = more[1]
            # A gap between the two cannot be one range: the second is read as another part.
            if low > last + 1 or high < first - 1:
                break
            end, first, last = more[0], min(first, low), max(last, high)
        return self._beside(start, end, (first, last))

    def _through(self, place: int) -> tuple[int, int] | None:
        """Read the end of a range of decades: "to the 90s", "부터 90년대까지"."""
        between = self._words.tables["bounds.range_between"].at(self._tokens, place)
        if between is None or self._tokens[place].word == "and":
            return None
        at = between.end
        found = self._decade(at + 1 if self._word(at) == "the" else at)
        if found is None:
            return None
        after = self._words.tables["bounds.range_after"].at(self._tokens, found[0])
        return (found[0] if after is None else after.end), found[1][1]

    def _beside(self, start: int | None, end: int, span: tuple[int, int]) -> tuple[int, Span]:
        """Read "before" and "since" with a decade: "before the 90s", "90년대 이전"."""
        first, last = span
        if start is None and self._tokens[end - 1].is_korean:
            if (after := self._end("since_year", end)) is not None:
                return after, (first, None)
            if (after := self._end("before_year", end)) is not None:
                # "90년대까지" includes the decade, "90년대 이전" does not.
                is_included = self._word(end) == "까지"
                return after, (None, last if is_included else first - 1)
        return end, (first, last)

    def _bounded_decade(self, place: int) -> tuple[int, Span] | None:
        """Read "before the 90s", "since the 80s" and "after the 70s"."""
        for name, span_of in _DECADE_BOUNDS.items():
            at = self._end(name, place)
            # "From the 80s" is the decade alone.
            if at is None or (name == "since_year" and self._word(place) != "since"):
                continue
            found = self._decade(at + 1 if self._word(at) == "the" else at)
            if found is not None:
                return found[0], span_of(*found[1])
        return None

    def _word(self, place: int) -> str:
        return self._tokens[place].word if place < len(self._tokens) else ""

    def _next_decade(self, place: int) -> tuple[int, tuple[int, int]] | None:
        words = [token.word for token in self._tokens[place : place + 3]]
        for size in (3, 2, 1):
            joined = all(word in _JOINING for word in words[:size])
            if len(words) >= size and joined and (found := self._decade(place + size)):
                return found
        return None

    def _decade(self, place: int) -> tuple[int, tuple[int, int]] | None:
        part, at = self._part_of_decade(place)
        found = self._words.decades.at(self._tokens, at)
        if found is not None:
            end, decade = found.end, found.value
            korean = self._end("decade", end)
            if self._tokens[at].is_korean and korean is None:
                return None
            end = korean or end
        else:
            digits = self._decade_in_digits(at)
            if digits is None:
                return None
            end, decade = digits
        if not part:
            part, end = self._part_of_decade(end)
        low, high = _PARTS_OF_DECADE.get(part, (0, 9))
        return end, (decade + low, decade + high)

    def _part_of_decade(self, place: int) -> tuple[str, int]:
        for name in _PARTS_OF_DECADE:
            if (end := self._end(name, place)) is not None:
                return name, end
        return "", place

    def _decade_in_digits(self, place: int) -> tuple[int, int] | None:
        two = self._tokens[place : place + 2]
        if len(two) < 2 or not two[0].is_number or two[0].end != two[1].start:
            return None
        end = place + 2 if two[1].word == "s" else self._end("decade", place + 1)
        number, size = int(two[0].word[:4]), len(two[0].word)
        if end is None or number % 10 or size not in (2, 4):
            return None
        if size == 4:
            return end, number
        return end, number + (2000 if 2000 + number <= self._this_year else 1900)

    def _bounded(self, place: int) -> tuple[int, Span] | None:
        """Read a year with the word that says before, after or in, or a range of years."""
        for name, span in _BOUNDS.items():
            start = self._end(name, place)
            if start is not None and (found := self._year(start)) is not None:
                end, year = found
                second = self._range_end(end)
                if second is not None and name in ("in_year", "between_years", "since_year"):
                    return second[0], (year, second[1])
                if name == "between_years":
                    continue
                return end, span(year)
        found = self._year(place)
        if found is None:
            return None
        end, year = found
        if (second := self._range_end(end)) is not None:
            return second[0], (year, second[1])
        korean = self._end("since_year", end), self._end("before_year", end)
        if self._tokens[end - 1].is_korean and korean[0] is not None:
            return korean[0], (year, None)
        if self._tokens[end - 1].is_korean and korean[1] is not None:
            return korean[1], (None, year)
        is_sure = self._tokens[end - 1].is_korean or year >= _FIRST_PLAIN
        return (end, (year, year)) if is_sure else None

    def _range_end(self, place: int) -> tuple[int, int] | None:
        found = self._words.tables["bounds.range_between"].at(self._tokens, place)
        year = None if found is None else self._year(found.end)
        if year is None:
            return None
        after = self._words.tables["bounds.range_after"].at(self._tokens, year[0])
        return (year[0] if after is None else after.end), year[1]

    def _year(self, place: int) -> tuple[int, int] | None:
        token = self._tokens[place] if place < len(self._tokens) else None
        if token is None or not token.is_number or len(token.word) != 4:
            return None
        year = int(token.word)
        if not MIN_YEAR <= year <= MAX_YEAR:
            return None
        end = self._end("year", place + 1)
        return (place + 1 if end is None else end), year

    def _recent(self, place: int) -> tuple[int, Span] | None:
        end = self._end("recent", place)
        return None if end is None else (end, (self._this_year - _RECENT_YEARS, None))

    def _end(self, name: str, place: int) -> int | None:
        found = self._words.tables[f"years.{name}"].at(self._tokens, place)
        return None if found is None else found.end


_JOINING: Final = frozenset(
    ("and", "or", ",", "&", "-", "–", "the", "이나", "나", "와", "과", "랑", "하고", "또는", "~")
)
_DECADE_BOUNDS: Final[Mapping[str, Callable[[int, int], Span]]] = {
    "after_year": lambda _first, last: (last + 1, None),
    "before_year": lambda first, _last: (None, first - 1),
    "until_year": lambda _first, last: (None, last),
    "since_year": lambda first, _last: (first, None),
}
_BOUNDS: Final[Mapping[str, Callable[[int], Span]]] = {
    "between_years": lambda year: (year, year),
    "after_year": lambda year: (year + 1, None),
    "before_year": lambda year: (None, year - 1),
    "until_year": lambda year: (None, year),
    "in_year": lambda year: (year, year),
    "since_year": lambda year: (year, None),
}
