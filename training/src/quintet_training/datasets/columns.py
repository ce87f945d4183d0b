"""Which column of a file is which field of a track."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from quintet_contract.attributes import ATTRIBUTES

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "track_id": ("track_id", "spotify_id", "spotify_track_id", "id", "track_uri", "uri"),
    "title": ("title", "track_name", "track_title", "name", "song", "song_name", "song_title"),
    "artists": (
        "artists",
        "artist_names",
        "artist_s",
        "track_artists",
        "artist",
        "artist_name",
        "track_artist",
        "performer",
    ),
    "album": ("album", "album_name", "track_album_name", "album_title"),
    "release_date": ("release_date", "track_album_release_date", "album_release_date", "year"),
    "explicit": ("explicit", "is_explicit", "track_explicit"),
    "isrc": ("isrc", "track_isrc"),
    "genres": ("genres", "genre", "track_genre", "track_genres", "playlist_genre"),
    "cover_url": ("cover_url", "album_image_url", "album_cover_url", "image_url"),
    "preview_url": ("preview_url", "track_preview_url", "track_preview", "preview"),
    "provenance": ("provenance", "source", "feature_source"),
    "licence": ("licence", "license"),
    "popularity": ("popularity", "track_popularity"),
    "duration_ms": ("duration_ms", "duration", "track_duration_ms", "length_ms"),
    "tempo": ("tempo", "tempo_bpm", "bpm"),
    "key": ("key", "track_key"),
    "mode": ("mode", "track_mode"),
    "loudness": ("loudness", "loudness_db"),
    "time_signature": ("time_signature", "meter"),
}
"""Names of columns, as `plain_name` gives them, best first; other features have their own only."""

FIELDS: Final = tuple(dict.fromkeys((*ALIASES, *ATTRIBUTES)))
DEFAULTS: Final[Mapping[str, str]] = {
    "album": "empty",
    "release_date": "empty",
    "explicit": "false",
    "isrc": "empty",
    "genres": "none",
    "cover_url": "empty",
    "preview_url": "empty",
    "provenance": "the file's name",
    "licence": "unknown",
    "popularity": "0",
    "time_signature": "4",
}
"""What a field holds whose column, or whose cell, is missing; all other fields are required."""

_PLAIN: Final = re.compile(r"[^a-z0-9]+")
# One cell of these names one artist, whatever punctuation the name has.
_SINGULAR: Final = frozenset(("artist", "artist_name", "track_artist", "performer"))


class DatasetInvalid(ValueError):
    """A file cannot be imported at all; the message is one line and names the remedy."""


def plain_name(column: str) -> str:
    """Return a column name in lower case with anything but letters and digits as `_`."""
    return _PLAIN.sub("_", column.casefold()).strip("_")


def holds_many(column: str) -> bool:
    """Check whether cells of a column may list several names, separated by semicolons."""
    return plain_name(column) not in _SINGULAR


def map_columns(columns: Sequence[str], overrides: Mapping[str, str]) -> dict[str, str]:
    """Return field to column; overrides (column to field) come first.

    Raises:
        DatasetInvalid: An override names an unknown column or field, or a required field has no
            column.
    """
    mapping: dict[str, str] = {}
    for column, field in overrides.items():
        if column not in columns:
            raise DatasetInvalid(f"--map: the file has no column {column!r}")
        if field not in FIELDS:
            raise DatasetInvalid(f"--map: {field!r} is not a field; fields: {', '.join(FIELDS)}")
        mapping[field] = column
    free = {plain_name(column): column for column in reversed(columns) if column not in overrides}
    for field in FIELDS:
        names = (name for name in ALIASES.get(field, (field,)) if name in free)
        if field not in mapping and (name := next(names, None)) is not None:
            mapping[field] = free.pop(name)
    missing = [field for field in FIELDS if field not in mapping and field not in DEFAULTS]
    if missing:
        raise DatasetInvalid(
            f"missing {', '.join(missing)}; the file has {', '.join(columns) or 'no column'}; "
            "name a column with --map COLUMN=FIELD"
        )
    return mapping
