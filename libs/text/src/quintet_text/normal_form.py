"""The one normal form of names, used on both sides of every comparison."""

import re
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Final

# Letters that Unicode does not decompose, with the Latin letters that people type for them.
_LETTERS: Final = {
    "ø": "o",
    "ı": "i",
    "æ": "ae",
    "œ": "oe",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ħ": "h",
    "ŋ": "n",
    "ŧ": "t",
    "ĸ": "k",
    "ƒ": "f",
    "ə": "e",
    # Arabic and Persian: variants of one letter that writers use for each other.
    "ٱ": "ا",
    "ى": "ي",
    "ی": "ي",
    "ک": "ك",
    "ة": "ه",
    "ء": "",
    "ـ": "",
    # Yiddish and Hebrew ligatures.
    "װ": "וו",
    "ױ": "וי",
    "ײ": "יי",
}
# Marks inside a word that writers leave out: "don't" and "dont" are one word.
_APOSTROPHES: Final = dict.fromkeys("'\u2018\u2019\u02bc\u02bb\u2032\uff07`\u00b4\u05f3\u05f4", "")
# Stands for a sign that may be read "and" until both of its neighbours are known.
_AND_MARK: Final = "\x01"
_AND: Final = dict.fromkeys("&+", f" {_AND_MARK} ")
# Katakana is folded to hiragana: both write the same syllables.
_KANA: Final = {chr(code): chr(code - 0x60) for code in range(0x30A1, 0x30F7)}
_FOLDED: Final = str.maketrans({**_LETTERS, **_KANA})
_LEFT_OUT: Final = str.maketrans({**_APOSTROPHES, _AND_MARK: " "})
_READ_AND: Final = str.maketrans(_AND)
# ASCII has no accents: its punctuation, symbols and controls become spaces in one pass.
_ASCII: Final = str.maketrans(
    {
        **{chr(c): " " for c in range(128) if unicodedata.category(chr(c))[0] in "PSC"},
        **{sign: text for sign, text in {**_APOSTROPHES, **_AND}.items() if sign.isascii()},
    }
)
# Stylised spellings: A$AP, Ke$ha, P!nk. Only between letters, where the sign is no punctuation.
_DOLLAR: Final = re.compile(r"(?<=[^\W\d_])\$(?=[^\W\d_])")
_EXCLAMATION: Final = re.compile(r"(?<=[^\W\d_])!(?=[^\W\d_])")
# "And" in Spanish, German, and French or Latin. Only between two words: "Y" may be a whole title.
_CONNECTORS: Final = (" y ", " und ", " et ")
_CONNECTOR: Final = re.compile(r"(?<=\S) (?:y|und|et) (?=\S)")
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# Scripts in which a combining mark is not a separate sound: accents of Latin, Greek and
# Cyrillic letters, points of Hebrew, vowel signs and hamza of Arabic and Syriac.
_MARKS_DROPPED: Final = ((0x0000, 0x0530), (0x0590, 0x0780), (0x08A0, 0x0900), (0x1E00, 0x2000))
_NUKTA: Final = 7
"""Unicode's combining class of the Indic nukta, which writers leave out."""


def normalise(text: str) -> str:
    """Give a name in the form in which names are compared.

    Lower case, without accents, punctuation or apostrophes, single-spaced; `&`, `+`, "y", "und"
    and "et" between words are "and"; letters without a decomposition become those that people
    type (ø → o, æ → ae, ß → ss); Arabic and Hebrew lose vowel signs and points, katakana becomes
    hiragana, wide characters become narrow, Han characters become simplified.

    A name of signs alone ("!!!", "÷") keeps them, without spaces. The form of a form is itself.

    Returns:
        The form; empty only where the text is blank or holds control characters alone.
    """
    return _spelled(text) or "".join(c for c in text.casefold() if _is_visible(c))


def _is_visible(char: str) -> bool:
    return unicodedata.category(char)[0] not in "CZ"


def _spelled(text: str) -> str:
    if "$" in text:
        text = _DOLLAR.sub("s", text)
    if "!" in text:
        text = _EXCLAMATION.sub("i", text)
    if text.isascii():
        plain = " ".join(text.lower().translate(_ASCII).split())
    else:
        plain = _spelled_in_unicode(text)
    if _AND_MARK in plain:
        plain = _read_and(plain)
    if any(word in plain for word in _CONNECTORS):
        plain = _CONNECTOR.sub(" and ", plain)
    return plain


def _read_and(plain: str) -> str:
    """Read signs between two words as "and"; others ("C++", "+44") are left out."""
    parts = [" ".join(part.split()) for part in plain.split(_AND_MARK)]
    return " and ".join(part for part in parts if part)


def _spelled_in_unicode(text: str) -> str:
    # Twice: a mathematical or circled capital becomes a plain one only by decomposition.
    decomposed = unicodedata.normalize("NFKD", text.translate(_LEFT_OUT).casefold())
    decomposed = unicodedata.normalize("NFKD", decomposed.casefold()).translate(_READ_AND)
    kept: list[str] = []
    for char in decomposed.translate(_FOLDED):
        kind = unicodedata.category(char)
        if char == _AND_MARK:
            kept.append(char)
            continue
        if kind == "Cf":  # joiners and direction marks: invisible, and in no one's typing
            continue
        if unicodedata.combining(char) and _is_dropped(char, kept):
            continue
        # Punctuation and symbols separate words; marks of scripts that need them stay.
        kept.append(" " if kind[0] in "PSC" else char)
    plain = " ".join(unicodedata.normalize("NFC", "".join(kept)).split())
    return plain.translate(_simplified()) if _HAN.search(plain) else plain


def _is_dropped(mark: str, before: list[str]) -> bool:
    if unicodedata.combining(mark) == _NUKTA:
        return True
    base = ord(before[-1]) if before else 0
    return any(first <= base < end for first, end in _MARKS_DROPPED)


@cache
def _simplified() -> dict[int, str]:
    """Map traditional Han characters to simplified ones, from OpenCC's table."""
    # Read as a file: importing the package would load its phrases as well.
    table = files("opencc").joinpath("dictionary", "TSCharacters.txt").read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in table.splitlines() if "\t" in line)
    mapping = {source: target.split()[0] for source, target in pairs if len(source) == 1}
    # Followed to its end, so that the form of a form is itself.
    return {ord(source): mapping.get(target, target) for source, target in mapping.items()}
