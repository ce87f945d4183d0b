"""Read the values of sources, none of which can be trusted: texts, lists, dates, numbers, ids."""

import contextlib
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from quintet_contract.attributes import RANGES, WHOLE
from quintet_contract.limits import MAX_TEXT
from quintet_store.items import ALBUM, Group, Item
from quintet_store.items import ARTIST as ARTIST_GROUP
from quintet_text.lists import split_list
from quintet_training.datasets.units import parse

from quintet_library.records import Listening, Rejected, Song

MOST_VALUES: Final = 64
"""Artists, genres or ids kept of one song."""
MAX_DURATION_MS: Final = RANGES["duration_ms"][1]
_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_NUMBER: Final = re.compile(r"\s*[-+]?\d{1,15}(?:[.,]\d{1,20})?(?:[eE][-+]?\d{1,2})?")
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


def text_of(value: object) -> str:
    """Clean a text: no control characters, no blanks around, not too long; "" for no text."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    return _UNSAFE.sub(" ", str(value)[: MAX_TEXT * 4]).strip()[:MAX_TEXT]


def texts_of(values: object) -> tuple[str, ...]:
    """Clean a list of texts: none empty, none twice, not too many."""
    if not isinstance(values, list | tuple):
        values = [values]
    texts = (text_of(value) for value in values[: MOST_VALUES * 4])
    return tuple(dict.fromkeys(text for text in texts if text))[:MOST_VALUES]


def genres_of(values: object) -> tuple[str, ...]:
    """Read genres, which taggers join by ";", "|" or ","; of those only the first counts."""
    return texts_of([part for text in texts_of(values) for part in split_list(text, ";|,")])


def date_of(value: object) -> str:
    """Read the date at the beginning of a text, as far as it exists; "" if there is none.

    Gives YYYY, YYYY-MM or YYYY-MM-DD: taggers write 00 for a month or day that is not known.
    """
    found = _DATE.match(text_of(value))
    if found is None:
        return ""
    year, month, day = (int(part or 0) for part in found.groups())
    for text, parts in ((found[0], (year, month, day)), (found[0][:7], (year, month, 1))):
        with contextlib.suppress(ValueError):
            date(*parts)
            return text
    return found[1] if year else ""


def number_of(value: object) -> float | None:
    """Read a finite number, or a text that begins with one, such as "-7.2 dB"; else None."""
    found = _NUMBER.match(text_of(value))
    return float(found[0].replace(",", ".")) if found else None


def tempo_and_key(bpm: object, key: object) -> dict[str, float | None]:
    """Read the tempo and the key that taggers write; what cannot be read stays unknown.

    A key without a mode is major: ID3 writes "m" for minor and nothing for major (TKEY).
    """
    features: dict[str, float | None] = {}
    tempo = number_of(bpm)
    # 0 is how taggers write "not measured".
    if tempo is not None and 0 < tempo <= RANGES["tempo"][1]:
        features["tempo"] = tempo
    name = text_of(key)
    pitch = parse("key", name) if name and not name.lstrip("-").isdigit() else None
    if pitch is not None and 0 <= pitch <= 11:
        mode = parse("mode", name)
        features |= {"key": pitch, "mode": 1.0 if mode is None else mode}
    return features


def in_range(name: str, value: object) -> float | None:
    """Read an attribute that a source gives; None if it is out of the attribute's range."""
    number = number_of(value)
    if number is None:
        return None
    low, high = RANGES[name]
    if not low <= number <= high or (name in WHOLE and not number.is_integer()):
        return None
    return number


def make_song(
    item_id: str, values: Mapping[str, Any], listening: Listening | None = None
) -> Song | Rejected:
    """Make a song of cleaned values, or reject it with the field that is missing.

    Args:
        item_id: The source's own id.
        values: Fields of `quintet_store.items.Item`; empty or missing ones are left out.
        listening: What the listener did with it.
    """
    given = {name: value for name, value in values.items() if value}
    duration = given.get("duration_ms", 0.0)
    reason = ""
    if not given.get("title"):
        reason = "title: neither a tag nor the name of the file gives one"
    elif not given.get("artists"):
        reason = (
            "artists: neither a tag nor the name of the file gives one; tag the file, or name it "
            "'Artist - Title'"
        )
    elif not 0 < duration <= MAX_DURATION_MS:
        reason = f"duration: {duration:g} ms is not above 0 and at most one day"
    if reason:
        path = str(given.get("path", ""))
        return Rejected(item_id, reason, path, given.get("size"), given.get("mtime_ns"))
    return Song(Item(item_id=item_id, **given), listening)


def ids_of(pairs: Iterable[tuple[str, object]]) -> tuple[tuple[str, str], ...]:
    """List (kind, text) of ids, a list of texts as several; empty ones are left out."""
    found = [
        (kind, text)
        for kind, values in pairs
        for text in texts_of(values if isinstance(values, list | tuple) else [values])
    ]
    return tuple(dict.fromkeys(found))[:MOST_VALUES]


def groups_of(
    artists: Iterable[tuple[object, object]], album: tuple[object, object]
) -> tuple[Group, ...]:
    """List artists and the album, (id, name) each, as groups; those without an id are left out."""
    pairs = [(ARTIST_GROUP, *each) for each in artists] + [(ALBUM, *album)]
    found = {
        (kind, group_id): Group(kind, group_id, text_of(name)[:MAX_TEXT])
        for kind, value, name in pairs
        if (group_id := text_of(value))
    }
    return tuple(found.values())[:MOST_VALUES]
