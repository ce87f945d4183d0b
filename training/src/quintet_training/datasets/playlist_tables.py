"""Playlists and listening histories as tables: CSV or Parquet, one row per track."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl
from quintet_text.track_ids import ISRC, RECORDING

from quintet_training.datasets.chunks import ORDER, Chunk, chunks_of, items_of
from quintet_training.datasets.column_meaning import compact, fields_by_content, meaning_of
from quintet_training.datasets.columns import ALIASES, DatasetInvalid, named_columns
from quintet_training.datasets.entries import HOW, Item, Meter, Reading, make_entry
from quintet_training.datasets.listens import Listen, listens_of_rows
from quintet_training.datasets.reading import open_table
from quintet_training.datasets.sessions import Sessions
from quintet_training.datasets.tables import LINE, Refused, TableFile

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "playlist_id": ("playlist_id", "pid", "playlist_uri", "session_id"),
    "playlist": ("playlist_name", "playlist", "playlist_title"),
    "kind": ("kind", "playlist_kind"),
    "owner": ("user_id", "user", "user_name", "owner", "playlist_owner"),
    "position": ("position", "pos", "track_position", "index"),
    "track_id": ("track_id", "track_uri", "spotify_id", "spotify_track_id", "spotify_track_uri"),
    "isrc": ("isrc", "track_isrc", "track_external_ids_isrc"),
    "musicbrainz_recording": (*ALIASES["musicbrainz_recording"], "track_mbid"),
    "artist": (
        *("artist_name_s", "artist_names", "artist_name", "artist", "artists"),
        *("track_artist", "track_artists"),
        *("artist_name_1", "artist_1", "master_metadata_album_artist_name", "performer"),
    ),
    "title": (
        *("track_name", "title", "track_title", "track", "song_title", "song_name", "song", "name"),
        "master_metadata_track_name",
    ),
    "added_at": ("added_at", "added", "date_added"),
    "listened_at": (
        *("listened_at", "uts", "utc_time", "end_time", "ts", "played_at", "timestamp"),
        *("listen_date", "scrobble_time", "time_played", "date_uts"),
    ),
    "played_ms": ("ms_played", "played_ms"),
}
"""Field to the names of its column, best first, compared by `compact`."""
IDS: Final = frozenset(("track_id", ISRC, RECORDING))
"""Fields that name a track by themselves."""
_SYNONYMS: Final = {"artists": "artist", "playlist_name": "playlist", "track_uri": "track_id"}
_SAMPLE: Final = 50


def columns_of(table: TableFile, how: Reading = HOW) -> dict[str, str]:
    """Map field to column: by `--map`, by recognised names, by meaning, by content.

    Raises:
        DatasetInvalid: `--map` names a column or a field that does not exist.
    """
    found = _mapped(table, how.columns)
    free = [column for column in table.columns if column not in found.values()]
    found |= named_columns(free, {f: names for f, names in NAMES.items() if f not in found})
    for column in free:
        meaning = meaning_of(column) if column not in found.values() else None
        if meaning is not None and meaning in NAMES and meaning not in found:
            found[meaning] = column
    if "track_id" not in found:
        # Some exporters call the column of addresses "URL", "Link" or a word that nobody knows.
        left = [column for column in table.columns if column not in found.values()]
        found |= fields_by_content(_sample(table, left))
        for name in ("uri", "id"):
            by_name = next((column for column in left if compact(column) == name), None)
            if "track_id" not in found and by_name is not None:
                found["track_id"] = by_name
    return found


def _mapped(table: TableFile, columns: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column, name in columns.items():
        if column not in table.columns:
            raise DatasetInvalid(
                f"--map: {table.path.name} has no column {column!r}; it has "
                f"{', '.join(table.columns)}"
            )
        field = _SYNONYMS.get(name, name)
        if field not in NAMES:
            raise DatasetInvalid(f"--map: {name!r} is not a field; fields: {', '.join(NAMES)}")
        found[field] = column
    return found


def _sample(table: TableFile, columns: list[str]) -> list[dict[str, Any]]:
    if not columns:
        return []
    first = next(table.batches(columns), None)
    return [] if first is None else first.rows.select(columns).head(_SAMPLE).to_dicts()


def names_tracks(mapping: Mapping[str, str]) -> bool:
    """Check whether columns are enough to find tracks: any id, or artist and title."""
    return bool(IDS & mapping.keys()) or {"artist", "title"} <= mapping.keys()


def read_table(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read rows of playlists one by one, as `table_chunks` does.

    Raises:
        DatasetInvalid: The file cannot be read or lacks columns.
    """
    return items_of(table_chunks(path, meter, how))


