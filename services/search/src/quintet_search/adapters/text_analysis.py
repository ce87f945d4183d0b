"""Convert text to the terms that are indexed and searched.

Documents and queries both use `words`, so accents, case and punctuation do not matter. The index
contains more terms than the words:

- A run of a script without spaces (Han, kana, Hangul, Thai and others) is indexed with all its
  suffixes, so that any part of it matches as the prefix of a suffix. Hangul syllables are
  decomposed into letters first: an unfinished syllable is then a prefix of the finished one.
- The first one, two and three characters of each word are terms, for the first keystrokes.
- A word with punctuation inside, such as AC/DC or Jay-Z, is also indexed joined: acdc, jayz.
- Words and signs for "and" are indexed as "and" and as written: what a query means by "y" depends
  on the words beside it, and it may hold only a part of the name.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from quintet_modelkit.identity import normalise_title
from quintet_text.normal_form import connectors, normalise

MAX_RUN: Final = 16
"""Characters of one suffix; it bounds the terms of a long run without spaces."""
SHORT: Final = 3
"""Prefixes up to this length are separate terms: thousands of words share each of them, and a
prefix query would visit all of these words."""

# Precedes a prefix term; no word contains it, so a prefix is never mistaken for a word.
_BEGINS: Final = "\x01"

# Thai and Lao, Burmese, Hangul, Khmer, kana and Han.
_UNSPACED: Final = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u30ff\u3130-\u318f"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]+)"
)
# Letters or digits, then punctuation, then more: AC/DC, Jay-Z, R.E.M.
_JOINED: Final = re.compile(r"[^\W_]+(?:[^\w\s]+[^\W_]+)+")
_MARKS: Final = re.compile(r"[\W_]+")


def words(text: str) -> list[str]:
    """Split a text into words, in order; a run of a script without spaces is one word.

    A text of punctuation only ("!!!", "÷") is one word, so that such titles can be found.
    """
    plain = normalise(text)
    if plain.isascii():
        return plain.split()
    runs = (run for word in plain.split() for run in _UNSPACED.split(word) if run)
    return [unicodedata.normalize("NFD", run) if _UNSPACED.match(run) else run for run in runs]


def is_unspaced(word: str) -> bool:
    """Check whether a word is a run of a script without spaces."""
    return not word.isascii() and _UNSPACED.match(word) is not None


@lru_cache(maxsize=65_536)
def whole(text: str) -> str:
    """Join the words of a text to one term, for matches of a complete title or name."""
    return " ".join(words(text))


@lru_cache(maxsize=65_536)
def indexed(text: str) -> str:
    """List the index terms of a text, separated by spaces."""
    terms = list(_terms(text))
    return " ".join(dict.fromkeys([*terms, *beginnings(terms)]))


def wholes(title: str) -> list[str]:
    """List the terms of a complete title: as written, and without notes such as "Remastered"."""
    forms = (whole(title), whole(normalise_title(title)))
    return [form for form in dict.fromkeys(forms) if form]


def beginning(text: str) -> str | None:
    """Build the prefix term of a short text; None if the text is longer than `SHORT`."""
    return _BEGINS + text if len(text) <= SHORT else None


def beginnings(terms: Iterable[str]) -> list[str]:
    """List the prefix terms of some terms."""
    found = (_BEGINS + term[:size] for term in terms for size in range(1, SHORT + 1))
    return list(dict.fromkeys(found))


def _terms(text: str) -> Iterator[str]:
    for word in words(text):
        if is_unspaced(word):
            # Composed first: a suffix must begin with a syllable, not within one.
            run = unicodedata.normalize("NFC", word)
            for start in range(len(run)):
                yield unicodedata.normalize("NFD", run[start : start + MAX_RUN])
        else:
            yield word
    yield from connectors(text)
    for found in _JOINED.finditer(text):
        joined = normalise(_MARKS.sub("", found.group()))
        if joined and not _UNSPACED.search(joined):
            yield joined


def run_of(word: str) -> str:
    """Cut a word of a script without spaces to the part that a suffix in the index can match."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFC", word)[:MAX_RUN])
