"""Items of sources: a track as a source describes it, checked, and what became of it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from quintet_contract.attributes import RANGES
from quintet_contract.limits import MAX_TEXT

from quintet_store.features import FeatureInvalid, check_features
from quintet_store.sources import MAX_ITEM_ID

ARTIST: Final = "artist"
ALBUM: Final = "album"
"""Kinds of groups of songs."""
_HASH: Final = re.compile(r"(?:[0-9a-f]{32,64})?\Z")


class Match(StrEnum):
    """How an item was recognised."""

    ITEM = "item"
    AUDIO = "audio"
    ID = "id"
    NAME = "name"
    NEW = "new"
    INVALID = "invalid"


@dataclass(frozen=True)
class Group:
    """An artist or album that a media server lists a song under.

    Attributes:
        kind: `ARTIST` or `ALBUM`.
        group_id: The server's own id of it, 1 to 512 characters.
        name: As the server writes it.
    """

    kind: str
    group_id: str
    name: str


@dataclass(frozen=True)
class Item:
    """A track as a source describes it.

    Attributes:
        item_id: The source's own id, at most 512 characters; of a folder, `sources.path_key`.
        title: As in the tags, not empty.
        artists: Each on its own, at least one.
        duration_ms: More than 0.
        album: Empty if unknown, like all texts.
        release_date: YYYY, YYYY-MM or YYYY-MM-DD.
        explicit: Whether the source marks it as explicit.
        genres: Any number.
        ids: (kind of `quintet_text.track_ids.KINDS`, text); what is no id is left out.
        path: Of the file if this machine can read it, as Python gives it (`os.fsdecode`).
        size: Of the file, bytes.
        mtime_ns: When the file changed, nanoseconds.
        audio_hash: Identifies the audio without tags, 32 to 64 hexadecimal digits.
        features: Audio features that the tags hold.
        features_from: Kind of their provenance: `tags` or `beets`.
        groups: Artists and the album by the server's ids; empty for sources without such ids.
    """

    item_id: str
    title: str
    artists: Sequence[str]
    duration_ms: float
    album: str = ""
    release_date: str = ""
    explicit: bool = False
    genres: Sequence[str] = ()
    ids: Sequence[tuple[str, str]] = ()
    path: str = ""
    size: int | None = None
    mtime_ns: int | None = None
    audio_hash: str = ""
    features: Mapping[str, float | None] = field(default_factory=dict)
    features_from: str = "tags"
    groups: Sequence[Group] = ()


@dataclass(frozen=True)
class Recorded:
    """What became of an item; `track_id` is empty where it went into quarantine, for `reason`."""

    item_id: str
    track_id: str
    match: Match
    reason: str = ""


def unfit(item: Item) -> str:
    """Say why an item cannot be a track; empty if it can."""
    if not item.item_id or len(item.item_id) > MAX_ITEM_ID:
        return f"item id: empty, or longer than {MAX_ITEM_ID} characters"
    texts = {"title": (item.title,), "artists": item.artists, "album": (item.album,)}
    for name, values in {**texts, "genres": item.genres}.items():
        if any(len(text) > MAX_TEXT or "\0" in text for text in values):
            return f"{name}: longer than {MAX_TEXT} characters, or holds a NUL character"
    if not item.title.strip():
        return "title: empty"
    if not any(name.strip() for name in item.artists):
        return "artists: none"
    if not _HASH.match(item.audio_hash):
        return "audio_hash: not 32 to 64 hexadecimal digits in lower case"
    most = RANGES["duration_ms"][1]
    if not 0 < item.duration_ms <= most:
        return f"duration_ms: {item.duration_ms:g} is not above 0 and at most {most:g}"
    try:
        check_features(item.features)
    except FeatureInvalid as fault:
        return str(fault)
    return ""


def new_track_id(source: str, item: Item) -> str:
    """Make the id of an item that no track is: from its audio, else from source and item.

    Both are 128 bits: among 10 million recordings two share an id with a probability of 1.5e-25.
    """
    if item.audio_hash:
        return f"audio-{item.audio_hash[:32]}"
    text = f"{source}\0{item.item_id}".encode()
    return f"item-{hashlib.blake2b(text, digest_size=16).hexdigest()}"
