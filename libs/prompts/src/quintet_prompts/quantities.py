"""Numbers with a unit: lengths, tempos and counts, with bounds in words of both languages."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from quintet_contract.attributes import RANGES
from quintet_contract.limits import MAX_LIMIT

from quintet_prompts.lexicon import Lexicon
from quintet_prompts.parts import Part, Piece, Problem
from quintet_prompts.tokens import Token

_BOUNDS_BEFORE: Final = ("max", "min", "about", "range")
_MOST_WORDS: Final = 4
"""Words between a number and the noun that it counts: ten very calm songs."""
_MOST_DIGITS: Final = 9


class Amount(NamedTuple):
    """A number with a unit: the place after it, its value and its unit; "" for none."""

    end: int
    value: float
    unit: str


class Quantities:
    """Reads quantities of a list of tokens.

    Args:
        words: The lexicon.
        tokens: The tokens of the text.
    """

    def __init__(self, words: Lexicon, tokens: Sequence[Token]) -> None:
        self._words = words
        self._tokens = tokens

    def at(self, place: int) -> tuple[int, Part] | None:
        """Read a length or a tempo, with its bound, at a place; None if there is none."""
        for bound in _BOUNDS_BEFORE:
            start = self._end("bounds", f"{bound}_before", place)
            if start is None:
                continue
            prefix = self._end("units", "tempo_before", start)
            if read := self._bounded(place, start if prefix is None else prefix, bound, prefix):
                return read
        prefix = self._end("units", "tempo_before", place)
        if prefix is None:
            return self._bounded(place, place, "", None)
        for bound in ("max", "min", "about", "range"):
            start = self._end("bounds", f"{bound}_before", prefix)
            if start is not None and (read := self._bounded(place, start, bound, prefix)):
                return read
        return self._bounded(place, prefix, "", prefix)

    def number(self, place: int) -> Amount | None:
        """Read a number in digits or words."""
        if place >= len(self._tokens):
            return None
        token = self._tokens[place]
        if token.is_number:
            return self._digits(place)
        found = self._words.numbers.at(self._tokens, place)
        if found is None and token.word == "a":
            # "a dozen", "a hundred"
            found = self._words.numbers.at(self._tokens, place + 1)
        return None if found is None else Amount(found.end, float(found.value), "")

    def count(self, place: int) -> tuple[int, int, Part] | None:
        """Read how many tracks are wanted: the ends of number and noun, and the part.

        The words between the two are read on their own: "ten very calm songs".
        """
        start = place
        for bound in ("max", "min", "about"):
            if (after := self._end("bounds", f"{bound}_before", place)) is not None:
                start = after
                break
        amount = self.number(start)
        if amount is None:
            return None
        for at in range(amount.end, min(amount.end + _MOST_WORDS, len(self._tokens))):
            if self._tokens[at].is_mark:
                break
            if (end := self._end("units", "count", at)) is not None:
                first = end if at == amount.end else amount.end
                for bound in ("max", "min", "about"):
                    first = self._end("bounds", f"{bound}_after", first) or first
                return first, end, self._limit(place, amount, first)
        return None

    def _limit(self, place: int, amount: Amount, last: int) -> Part:
        tokens = self._tokens
        in_range = 1 <= amount.value <= MAX_LIMIT
        return Part(
            "limit",
            tokens[place].start,
            tokens[last - 1].end,
            {"limit": int(amount.value)},
            None if in_range else Problem.OUT_OF_RANGE,
        )

    def _digits(self, place: int) -> Amount:
        tokens, end = self._tokens, place + 1
        text = tokens[place].word[:_MOST_DIGITS]
        # 3.5, written without spaces.
        after = tokens[end : end + 2]
        if len(after) == 2 and after[0].word == "." and after[1].is_number and _glued(tokens, end):
            return Amount(end + 2, float(f"{text}.{after[1].word[:3]}"), "")
        return Amount(end, float(text), "")

    def _amount(self, place: int, *, is_tempo: bool = False) -> Amount | None:
        """Read a number and its unit: "3:30", "4 minutes", "3분 30초", "120 bpm"."""
        number = self.number(place)
        if number is None:
            return None
        if clock := self._clock(place):
            return clock
        minutes = self._minutes(number)
        if minutes is not None:
            return minutes
        if (end := self._end("units", "seconds", number.end)) is not None:
            return Amount(end, number.value * 1000, "duration_ms")
        if (end := self._end("units", "bpm", number.end)) is not None or is_tempo:
            return Amount(number.end if end is None else end, number.value, "tempo")
        return number

    def _clock(self, place: int) -> Amount | None:
        three = self._tokens[place : place + 3]
        if (
            len(three) < 3
            or three[1].word != ":"
            or not (three[0].is_number and three[2].is_number)
        ):
            return None
        minutes, seconds = int(three[0].word[:4]), int(three[2].word[:4])
        if len(three[2].word) != 2 or seconds > 59:
            return None
        end = self._end("units", "minutes", place + 3) or place + 3
        return Amount(end, (minutes * 60 + seconds) * 1000.0, "duration_ms")

    def _minutes(self, number: Amount) -> Amount | None:
        tokens, value, place = self._tokens, number.value, number.end
        # "four and a half minutes"
        words = [token.word for token in tokens[place : place + 3]]
        if words == ["and", "a", "half"]:
            value, place = value + 0.5, place + 3
        end = self._end("units", "minutes", place)
        if end is None:
            return None
        if (half := self._end("units", "half", end)) is not None:
            return Amount(half, (value + 0.5) * 60_000, "duration_ms")
        if [token.word for token in tokens[end : end + 3]] == ["and", "a", "half"]:
            return Amount(end + 3, (value + 0.5) * 60_000, "duration_ms")
        more = end + 1 if end < len(tokens) and tokens[end].word == "and" else end
        seconds = self.number(more)
        if seconds is not None:
            after = self._end("units", "seconds", seconds.end)
            if after is not None:
                return Amount(after, value * 60_000 + seconds.value * 1000, "duration_ms")
        return Amount(end, value * 60_000, "duration_ms")

    def _bounded(
        self, first: int, place: int, bound: str, prefix: int | None
    ) -> tuple[int, Part] | None:
        """Read an amount at a place as a part that begins at an earlier token."""
        low = self._amount(place, is_tempo=prefix is not None)
        if low is None:
            return None
        if (high := self._second(low)) is not None:
            unit = high.unit or low.unit
            if unit:
                # "2 to 3 minutes": the unit is written once.
                factor = 60_000 if unit == "duration_ms" and not low.unit else 1
                ends = sorted((low.value * factor, high.value))
                end = self._after(high.end)
                return end, self._part(first, end, unit, {"min": ends[0], "max": ends[1]})
        if not low.unit or bound == "range":
            return None
        if low.unit == "duration_ms" and self._end("units", "whole_list", low.end) is not None:
            # "An hour of music" is the length of the list, which no query can say.
            return None
        end = low.end
        if not bound:
            bound, end = self._bound_after(low.end)
        end = self._after(end)
        if bound in ("max", "min"):
            return end, self._part(first, end, low.unit, {bound: low.value})
        return end, self._part(first, end, low.unit, {"target": low.value})

    def _bound_after(self, place: int) -> tuple[str, int]:
        """Read the bound after an amount, and after its particle: "4분을 넘지 않는"."""
        is_particle = (
            place < len(self._tokens) and self._tokens[place].word in self._words.particles
        )
        for at in (place, place + 1) if is_particle else (place,):
            for name in ("max", "min", "about"):
                if (after := self._end("bounds", f"{name}_after", at)) is not None:
                    return name, after
        return "", place

    def _second(self, low: Amount) -> Amount | None:
        """Read the second number of a range: "to 5 minutes", "에서 5분 사이"."""
        place = self._end("bounds", "range_between", low.end)
        high = None if place is None else self._amount(place, is_tempo=low.unit == "tempo")
        if high is None:
            return None
        end = self._end("bounds", "range_after", high.end)
        return high if end is None else high._replace(end=end)

    def _after(self, place: int) -> int:
        """Skip words that say nothing more: "long", "each"."""
        end = self._end("bounds", "after", place)
        return place if end is None else end

    def _part(self, first: int, end: int, unit: str, values: dict[str, float]) -> Part:
        low, high = RANGES[unit]
        rounded = {name: round(value, 3) for name, value in values.items()}
        numbers = {name: int(v) if v == int(v) else v for name, v in rounded.items()}
        if "target" in numbers:
            piece: Piece = {"targets": {unit: numbers["target"]}}
        else:
            piece = {"filters": {f"{name}_{unit}": value for name, value in numbers.items()}}
        in_range = all(low <= value <= high for value in values.values())
        kind = "length" if unit == "duration_ms" else "tempo"
        start, last = self._tokens[first].start, self._tokens[end - 1].end
        return Part(kind, start, last, piece, None if in_range else Problem.OUT_OF_RANGE)

    def _end(self, section: str, name: str, place: int) -> int | None:
        found = self._words.tables[f"{section}.{name}"].at(self._tokens, place)
        return None if found is None else found.end


def _glued(tokens: Sequence[Token], place: int) -> bool:
    """Check that a mark has no space on either side."""
    return (
        tokens[place - 1].end == tokens[place].start
        and tokens[place].end == tokens[place + 1].start
    )
