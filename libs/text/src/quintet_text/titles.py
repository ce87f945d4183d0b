"""Marks that distinguish two works with similar titles: numbers, parts, keys, versions."""

import re
from functools import lru_cache
from typing import Final

_ROMAN: Final = re.compile(r"m{0,3}(cm|cd|d?c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
_ROMAN_VALUES: Final = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
# Without a word before it, only these are numbers: "mi", "di" and "civic" are words.
_PLAIN_ROMAN: Final = re.compile(r"[ivx]{2,}")
# One letter is a number only after one of these; alone it is a word, as in "I Want You".
_COUNTED: Final = frozenset(
    (
        *("part", "pt", "pts", "parts", "parte", "partie", "partes", "teil", "deel", "del"),
        *("vol", "volume", "volumen", "band", "chapter", "kapitel", "chapitre", "capitulo"),
        *("act", "akt", "acte", "book", "scene", "suite", "movement", "satz", "episode", "phase"),
        *("symphony", "sinfonie", "sonata", "concerto", "opus", "op", "no", "nr", "number"),
    )
)
_SPELLINGS: Final = {
    **dict.fromkeys(("pt", "pts", "parts"), "part"),
    **dict.fromkeys(("vol", "vols", "volumes"), "volume"),
    **dict.fromkeys(("nr", "num", "number", "numero"), "no"),
    "opus": "op",
}
_UNITS: Final = (
    *("zero", "one first", "two second", "three third", "four fourth", "five fifth"),
    *("six sixth", "seven seventh", "eight eighth", "nine ninth", "ten tenth"),
    *("eleven eleventh", "twelve twelfth", "thirteen thirteenth", "fourteen fourteenth"),
    *("fifteen fifteenth", "sixteen sixteenth", "seventeen seventeenth"),
    *("eighteen eighteenth", "nineteen nineteenth"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBER_WORDS: Final = {
    **{word: value for value, words in enumerate(_UNITS) for word in words.split()},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    **{f"{word[:-1]}ieth": 10 * value for value, word in enumerate(_TENS, 2)},
}
_MODES: Final = {
    **dict.fromkeys(("major", "maj", "dur", "majeur", "maggiore", "mayor"), "major"),
    **dict.fromkeys(("minor", "min", "moll", "mineur", "minore", "menor"), "minor"),
}
_ACCIDENTALS: Final = {
    **dict.fromkeys(("sharp", "is", "diese", "diesis", "sostenido"), "sharp"),
    **dict.fromkeys(("flat", "es", "bemol", "bemolle"), "flat"),
}
_TONICS: Final = frozenset("abcdefgh")
# What makes another recording of a song.
VERSION_WORDS: Final = frozenset(
    (
        *("acapella", "acappella", "acoustic", "cover", "demo", "dub", "edit", "extended"),
        *("instrumental", "interlude", "intro", "karaoke", "live", "mix", "nightcore"),
        *("orchestral", "outro", "radio", "remix", "reprise", "slowed", "sped", "unplugged"),
        "version",
    )
)
_DIGITS: Final = re.compile(r"(\d+)(?:st|nd|rd|th)?")
_NUMBER: Final = re.compile(r"\d")
# A letter alone inside a title distinguishes ("Sonata V"), unless it is a word of a language.
_WORDS_OF_A_LETTER: Final = frozenset("aeinouy")


@lru_cache(maxsize=100_000)
def marks_of(title: str) -> tuple[str, ...]:
    """List the words of a title that distinguish works of nearly the same title.

    Numbers in digits, Roman numerals and words become the same digits, so that "Pt. II" and
    "Part 2" agree and "Part II" and "Part III" do not. Keys ("C minor", "c-Moll"), single letters
    ("Plan B", "Vitamin C") and version words are marks as well.

    Args:
        title: A title in its normal form.

    Returns:
        The numbers in their order, then the other marks in alphabetical order. Two titles of one
        recording have equal marks.
    """
    numbers: list[str] = []
    others: list[str] = []
    words = title.split()
    for place, word in enumerate(words):
        if word in _MODES:
            others.append(_key_of(words[:place], _MODES[word]))
        elif word in VERSION_WORDS:
            others.append(word)
        elif number := _number_at(words, place):
            numbers.append(number)
        elif len(word) == 1 and _is_mark(words, place):
            others.append(f"letter {word}")
    return (*_with_units(numbers), *sorted(others))


def spelled_title(title: str) -> str:
    """Give a normalised title with one spelling of counted parts: "pt ii" becomes "part 2"."""
    words: list[str] = []
    for word in title.split():
        spelled = _SPELLINGS.get(word, word)
        counted = bool(words) and (words[-1] in _COUNTED or _is_range(words))
        number = (_NUMBER_WORDS.get(word) or _roman(word)) if counted else 0
        words.append(str(number) if number else spelled)
    return " ".join(words)


def _number_at(words: list[str], place: int) -> str:
    """Give the number that a word is, in digits, or "" for none."""
    word = words[place]
    if word in _NUMBER_WORDS:
        value = _NUMBER_WORDS[word]
        return f"{value}+" if value >= 20 else str(value)
    if _NUMBER.search(word):
        plain = _DIGITS.fullmatch(word)
        return str(int(plain[1])) if plain and len(word) < 20 else word
    number = _roman(word)
    counted = place > 0 and words[place - 1] in _COUNTED
    if number and (counted or _follows_a_range(words, place) or _PLAIN_ROMAN.fullmatch(word)):
        return str(number)
    return ""


def _with_units(numbers: list[str]) -> list[str]:
    """Add the unit to the tens before it, as in "ninety nine"; tens are marked by "+"."""
    joined: list[str] = []
    for number in numbers:
        if joined and joined[-1].endswith("+") and len(number) == 1 and number != "0":
            joined[-1] = str(int(joined[-1][:-1]) + int(number))
        else:
            joined.append(number)
    return [number.removesuffix("+") for number in joined]


def _is_mark(words: list[str], place: int) -> bool:
    """Check whether a single letter distinguishes: at the end, or if it is no word."""
    last = place == len(words) - 1 and place > 0
    # The tonic of a key is part of the key.
    before_mode = not last and any(word in _MODES for word in words[place + 1 : place + 3])
    return (
        words[place].isalpha()
        and not before_mode
        and (last or words[place] not in _WORDS_OF_A_LETTER)
    )


def _is_range(words: list[str]) -> bool:
    """Return whether words end in "part 1", so that a further numeral ends its range."""
    return len(words) > 1 and words[-2] in _COUNTED and words[-1].isdigit()


def _follows_a_range(words: list[str], place: int) -> bool:
    before = words[place - 1] if place > 1 else ""
    return place > 1 and words[place - 2] in _COUNTED and bool(_roman(before) or before.isdigit())


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
    if tail and tail[-1] in _TONICS:
        return f"{tail[-1]} {mode}"
    if len(tail) == 2 and tail[-1] in _ACCIDENTALS and tail[0] in _TONICS:
        return f"{tail[0]} {_ACCIDENTALS[tail[-1]]} {mode}"
    return mode
