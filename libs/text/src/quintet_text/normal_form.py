"""The one normal form of names, used on both sides of every comparison."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

VERSION: Final = 1
"""Increase it when the form of any text changes: files that hold forms are then built again."""

# Letters that Unicode does not decompose, with the letters that people type for them. Latin letters
# whose Unicode name says their base ("O WITH STROKE", "AE") need no entry: see `_folded`.
_LETTERS: Final = {
    "ı": "i",
    "ð": "d",
    "þ": "th",
    "ŋ": "n",
    "ĸ": "k",
    "ə": "e",
    "ɛ": "e",
    "ɔ": "o",
    # Arabic and Persian: variants of one letter that writers use for each other.
    "ٱ": "ا",
    "ى": "ي",
    "ی": "ي",
    "ک": "ك",
    "ہ": "ه",
    "ە": "ه",
    "ة": "ه",
    "ء": "",
    "ـ": "",
    # Yiddish and Hebrew ligatures.
    "װ": "וו",
    "ױ": "וי",
    "ײ": "יי",
}
_LATIN: Final = re.compile(
    r"LATIN (?:SMALL (?:LETTER|LIGATURE)|LETTER SMALL CAPITAL) ([A-Z]{1,2})(?: WITH .+)?"
)
# Marks inside a word that writers leave out: "don't" and "dont" are one word. Letters written
# as apostrophes, such as the Hawaiian okina and the Arabic ayn in transcriptions, are among them.
_APOSTROPHES: Final = dict.fromkeys(
    "'`\u00b4\u02b9\u02bb\u02bc\u02be\u02bf\u05f3\u05f4\u2018\u2019\u201b\u2032\ua78b\ua78c\uff07",
    "",
)
# Stands for a sign that may be read "and" until both of its neighbours are known.
_AND_MARK: Final = "\x01"
_AND: Final = dict.fromkeys("&+", f" {_AND_MARK} ")
# Katakana is folded to hiragana: both write the same syllables.
_KANA: Final = {chr(code): chr(code - 0x60) for code in range(0x30A1, 0x30F7)}
_FOLDED: Final = {**_LETTERS, **_KANA, _AND_MARK: _AND_MARK}
_LEFT_OUT: Final = str.maketrans({**_APOSTROPHES, _AND_MARK: " "})
_READ_AND: Final = str.maketrans(_AND)
# ASCII has no accents: its punctuation, symbols and controls become spaces in one pass.
_ASCII: Final = str.maketrans(
    {
        **{chr(c): " " for c in range(128) if unicodedata.category(chr(c))[0] in "PSC"},
        **{sign: text for sign, text in {**_APOSTROPHES, **_AND}.items() if sign.isascii()},
    }
)
# Stylised spellings: A$AP, $uicideboy$, P!nk. Only beside letters: "$100" is a price and "Wow!"
# an exclamation.
_DOLLAR: Final = re.compile(r"(?<=[^\W\d_])\$(?!\d)|(?<!\d)\$(?=[^\W\d_])")
_EXCLAMATION: Final = re.compile(r"(?<=[^\W\d_])!(?=[^\W\d_])")
# rock'n'roll, rock'n roll: "and" without blanks around it.
_JOINED_N: Final = re.compile(r"(?<=\w)['\u2019]n(?:['\u2019](?=\w)|(?=\s))", re.IGNORECASE)
# Catalan writes a doubled l with a dot between.
_CATALAN: Final = re.compile(r"(?<=l)\u00b7(?=l)", re.IGNORECASE)
CONNECTORS: Final = frozenset(("y", "e", "und", "et", "och", "og", "ve", "и", "και", "n"))
"""\"And\" in Spanish; Italian and Portuguese; German; French and Latin; Swedish; Danish and
Norwegian; Turkish; Russian; Greek; and English slang. Shorter or more frequent words of other
languages, such as "i", "a" and "en", mean too much else."""
# "E minor" is a key.
_AFTER_A_KEY: Final = frozenset(
    ("major", "minor", "maj", "min", "dur", "moll", "flat", "sharp", "majeur", "mineur")
)
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# Marks that are not a separate sound: accents of Latin, Greek and Cyrillic letters, points of
# Hebrew, vowel signs and hamza of Arabic and Syriac. Those of other scripts are part of the letter.
_DROPPED_MARKS: Final = re.compile(
    "(?:^|(?<=[\0-\u052f\u0590-\u077f\u08a0-\u08ff\u1e00-\u1fff]))"
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u08ca-\u08e1\u08e3-\u08ff"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f]+"
)
_NUKTA: Final = 7
"""Unicode's combining class of the Indic nukta, which writers leave out."""
# Unicode's default-ignorable characters that are not of category Cf: joiners, fillers, and
# variation selectors, as of an emoji.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def normalise(text: str) -> str:
    """Give a name in the form in which names are compared.

    Lower case, without accents, punctuation, apostrophes or invisible characters, single-spaced;
    `&`, `+` and the words for "and" in other languages (`CONNECTORS`) between two words are "and";
    letters without a decomposition become those that people type (ø → o, æ → ae, ß → ss), digits of
    any script become 0 to 9; Arabic and Hebrew lose vowel signs and points, katakana becomes
    hiragana, wide characters become narrow, Han characters become simplified.

    A name of signs alone ("!!!", "÷") keeps them, without spaces. The form of a form is itself.

    Returns:
        The form; empty only if the text is blank or holds control characters alone.
    """
    return _read_connectors(_spelled(text)) or _signs(text)


