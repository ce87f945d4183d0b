"""Histories as tables: Spotify, Last.fm, Apple Music and any table with a column of times."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from quintet_text.decoding import HEAD

from quintet_training.datasets.column_meaning import compact
from quintet_training.datasets.columns import DatasetInvalid, named_columns
from quintet_training.datasets.csv_files import open_csv
from quintet_training.datasets.entries import Meter, Reading
from quintet_training.datasets.listens import Listen, listens_of_rows
from quintet_training.datasets.playlist_tables import columns_of, names_tracks, values_of
from quintet_training.datasets.reading import open_table
from quintet_training.datasets.sessions import seconds_of
from quintet_training.datasets.tables import Refused, TableFile

_MORE_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    # "date" in a table of playlists is when a track was added; in a history it is the listen.
    "listened_at": (
        *("event_start_timestamp", "event_end_timestamp", "last_played_date", "date_played"),
        *("date", "time", "datetime", "scrobbled_at"),
    ),
    "played_ms": ("play_duration_milliseconds", "play_duration_ms", "ms"),
    "artist": ("container_artist_name",),
    "title": ("track_description",),
    "hour": ("hours",),
    "event": ("event_type",),
}
"""Names of columns that mean a field in a history only: Apple Music's, and Last.fm's tools'."""
_NOT_OF_LISTENS: Final = ("playlist_id", "playlist", "position", "added_at")
# These times are the end of a listen; that of all other histories is its start.
_ENDS: Final = frozenset(map(compact, ("ts", "end_time", "event_end_timestamp")))
# What lastfm-to-csv writes, without a header.
_HEADERLESS: Final = ("artist", "album", "track", "date")
# Apple's days of "Play History Daily Tracks", written as one number.
_DAY: Final = compact("date_played")
# Of Apple's events this alone has the time that was heard.
_PLAYED: Final = "PLAY_END"
_SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "spotify": ("master_metadata_track_name", "ms_played"),
    "lastfm": ("uts", "date.uts", "artist_mbid", "scrobbles"),
    "apple-music": (
        *("event_type", "container_artist_name", "last_played_date"),
        *("date_played", "track_description"),
    ),
}


def open_history(path: Path, how: Reading) -> tuple[TableFile, dict[str, str]]:
    """Open a history that is a table, and map field to column.

    Raises:
        DatasetInvalid: It cannot be read, or its columns name no track or no time.
    """
    table = _open(path, how)
    mapping = {
        name: column
        for name, column in columns_of(table, how).items()
        if name not in _NOT_OF_LISTENS
    }
    free = [column for column in table.columns if column not in mapping.values()]
    mapping |= named_columns(free, {f: n for f, n in _MORE_NAMES.items() if f not in mapping})
    if "listened_at" not in mapping or not (names_tracks(mapping) or "title" in mapping):
        raise DatasetInvalid(
            f"{path}: no history: of the columns {', '.join(table.columns) or 'none'} none is a "
            "time, or none names tracks; name them with --map COLUMN=FIELD (listened_at, artist, "
            "title, track_id, isrc, musicbrainz_recording, played_ms)"
        )
    return table, mapping


def source_of(table: TableFile) -> str:
    """Name the service that wrote a table by its columns; "history" if none is recognised."""
    columns = frozenset(map(compact, table.columns))
    named = (
        source
        for source, marks in _SOURCES.items()
        if any(compact(mark) in columns for mark in marks)
    )
    return next(named, "history")


def listens_of_table(path: Path, meter: Meter, how: Reading) -> Iterator[Listen | Refused]:
    """Read the listens of a table.

    Raises:
        DatasetInvalid: It cannot be read, or its columns name no track or no time.
    """
    table, mapping = open_history(path, how)
    ends = compact(mapping["listened_at"]) in _ENDS
    for listen in listens_of_rows(_rows(table, mapping, meter), meter):
        if ends and isinstance(listen, Listen) and listen.at is not None:
            listen = replace(listen, at=max(listen.at - (listen.played_ms or 0) // 1000, 0))
        yield listen


def _rows(
    table: TableFile, mapping: Mapping[str, str], meter: Meter
) -> Iterator[tuple[int, dict[str, Any]] | Refused]:
    is_daily = compact(mapping["listened_at"]) == _DAY
    for row in values_of(table, mapping, meter):
        if not isinstance(row, Refused):
            _, values = row
            if values.pop("event", None) not in (None, "", _PLAYED):
                meter.passed_over += 1
                continue
            hour = values.pop("hour", None)
            if is_daily:
                values["listened_at"] = _of_day(values.get("listened_at"), hour)
            if "artist" not in mapping and "track_id" not in mapping:
                # Apple's "Track Play History" and "Play History Daily Tracks" have "Artist - Title"
                # in one column.
                artist, _, title = str(values.get("title") or "").partition(" - ")
                values |= {"artist": artist, "title": title}
        yield row


def _of_day(day: Any, hours: Any) -> Any:
    """Join Apple's day, such as 20231114, and the first of its hours, such as "22, 23", to a time.

    Without an hour it is noon: half a day off at most. Another form of day stays as it is.
    """
    text = str(day if day is not None else "").strip()
    if len(text) != 8 or not text.isdigit():
        return day
    first = str(hours if hours is not None else "").split(",")[0].strip()
    hour = int(first) if first.isdigit() and int(first) < 24 else 12
    return f"{text[:4]}-{text[4:6]}-{text[6:]} {hour:02d}:00"


def _open(path: Path, how: Reading) -> TableFile:
    """Open a table; one of lastfm-to-csv, whose first line is a listen, gets its header."""
    table = open_table(path, how.encoding)
    with path.open("rb") as stream:
        is_text = not stream.read(HEAD).lstrip().startswith((b"PAR1", b"{", b"["))
    times = [seconds_of(name) is not None and not name.isdigit() for name in table.columns]
    if is_text and len(times) == len(_HEADERLESS) and times[-1] and not any(times[:-1]):
        return open_csv(path, how.encoding, _HEADERLESS)
    return table
