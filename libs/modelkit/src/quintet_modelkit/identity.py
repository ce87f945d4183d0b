"""Stable ids made from names, and the keys that releases of one recording share.

Catalogues often have artists and albums by name only. An id that is a hash of the normalised name
is the same on every machine and after every import.
"""

import hashlib
import re
import unicodedata
from typing import Final

from quintet_text.normal_form import normalise

from quintet_modelkit.songs import recording_form

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SPACES: Final = re.compile(r"\s+")
# ASCII has no accents: its punctuation, symbols and controls become spaces at once.
_ASCII_SIGNS: Final = {
    code: " " for code in range(128) if unicodedata.category(chr(code))[0] in "PSC"
}


def _frozen_form(text: str) -> str:
    """Reduce a name to the form that stable ids are made of; it must never change.

    Databases, playlists, exclusions and clients hold ids that were made of it. Every comparison of
    names takes `quintet_text.normal_form` instead, which may improve.

    Hangul and other scripts keep their letters: only combining marks that follow Latin, Greek or
    Cyrillic letters are removed.
    """
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII_SIGNS).split())
    # Twice: a mathematical or circled capital becomes a plain one only by decomposition.
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    decomposed = unicodedata.normalize("NFKD", decomposed.casefold())
    kept: list[str] = []
    for char in decomposed:
        if unicodedata.combining(char) and kept and _drops_marks(kept[-1]):
            continue
        # Punctuation and symbols separate words; marks of other scripts are part of the letter.
        kept.append(" " if unicodedata.category(char)[0] in "PSC" else char)
    plain = unicodedata.normalize("NFC", "".join(kept))
    return _SPACES.sub(" ", plain).strip()


def _drops_marks(base: str) -> bool:
    """Decide whether accents on a letter are decoration: up to Cyrillic (U+052F) they are."""
    return ord(base) < 0x0530


def normalise_title(title: str) -> str:
    """Reduce a title to its normal form without notes on the release, such as remasters.

    Two tracks of one artist with the same form are releases of one recording. A title that consists
    of such a note keeps its whole text.
    """
    return recording_form(title)


def stable_id(kind: str, *parts: str) -> str:
    """Make an id of 22 base-62 characters (131 bits of SHA-256) from a kind and its parts."""
    # A separator, so that ("ab", "c") and ("a", "bc") have different ids.
    digest = hashlib.sha256("\x1f".join((kind, *parts)).encode()).digest()
    number = int.from_bytes(digest, "big")
    letters = []
    for _ in range(22):
        number, rest = divmod(number, 62)
        letters.append(_BASE62[rest])
    return "".join(letters)


def artist_id(name: str) -> str:
    """Make the stable id of an artist known by name only."""
    return stable_id("artist", _frozen_form(name) or name)


def album_id(first_artist: str, album: str) -> str:
    """Make the stable id of an album known by artist and name only; empty without a name."""
    if not album:
        return ""
    artist = _frozen_form(first_artist) or first_artist
    return stable_id("album", artist, _frozen_form(album) or album)


def recording_key(first_artist: str, title: str, album: str = "") -> str:
    """Make the key that all releases of one recording share."""
    return f"{normalise(first_artist) or first_artist}\x1f{recording_form(title, album)}"