def by_form(names: Iterable[str]) -> dict[str, str]:
    """Index names by their normal form; of several with one form, the first in order of letters.

    Names without a form are left out.
    """
    return {form: name for name in sorted(names, reverse=True) if (form := normalise(name))}


def connectors(text: str) -> list[str]:
    """List how a text writes "and", for an index of its single words.

    Whether a word is read "and" depends on its neighbours, and a query may hold only one of them.
    So an index holds both words.

    Returns:
        "and" and the connectors as written; nothing for a text without one.
    """
    spelled = _spelled(text)
    found = [word for word in spelled.split() if word in CONNECTORS]
    signs = [sign for sign in "&+\uff06\uff0b" if sign in text]
    return ["and", *dict.fromkeys(found)] if found or signs else []


def _signs(text: str) -> str:
    """Keep the visible signs of a text that has no letters and digits."""
    folded = unicodedata.normalize("NFKC", text.casefold())
    return "".join(c for c in folded if unicodedata.category(c)[0] not in "CZM")


def _spelled(text: str) -> str:
    """Give the form before words for "and" are read."""
    if not text.isascii():
        # A letter and its accent are one character, so that "!" and "$" stand beside a letter.
        text = unicodedata.normalize("NFC", text)
    if "$" in text:
        text = _DOLLAR.sub("s", text)
    if "!" in text:
        text = _EXCLAMATION.sub("i", text)
    if "'" in text or "\u2019" in text:
        text = _JOINED_N.sub(" n ", text)
    if text.isascii():
        plain = " ".join(text.lower().translate(_ASCII).split())
    else:
        plain = _spelled_in_unicode(text)
    return _read_signs(plain) if _AND_MARK in plain else plain


def _read_signs(plain: str) -> str:
    """Read signs between two words as "and"; others ("C++", "+44") are left out."""
    parts = [" ".join(part.split()) for part in plain.split(_AND_MARK)]
    return " and ".join(part for part in parts if part)


def _read_connectors(plain: str) -> str:
    """Read other languages' words for "and" between two words; "Y" may be a whole title."""
    words = plain.split(" ")
    if CONNECTORS.isdisjoint(words) or len(words) < 3:
        return plain
    inner = pairwise(words[1:])
    read = ("and" if _is_connector(word, after) else word for word, after in inner)
    return " ".join((words[0], *read, words[-1]))


def _is_connector(word: str, after: str) -> bool:
    return word in CONNECTORS and not (word == "e" and after in _AFTER_A_KEY)


def _spelled_in_unicode(text: str) -> str:
    if "\u00b7" in text:
        text = _CATALAN.sub("", text)
    # Twice: a mathematical or circled capital becomes a plain one only by decomposition.
    decomposed = unicodedata.normalize("NFKD", text.translate(_LEFT_OUT).casefold())
    decomposed = unicodedata.normalize("NFKD", decomposed.casefold()).translate(_READ_AND)
    without_marks = _DROPPED_MARKS.sub("", decomposed.translate(_FOLDER))
    plain = " ".join(unicodedata.normalize("NFC", without_marks).split())
    return plain.translate(_simplified()) if _HAN.search(plain) else plain


class _Folder(dict[int, str]):
    """A table for `str.translate` that grows with the characters it meets, up to a bound."""

    def __missing__(self, code: int) -> str:
        piece = _folded(chr(code))
        if len(self) < _MAX_FOLDED:
            self[code] = piece
        return piece


_MAX_FOLDED: Final = 1 << 14
_FOLDER: Final = _Folder()


def _folded(char: str) -> str:
    """Fold a character: to letters, a digit, a space, or nothing."""
    if (known := _FOLDED.get(char)) is not None:
        return known
    kind = unicodedata.category(char)
    # Invisible characters, enclosing marks and the Indic nukta: in no one's typing.
    if kind in ("Cf", "Me") or unicodedata.combining(char) == _NUKTA or _INVISIBLE.match(char):
        return ""
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    # Punctuation and symbols separate words; marks of scripts that need them stay.
    if kind[0] in "PSCZ":
        return " "
    latin = _LATIN.fullmatch(unicodedata.name(char, ""))
    return latin[1].lower() if latin else char


@cache
def _simplified() -> dict[int, str]:
    """Map traditional, Japanese and regional Han characters to simplified ones (OpenCC)."""
    simplified = dict(_han_pairs("TSCharacters"))
    mapping = dict(simplified)
    for region in ("JPVariants", "HKVariants", "TWVariants"):
        for traditional, variant in _han_pairs(region):
            mapping.setdefault(variant, simplified.get(traditional, traditional))
    return {ord(char): _end_of(char, mapping) for char in mapping}


def _end_of(char: str, mapping: dict[str, str]) -> str:
    """Follow a mapping to its end, so that the form of a form is itself.

    Characters that name each other in a circle all become the first of them in code point order.
    """
    seen = [char]
    while (after := mapping.get(seen[-1], seen[-1])) not in seen:
        seen.append(after)
    return min(seen[seen.index(after) :])


def _han_pairs(table: str) -> Iterator[tuple[str, str]]:
    # Read as a file: importing the package would load its phrases as well.
    text = files("opencc").joinpath("dictionary", f"{table}.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        source, _, targets = line.partition("\t")
        if len(source) == 1 and targets and len(targets.split()[0]) == 1:
            yield source, targets.split()[0]
