"""Marks that distinguish two works with similar titles: numbers, parts, keys, versions."""

import re
from collections import Counter
from functools import lru_cache
from typing import Final

_ROMAN: Final = re.compile(r"m{0,3}(cm|cd|d?c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
_ROMAN_VALUES: Final = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
# Without a word before it, only these are numbers: "mi", "di" and "civic" are words.
_PLAIN_ROMAN: Final = re.compile(r"[ivx]{2,}")
# One letter is a number only after one of these; alone it is a word, as in "I Want You".
_COUNTED: Final = frozenset(
    [
        "part",
        "pt",
        "pts",
        "parts",
        "vol",
        "volume",
        "chapter",
        "act",
        "book",
        "no",
        "nr",
        "number",
        "suite",
        "movement",
        "episode",
        "phase",
    ]
)
_SPELLINGS: Final = {"pt": "part", "pts": "part", "parts": "part", "vol": "volume", "nr": "no"}
_NUMBER_WORDS: Final = {
    word: str(number)
    for number, words in enumerate(
        [
            "zero",
            "one first",
            "two second",
            "three third",
            "four fourth",
            "five fifth",
            "six sixth",
            "seven seventh",
            "eight eighth",
            "nine ninth",
            "ten tenth",
            "eleven eleventh",
            "twelve twelfth",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
    for word in words.split()
}
_MODES: Final = {
    "major": "major",
    "maj": "major",
    "dur": "major",
    "minor": "minor",
    "min": "minor",
    "moll": "minor",
}
_ACCIDENTALS: Final = {"sharp": "sharp", "flat": "flat", "is": "sharp", "es": "flat"}
# What makes another recording of a song.
VERSION_WORDS: Final = frozenset(
    [
        "acoustic",
        "cover",
        "demo",
        "dub",
        "edit",
        "extended",
        "instrumental",
        "interlude",
        "intro",
        "karaoke",
        "live",
        "mix",
        "orchestral",
        "outro",
        "radio",
        "remix",
        "reprise",
        "slowed",
        "sped",
        "unplugged",
        "version",
        "nightcore",
        "acapella",
    ]
)
_NUMBER: Final = re.compile(r"\d+")


@lru_cache(maxsize=100_000)
def marks_of(title: str) -> Counter[str]:
    """Count the words of a title that distinguish works of nearly the same title.

    Numbers in digits, Roman numerals and words become the same digits, so that "Pt. II" and
    "Part 2" agree and "Part II" and "Part III" do not. Keys ("C minor", "c-Moll") and version
    words are marks as well.

    Args:
        title: A title in its normal form.

    Returns:
        Each mark with how often it occurs; two titles of one recording have equal marks.
    """
    marks: Counter[str] = Counter()
    words = title.split()
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if word in _MODES:
            marks[_key_of(words[:place], _MODES[word])] += 1
        elif word in VERSION_WORDS:
            marks[word] += 1
        elif word in _NUMBER_WORDS:
            marks[_NUMBER_WORDS[word]] += 1
        elif _NUMBER.search(word):
            marks[word] += 1
        elif (number := _roman(word)) and (
            before in _COUNTED or _follows_a_range(words, place) or _PLAIN_ROMAN.fullmatch(word)
        ):
            marks[str(number)] += 1
    return marks


def spelled_title(title: str) -> str:
    """Give a normalised title with "pt", "pts" and "parts" as "part", and Roman parts as digits."""
    words: list[str] = []
    for word in title.split():
        spelled = _SPELLINGS.get(word, word)
        counted = bool(words) and (words[-1] in _COUNTED or _is_range(words))
        number = _roman(word) if counted else 0
        words.append(str(number) if number else spelled)
    return " ".join(words)


def _is_range(words: list[str]) -> bool:
    """Return whether words end in "part 1", so that a further numeral ends its range."""
    return len(words) > 1 and words[-2] in _COUNTED and words[-1].isdigit()


def _follows_a_range(words: list[str], place: int) -> bool:
    return place > 1 and words[place - 2] in _COUNTED and bool(_roman(words[place - 1]))


def _roman(word: str) -> int:
    """Give the value of a Roman numeral; 0 for any other word."""
    if not word or not _ROMAN.fullmatch(word):
        return 0
    values = [_ROMAN_VALUES[letter] for letter in word]
    return sum(
        -value if value < max(values[place:]) else value for place, value in enumerate(values)
    )


def _key_of(words: list[str], mode: str) -> str:
    """Give the key that ends in a mode, such as "c sharp minor"; the mode alone without a tonic."""
    tail = words[-2:]
    if tail and len(tail[-1]) == 1 and tail[-1] in "abcdefgh":
        return f"{tail[-1]} {mode}"
    if len(tail) == 2 and tail[-1] in _ACCIDENTALS and tail[0] in tuple("abcdefgh"):
        return f"{tail[0]} {_ACCIDENTALS[tail[-1]]} {mode}"
    return mode
