"""One position of a track in a playlist, as read from a file of any format."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote_plus

from quintet_text.lists import single_name, split_list
from quintet_text.track_ids import ISRC, RECORDING, normal_id, track_id_of

from quintet_training.datasets.tables import Refused

MAX_NAME: Final = 1000
MAX_KIND: Final = 64
MAX_POSITION: Final = 2**31 - 1
# A file on a listener's disk: spotify:local:ARTIST:ALBUM:TITLE:SECONDS, percent-encoded.
_LOCAL: Final = re.compile(r"spotify:local:(?P<artist>[^:]*):[^:]*:(?P<title>[^:]+):\d*")


@dataclass(frozen=True)
class Entry:
    """A track in a playlist, named by ids, by artist and title, or by several of these.

    Attributes:
        line: Line, row or item of the file, from 1.
        playlist_id: From the file's content, or from its name.
        playlist: The playlist's name.
        position: Orders the playlist's tracks; may be negative or have gaps.
        musicbrainz_recording: In the form in which ids are stored, like `isrc`; empty for none.
        added_at: ISO 8601, as the file has it.
        kind: What the origin calls this kind of playlist; at most 64 characters, or empty.
    """

    line: int
    playlist_id: str
    playlist: str
    position: int
    track_id: str = ""
    isrc: str = ""
    artist: str = ""
    title: str = ""
    added_at: str | None = None
    musicbrainz_recording: str = ""
    kind: str = ""

    def describe(self) -> str:
        """Return the entry in one line, for the quarantine."""
        ids = (self.track_id, self.isrc, self.musicbrainz_recording)
        named = (self.playlist_id, str(self.position), *ids, self.artist, self.title)
        return " | ".join(part for part in named if part)


@dataclass
class Meter:
    """How much of a file a reader has read, 0..1, and rows it passed over on purpose."""

    share: float = 0.0
    passed_over: int = 0


@dataclass(frozen=True)
class Reading:
    """How the user asked to read a file.

    Attributes:
        columns: Column of a table to field, over the names recognised.
        encoding: Of text; empty for what the file says, else UTF-8.
        kind: Of playlists whose kind the file does not contain.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""
    kind: str = ""


HOW: Final = Reading()
"""Nothing was asked for: names and encoding are recognised."""
Item = Entry | Refused


class Reader(Protocol):
    """A function that reads one format, item by item."""

    def __call__(self, path: Path, meter: Meter, how: Reading = HOW, /) -> Iterator[Item]:
        """Yield each position of the file as an entry, or rejected with its reason."""


class EntryInvalid(ValueError):
    """A row cannot become an entry; the message names the field."""


def make_entry(line: int, values: Mapping[str, Any], raw: object = "") -> Item:
    """Return an entry of cleaned values, or the row refused.

    Args:
        line: Line, row or item, from 1.
        values: Fields of `Entry` but line, of any type.
        raw: What the row held, for the quarantine.
    """
    try:
        texts = {name: clean_text(name, values.get(name)) for name in _TEXTS}
        position = _position(values.get("position"))
        if not texts["playlist_id"]:
            raise EntryInvalid("playlist_id: empty")
        track_id = track_id_of(texts.pop("track_id"))
        if (local := _LOCAL.fullmatch(track_id)) is not None:
            for name in ("artist", "title"):
                texts[name] = texts[name] or unquote_plus(local[name])
        ids = {kind: normal_id(kind, texts.pop(kind)) for kind in (ISRC, RECORDING)}
        if not (track_id or any(ids.values()) or (texts["artist"] and texts["title"])):
            raise EntryInvalid(
                "track: neither id nor ISRC nor MusicBrainz recording nor artist and title"
            )
        added_at = texts.pop("added_at") or None
        return Entry(line, position=position, track_id=track_id, added_at=added_at, **ids, **texts)
    except EntryInvalid as fault:
        return Refused(line, str(fault), str(raw or dict(values)))


_TEXTS: Final = (
    *("playlist_id", "playlist", "track_id", ISRC, RECORDING, "artist", "title", "added_at"),
    "kind",
)


def clean_text(name: str, value: object) -> str:
    """Clean a cell of a field of `Entry`.

    Raises:
        EntryInvalid: It is no text, too long, or contains what is no text.
    """
    value = _one_text(name, value)
    if not isinstance(value, str | int):
        raise EntryInvalid(f"{name}: {str(value)[:40]!r} is not text")
    text = str(value).strip()
    most = MAX_KIND if name == "kind" else MAX_NAME
    if len(text) > most:
        raise EntryInvalid(f"{name}: longer than {most} characters")
    # Neither database stores NUL or half of a surrogate pair.
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise EntryInvalid(f"{name}: holds a character that is not text")
    return text


def _one_text(name: str, value: object) -> object:
    """Read a cell that another type, a list or an object stands in as text, where it can be."""
    if value is None or (isinstance(value, float) and value != value):
        return ""  # pandas writes a missing text as NaN
    if isinstance(value, str) and name in ("title", "playlist", "artist"):
        value = single_name(value)
    if isinstance(value, str) and name == "artist" and value.lstrip().startswith("["):
        value = split_list(value, "", placeholders=False)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        # A credit of several artists; commas of their names are escaped, as in Exportify's files.
        return ", ".join(part.replace(",", "\\,") for part in value)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # an id read by a tool that turned gaps into NaN
    return value.isoformat() if isinstance(value, date) else value


def _position(value: object) -> int:
    try:
        number = float(str(value))
        position = int(number)
    except (ValueError, OverflowError):
        raise EntryInvalid(f"position: {str(value)[:40]!r} is not a whole number") from None
    if position != number or abs(position) > MAX_POSITION:
        raise EntryInvalid(f"position: {str(value)[:40]!r} is not a whole number in range")
    return position
