"""Split a text into tokens: words of one script, numbers and marks, each with its place."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_APOSTROPHES: Final = "'’"
MOST_SPLITS: Final = 2
"""Particles that are split off one Korean word."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a mark.

    Attributes:
        start: Its first character in the text.
        end: The character after its last one.
        text: As written.
        word: Composed, in small letters.
    """

    start: int
    end: int
    text: str
    word: str

    @property
    def is_mark(self) -> bool:
        """Whether it is neither a word nor a number."""
        return not self.word[:1].isalnum()

    @property
    def is_number(self) -> bool:
        """Whether it is made of digits."""
        return self.word.isascii() and self.word.isdigit()

    @property
    def is_korean(self) -> bool:
        """Whether it is written in Hangul."""
        return _kind(self.word[:1]) == "hangul"


def tokenise(
    text: str,
    is_known: Callable[[str], bool] = lambda _word: True,
    particles: tuple[str, ...] = (),
) -> list[Token]:
    """Split a text.

    Args:
        text: Any text.
        is_known: Whether a Korean word is known as it is, so that nothing is split off.
        particles: Endings that are split off other Korean words, the longest first.
    """
    tokens: list[Token] = []
    for start, end in _runs(text):
        token = _token(text, start, end)
        tokens += _parts(token, is_known, particles) if token.is_korean else [token]
    return tokens


def _token(text: str, start: int, end: int) -> Token:
    written = text[start:end]
    word = unicodedata.normalize("NFC", written).lower().replace("’", "'")
    return Token(start, end, written, word)


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the place of each run of one kind of characters; each mark is a run."""
    start, kind = 0, ""
    for place, char in enumerate(text):
        now = _kind(char)
        inside = kind == "latin" and now == "mark" and _joins(text, place)
        if inside or (now == kind and kind not in ("", "mark")):
            continue
        if kind:
            yield start, place
        start, kind = place, now
    if kind:
        yield start, len(text)


def _joins(text: str, place: int) -> bool:
    """Check whether an apostrophe is inside a word: don't."""
    after = text[place + 1 : place + 2]
    return text[place] in _APOSTROPHES and after.isalpha() and _kind(after) == "latin"


def _kind(char: str) -> str:
    if not char or char.isspace():
        return ""
    if "\uac00" <= char <= "\ud7a3" or "\u1100" <= char <= "\u11ff" or "\u3130" <= char <= "\u318f":
        return "hangul"
    if char.isdigit():
        return "digit"
    # A combining accent belongs to the letter before it.
    return "latin" if char.isalpha() or unicodedata.combining(char) else "mark"


def _parts(
    token: Token, is_known: Callable[[str], bool], particles: tuple[str, ...]
) -> list[Token]:
    """Split particles off a Korean word that is not known as it is."""
    split: list[Token] = []
    # Decomposed syllables have other places than composed ones.
    while len(split) < MOST_SPLITS and len(token.word) == token.end - token.start:
        ending = None if is_known(token.word) else _ending(token.word, is_known, particles)
        if ending is None:
            break
        at = token.end - len(ending)
        split.insert(0, Token(at, token.end, ending, ending))
        stem = token.word[: -len(ending)]
        token = Token(token.start, at, stem, stem)
    return [token, *split]


def _ending(word: str, is_known: Callable[[str], bool], particles: tuple[str, ...]) -> str | None:
    fitting = [each for each in particles if word.endswith(each) and len(word) > len(each)]
    for ending in fitting:
        if is_known(word[: -len(ending)]):
            return ending
    return next((each for each in fitting if len(word) - len(each) >= 2), None)
