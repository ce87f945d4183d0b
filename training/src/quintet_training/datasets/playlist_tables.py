"""Playlists as tables: one row a track of a playlist, or one Exportify file a playlist."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from quintet_training.datasets.columns import DatasetInvalid, plain_name
from quintet_training.datasets.entries import Item, Meter, make_entry
from quintet_training.datasets.reading import LINE, TableFile, open_table

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "playlist_id": ("playlist_id", "pid", "playlist_uri", "session_id"),
    "playlist": ("playlist_name", "playlist"),
    "position": ("position", "pos", "track_position", "index"),
    "track_id": ("track_id", "track_uri", "spotify_id", "spotify_track_id", "uri"),
    "isrc": ("isrc", "track_isrc"),
    "artist": ("artist_name_s", "artist_names", "artist_name", "artist", "artists"),
    "title": ("track_name", "title", "track_title", "name"),
    "added_at": ("added_at", "added"),
}


def columns_of(table: TableFile) -> dict[str, str]:
    """Return field to column, for the columns recognised."""
    free = {plain_name(column): column for column in reversed(table.columns)}
    found = {}
    for field, names in _NAMES.items():
        name = next((name for name in names if name in free), None)
        if name is not None:
            found[field] = free[name]
    return found


def read_table(path: Path, meter: Meter) -> Iterator[Item]:
    """Read rows (playlist_id, position, track_id); without positions, the order of rows.

    Raises:
        DatasetInvalid: The file cannot be read or lacks columns.
    """
    table = open_table(path)
    mapping = columns_of(table)
    if "playlist_id" not in mapping:
        raise DatasetInvalid(
            f"{path}: missing playlist_id; the file has {', '.join(table.columns)}"
        )
    yield from _rows(table, mapping, meter, {})


def read_exportify(path: Path, meter: Meter) -> Iterator[Item]:
    """Read one playlist, named by its file, in the order of rows.

    Raises:
        DatasetInvalid: The file cannot be read or lacks columns.
    """
    table = open_table(path)
    mapping = {name: column for name, column in columns_of(table).items() if name != "position"}
    fixed = {"playlist_id": f"exportify:{path.stem}", "playlist": path.stem}
    yield from _rows(table, mapping, meter, fixed)


def _rows(
    table: TableFile, mapping: Mapping[str, str], meter: Meter, fixed: Mapping[str, str]
) -> Iterator[Item]:
    if not ("track_id" in mapping or "isrc" in mapping or {"artist", "title"} <= mapping.keys()):
        raise DatasetInvalid(f"{table.path}: missing track_id, or ISRC, or artist and title")
    number = 0
    for batch in table.batches(list(dict.fromkeys(mapping.values()))):
        meter.share = batch.share
        yield from batch.refused
        for row in batch.rows.iter_rows(named=True):
            values: dict[str, Any] = {name: row[column] for name, column in mapping.items()}
            values = {"position": number, **values, **fixed}
            number += 1
            yield make_entry(row[LINE], values)
