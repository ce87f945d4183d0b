"""The facts that explain a recommended track, each about one seed or one target of the query."""

from enum import StrEnum
from typing import Final, NamedTuple

CLOSE_COSINE: Final = 0.5
"""From this cosine on, two tracks are called close in sound; below, a seed is only the nearest."""
NEAR_TASTE: Final = 0.5
"""From this cosine in the taste space on, two tracks are called near in taste."""

NO_SEED: Final = -1
"""The place of a reference that is no seed: a track of the listener's memory."""


class Kind(StrEnum):
    """What a fact is about."""

    SAME_ALBUM = "same_album"
    SAME_ARTIST = "same_artist"
    TOGETHER = "playlists_together"
    """Playlists hold both the track and the referenced one; `value` counts them, `other_value` all
    that hold the referenced one."""
    ARTISTS_TOGETHER = "artists_together"
    """Playlists hold both artists; `value` counts them, `other_value` all that hold the artist of
    the reference; `name` is the track's artist."""
    TASTE = "near_in_taste"
    """Listeners who like one like the other; `value` is the cosine in the taste space."""
    GENRE = "shared_genre"
    """`value` counts the genres of the track that the reference has too, `other_value` all genres
    of the track."""
    SOUND = "close_in_sound"
    """`value` is the cosine of the weighted audio attributes."""
    ATTRIBUTE = "attribute"
    TEMPO = "tempo"
    KEY = "key"
    TARGET = "target"
    """`value` is the track's, `other_value` the value that the query asked for."""
    LIKED = "because_you_liked"
    """The listener liked or saved the referenced track, and the memory moved this one up.
    `attribute` says how the two are linked: "artist", of which `name` is the name, or "taste" or
    "sound", of which `value` is the cosine."""
    PLAYED = "because_you_played"
    """The same of a track that the listener played, without an opinion."""


class Relation(StrEnum):
    """How the track's value relates to the reference's."""

    NONE = ""
    HIGH = "alike_high"
    """Alike, and both notably above the catalogue's mean."""
    LOW = "alike_low"
    """Alike, and both notably below the catalogue's mean."""
    MORE = "more"
    LESS = "less"
    SAME = "same"
    """The same tempo range, near the catalogue's mean; or keys that fit."""
    DOUBLE = "double"
    HALF = "half"


class ReferenceKind(StrEnum):
    """What a fact compares the track with."""

    TRACK = "track"
    """A seed track."""
    ARTIST = "artist"
    """A seed artist; attributes are compared with the mean of all tracks by that artist."""
    GENRE = "genre"
    """A seed genre; likewise."""
    MEMBER = "member"
    """A popular track of a seed artist or genre, which stands for it in playlists."""
    LISTENED = "listened"
    """A track of the listener's memory; its `seed` is `NO_SEED`."""


class Reference(NamedTuple):
    """What a fact compares the track with: a seed, a track that stands for it, or a liked track.

    Attributes:
        seed: The place of the seed in the request, from 0; `NO_SEED` for a track of the memory.
        kind: Whether it is the seed itself.
        id: A track id, an artist id or a genre.
        name: The track's title, the artist's name or the genre.
        artist: The first artist of a track; empty otherwise.
    """

    seed: int
    kind: ReferenceKind
    id: str
    name: str
    artist: str = ""


class Fact(NamedTuple):
    """One fact about a recommended track.

    Attributes:
        kind: What it is about.
        reference: The seed that it is true of; None for a target.
        weight: Its signed share of all effects on the track's score, -1..1; greater matters more.
        attribute: The attribute compared, or the link to a liked track; empty for other kinds.
        relation: How `value` relates to `other_value`; empty where the kind says it.
        value: The track's value in the attribute's unit, a count or a cosine.
        other_value: The reference's value, the target, or what `value` is a part of.
        name: The artist or genre that the fact names.
    """

    kind: Kind
    reference: Reference | None
    weight: float
    attribute: str = ""
    relation: Relation = Relation.NONE
    value: float = 0.0
    other_value: float = 0.0
    name: str = ""