def table_chunks(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Chunk]:
    """Read rows of playlists; without positions, the order of rows.

    The playlist of a row is its playlist_id; else its owner and playlist's name, so that one file
    may hold many playlists; else, in a listening history, the session; else the file.

    Raises:
        DatasetInvalid: The file cannot be read or lacks columns.
    """
    table = open_table(path, how.encoding)
    mapping = columns_of(table, how)
    _check_columns(table, mapping)
    if "listened_at" in mapping and not {"playlist_id", "playlist", "position"} & mapping.keys():
        yield from chunks_of(_history(table, mapping, meter))
    else:
        prefix = "" if "playlist_id" in mapping else "table"
        yield from _chunks(table, mapping, meter, prefix)


def read_exportify(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Item]:
    """Read one playlist, named by its file, row by row.

    Raises:
        DatasetInvalid: The file cannot be read or lacks columns.
    """
    return items_of(exportify_chunks(path, meter, how))


def exportify_chunks(path: Path, meter: Meter, how: Reading = HOW) -> Iterator[Chunk]:
    """Read one playlist, named by its file, in the order of rows.

    Raises:
        DatasetInvalid: The file cannot be read or lacks columns.
    """
    table = open_table(path, how.encoding)
    columns = columns_of(table, how)
    _check_columns(table, columns)
    # The user said that the file is one playlist: columns that would split it do not count.
    grouping = ("playlist_id", "playlist", "kind", "owner", "position", "listened_at", "played_ms")
    mapping = {name: column for name, column in columns.items() if name not in grouping}
    yield from _chunks(table, mapping, meter, "exportify")


def _check_columns(table: TableFile, mapping: Mapping[str, str]) -> None:
    if not names_tracks(mapping):
        raise DatasetInvalid(
            f"{table.path}: no column names tracks: track_id, isrc, musicbrainz_recording, or "
            f"artist and title; the file has {', '.join(table.columns) or 'no column'}; name a "
            "column with --map COLUMN=FIELD"
        )


def _chunks(
    table: TableFile, mapping: Mapping[str, str], meter: Meter, prefix: str
) -> Iterator[Chunk]:
    """Read batches; where there is a prefix, playlists have no id and get one from their name."""
    stem = table.path.stem

    def group(values: Mapping[str, Any]) -> Mapping[str, Any]:
        if not prefix:
            return values
        name = str(values.get("playlist") or "").strip()
        owner = str(values.get("owner") or "").strip() if name else ""
        parts = (prefix, stem, owner, name)
        named = ":".join(part for part in parts if part)
        return {"kind": values.get("kind"), "playlist_id": named, "playlist": name or stem}

    def item(row: Mapping[str, Any]) -> Item:
        values = {name: row[name] for name in mapping}
        # Positions count over the whole file: they need to rise within a playlist only.
        return make_entry(row[LINE], {"position": row[ORDER], **values, **group(values)})

    fields = [pl.col(column).alias(name) for name, column in mapping.items()]
    for batch in table.batches(list(dict.fromkeys(mapping.values()))):
        meter.share = batch.share
        # The column of lines is not one of the file, so it has no field's name.
        yield Chunk(batch.refused, batch.rows.select(pl.col(LINE), *fields), item, group)


def _history(table: TableFile, mapping: Mapping[str, str], meter: Meter) -> Iterator[Item]:
    yield from sessions_of(
        listens_of_rows(values_of(table, mapping, meter), meter),
        Sessions("history", table.path.stem),
        meter,
    )


def sessions_of(
    listens: Iterable[Listen | Refused], sessions: Sessions, meter: Meter
) -> Iterator[Item]:
    """Place listens in sessions, which training reads as playlists; skips are passed over."""
    for listen in listens:
        if isinstance(listen, Refused):
            yield listen
        elif listen.kind == "skip" or listen.at is None:
            meter.passed_over += 1
        else:
            yield replace(listen.entry, **sessions.place(listen.owner, listen.at))


def values_of(
    table: TableFile, mapping: Mapping[str, str], meter: Meter
) -> Iterator[tuple[int, dict[str, Any]] | Refused]:
    """Read the rows of a table as (line, field to value), and the rejected ones."""
    for batch in table.batches(list(dict.fromkeys(mapping.values()))):
        meter.share = batch.share
        yield from batch.refused
        for row in batch.rows.iter_rows(named=True):
            yield row[LINE], {name: row[column] for name, column in mapping.items()}
