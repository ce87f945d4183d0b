"""Which column of a file is which field of a track."""

from collections.abc import Mapping, Sequence
from typing import Final

from quintet_contract.attributes import ATTRIBUTES, NULLABLE
from quintet_text.track_ids import KINDS

from quintet_training.datasets.column_meaning import compact, meaning_of

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "track_id": ("track_id", "spotify_id", "spotify_track_id", "id", "track_uri", "uri"),
    "title": ("title", "track_name", "track_title", "name", "song", "song_name", "song_title"),
    "artists": (
        "artists",
        "artist_names",
        "artist_s",
        "artist_name_s",
        "artistsnames",
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
    "musicbrainz_recording": (
        *("musicbrainz_recording", "musicbrainz_recording_id", "musicbrainz_recordingid"),
        *("recording_mbid", "mb_trackid", "musicbrainz_trackid", "musicbrainz_track_id", "mbid"),
    ),
    "musicbrainz_release": (
        *("musicbrainz_release", "musicbrainz_release_id", "release_mbid", "mb_albumid"),
        *("musicbrainz_albumid", "musicbrainz_album_id"),
    ),
    "musicbrainz_artist": (
        *("musicbrainz_artist", "musicbrainz_artist_id", "artist_mbid", "mb_artistid"),
        "musicbrainz_artistid",
    ),
    "spotify": ("spotify", "spotify_id", "spotify_uri", "spotify_track_id"),
    "genres": ("genres", "genre", "track_genre", "track_genres", "playlist_genre"),
    "cover_url": ("cover_url", "album_image_url", "album_cover_url", "image_url"),
    "preview_url": ("preview_url", "track_preview_url", "track_preview", "preview"),
    "provenance": ("provenance", "source", "feature_source"),
    "licence": ("licence", "license"),
    "popularity": ("popularity", "track_popularity"),
    "duration_ms": (
        *("duration_ms", "track_duration_ms", "length_ms", "duration", "track_duration"),
        *("duration_s", "duration_sec", "duration_seconds", "length", "length_s", "total_time"),
        *("duration_min", "duration_mins", "track_length", "seconds"),
    ),
    "tempo": ("tempo", "tempo_bpm", "bpm"),
    "key": ("key", "track_key"),
    "mode": ("mode", "track_mode"),
    "loudness": ("loudness", "loudness_db"),
    "time_signature": ("time_signature", "meter"),
}
"""Names of columns, best first, compared by `compact`; other features have their own name only."""

FIELDS: Final = tuple(dict.fromkeys((*ALIASES, *ATTRIBUTES)))
IDS: Final = KINDS
"""Fields that hold an id by others; they are named as `quintet_text.track_ids.KINDS`."""
DEFAULTS: Final[Mapping[str, str]] = {
    "track_id": "made from the names",
    "album": "empty",
    "release_date": "empty",
    "explicit": "false",
    **dict.fromkeys(IDS, "none"),
    "genres": "none",
    "cover_url": "empty",
    "preview_url": "empty",
    "provenance": "the file's name",
    "licence": "unknown",
    **dict.fromkeys(NULLABLE, "unknown"),
}
"""What a field holds whose column, or whose cell, is missing; the other fields are required: title,
artists and duration."""

# One cell of these names one artist, whatever punctuation the name has.
_SINGULAR: Final = frozenset(("artist", "artistname", "trackartist", "performer"))
# Meanings of a column's words (`column_meaning`) that are fields of a track, where no column has a
# recognised name.
_BY_MEANING: Final[Mapping[str, str]] = {
    "track_id": "track_id",
    "title": "title",
    "artists": "artist",
    "album": "album",
}


class DatasetInvalid(ValueError):
    """A file cannot be imported at all; the message is one line and names the remedy."""


def holds_many(column: str) -> bool:
    """Check whether cells of a column may list several names, separated by semicolons."""
    return compact(column) not in _SINGULAR


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
    free = [column for column in columns if column not in overrides]
    mapping |= named_columns(free, {f: ALIASES.get(f, (f,)) for f in FIELDS if f not in mapping})
    for field, meaning in _BY_MEANING.items():
        left = (column for column in free if column not in mapping.values())
        if field not in mapping:
            found = next((column for column in left if meaning_of(column) == meaning), None)
            mapping |= {field: found} if found is not None else {}
    # "8A" and "C minor" give both, so that one column can serve as key and as mode.
    if "key" in mapping:
        mapping.setdefault("mode", mapping["key"])
    missing = [field for field in FIELDS if field not in mapping and field not in DEFAULTS]
    if missing:
        raise DatasetInvalid(
            f"missing {', '.join(missing)}; the file has {', '.join(columns) or 'no column'}; "
            "name a column with --map COLUMN=FIELD"
        )
    return mapping


def named_columns(columns: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Find the column of each field by its recognised names; each column serves one field.

    Args:
        columns: In the order of the file; of two columns of one name the first counts.
        names: Field to its names, best first.

    Returns:
        Field to column, for the fields found.
    """
    free = {compact(column): column for column in reversed(columns)}
    found: dict[str, str] = {}
    for field, known in names.items():
        name = next((form for form in map(compact, known) if form in free), None)
        if name is not None:
            found[field] = free.pop(name)
    return found
