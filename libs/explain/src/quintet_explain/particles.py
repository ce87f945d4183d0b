"""Korean particles: 은/는, 이/가, 을/를 and 과/와 depend on how the word before them ends.

The rule reads the last letter or digit of a name and ignores what follows it, such as a bracket:

- Hangul: the syllable's own final consonant.
- Digits: as read in Sino-Korean; 2, 4, 5 and 9 end in a vowel, the others in a consonant.
- A Latin word of capitals only with at most three letters, or without a vowel, such as DC or BTS,
  is spelt letter by letter; L, M, N and R end in a consonant.
- Any other Latin word, as it is commonly transcribed: l, m, n and ng end in a consonant, and so do
  ck, and c, k, p or t after one short vowel (Black, Pop, Spirit). All others end in a vowel.
- Other scripts have no rule: both forms are written, such as 와(과).
"""

import re
import unicodedata
from typing import Final

_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
# Hangul syllables are encoded in blocks of 28: one for each final consonant, none first.
_FINALS: Final = 28
_OPEN_DIGITS: Final = "2459"
_CLOSED_LETTERS: Final = "LMNR"
_LATIN_WORD: Final = re.compile(r"[A-Za-z]+\Z")
_CLOSED_WORD: Final = re.compile(r"(?:[lmn]|ng|ck|(?:^|[^aeiou])[aeiou][ckpt])\Z")


def with_particle(word: str, shown: str, particle: str) -> str:
    """Append a particle to a name.

    Args:
        word: The name as it is read.
        shown: The name as it is written, such as in quotation marks.
        particle: Its forms after a consonant and after a vowel, such as 과/와.
    """
    closed, _, opened = particle.partition("/")
    ends_closed = ends_in_consonant(word)
    if ends_closed is None:
        return f"{shown}{opened}({closed})"
    return shown + (closed if ends_closed else opened)


def ends_in_consonant(word: str) -> bool | None:
    """Decide whether a name ends in a consonant when it is read in Korean; None if unknown."""
    # NFC: a syllable may come as separate consonants and vowels.
    letters = unicodedata.normalize("NFC", word)
    while letters and not letters[-1].isalnum():
        letters = letters[:-1]
    if not letters:
        return None
    last = letters[-1]
    if _FIRST_SYLLABLE <= ord(last) <= _LAST_SYLLABLE:
        return (ord(last) - _FIRST_SYLLABLE) % _FINALS != 0
    if last in "0123456789":
        return last not in _OPEN_DIGITS
    # É is read as E.
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFD", letters)
        if not unicodedata.combining(letter)
    )
    found = _LATIN_WORD.search(plain)
    return None if found is None else _latin_ends_closed(found.group())


def _latin_ends_closed(word: str) -> bool:
    is_spelt = word.isupper() and (len(word) <= 3 or not re.search("[AEIOUY]", word))
    if is_spelt:
        return word[-1] in _CLOSED_LETTERS
    return _CLOSED_WORD.search(word.lower()) is not None
