"""From text to the words that are indexed and searched.

Both sides go through `words`, so accents, case and punctuation never matter. The index holds more
than the words themselves:

- A run of a script that writes without spaces (Han, kana, Hangul, Thai and neighbours) is held
  with all its endings, so that any part of it is found as the beginning of an ending. Hangul is
  taken apart into letters first: a syllable that is still being typed begins the finished one.
- The first one, two and three characters of each word are terms, for the first keystrokes.
- A word with marks inside, such as AC/DC or Jay-Z, is also held joined: acdc, jayz.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from quintet_modelkit.identity import normalise, normalise_title

MAX_RUN: Final = 16
"""Characters of an unspaced run that one ending holds."""
SHORT: Final = 3
"""Beginnings of up to so many characters are terms of their own: thousands of words share them."""

# Stands before a beginning; no word holds it, so the two are never confused.
_BEGINS: Final = "\x01"

_APOSTROPHES: Final = dict.fromkeys(map(ord, "'\u2018\u2019\u02bc\u2032\uff07`\u00b4"))
_UNSPACED: Final = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u30ff\u3130-\u318f"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+)"
)
_JOINED: Final = re.compile(r"[^\W_]+(?:[^\w\s]+[^\W_]+)+")
_MARKS: Final = re.compile(r"[\W_]+")


def words(text: str) -> list[str]:
    """Returns the words of a text in order; unspaced runs are words of their own.

    A text of nothing but signs ("!!!", "÷") is one word, so that it can be found at all.
    """
    plain = normalise(text.translate(_APOSTROPHES))
    if not plain:
        signs = "".join(c for c in text.casefold() if unicodedata.category(c)[0] in "PS")
        return [signs] if signs else []
    if plain.isascii():
        return plain.split()
    return [_letters(run) for word in plain.split() for run in _UNSPACED.split(word) if run]


def is_unspaced(word: str) -> bool:
    """Returns whether a word is a run of a script without spaces."""
    return not word.isascii() and _UNSPACED.match(word) is not None


@lru_cache(maxsize=65_536)
def whole(text: str) -> str:
    """Returns a text's words as one term."""
    return " ".join(words(text))


@lru_cache(maxsize=65_536)
def indexed(text: str) -> str:
    """Returns what the index holds for a text: space-separated terms."""
    terms = list(_terms(text))
    return " ".join(dict.fromkeys([*terms, *beginnings(terms)]))


def wholes(title: str) -> list[str]:
    """Returns the whole terms of a title: as written, and without release notes."""
    forms = (whole(title), whole(normalise_title(title.translate(_APOSTROPHES))))
    return [form for form in dict.fromkeys(forms) if form]


def beginning(text: str) -> str | None:
    """Returns the term that all words beginning with a short text share; None for a longer one."""
    return _BEGINS + text if len(text) <= SHORT else None


def beginnings(terms: Iterable[str]) -> list[str]:
    """Returns the terms for the short beginnings of some terms."""
    found = (_BEGINS + term[:size] for term in terms for size in range(1, SHORT + 1))
    return list(dict.fromkeys(found))


def _letters(run: str) -> str:
    return unicodedata.normalize("NFD", run) if _UNSPACED.match(run) else run


def _terms(text: str) -> Iterator[str]:
    for word in words(text):
        if is_unspaced(word):
            run = unicodedata.normalize("NFC", word)
            for start in range(len(run)):
                yield unicodedata.normalize("NFD", run[start : start + MAX_RUN])
        else:
            yield word
    for found in _JOINED.finditer(text.translate(_APOSTROPHES)):
        joined = normalise(_MARKS.sub("", found.group()))
        if joined and not _UNSPACED.search(joined):
            yield joined


def run_of(word: str) -> str:
    """Returns the part of an unspaced word that an ending in the index can match."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFC", word)[:MAX_RUN])
