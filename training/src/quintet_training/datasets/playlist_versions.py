"""New versions of playlists: what an import changes of the rows that are stored.

If an import has a position that the stored playlist has too, it is a new version, which replaces
all rows of the playlist. If it has other positions only, it continues the playlist, as where a data
set has several files.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
from quintet_store import playlist_files as store
from sqlalchemy import Connection

from quintet_training.datasets.playlist_files import SCHEMA, read_file

_PLACE: Final = ("playlist_id", "position")
_SAME: Final = ("playlist_id", "position", "track_id")


@dataclass(frozen=True)
class Change:
    """What a part of an import changes.

    Attributes:
        rows: The rows of playlists that are new or changed, of `playlist_files.SCHEMA`.
        playlists: Of these playlists: playlist_id, playlist (its name), kind, count of rows.
        added: Rows that were not stored before.
        created: Playlists that were not stored before.
    """

    rows: pl.DataFrame
    playlists: pl.DataFrame
    added: int
    created: int


def change_of(connection: Connection, folder: Path, part: pl.DataFrame) -> Change:
    """Compare rows of an import with the stored rows of the same playlists.

    Args:
        connection: To read by.
        folder: Of the files of playlists.
        part: Rows of `playlist_bulk.MATCHED`, with all rows of their playlists.

    Raises:
        StoreUnavailable: A file is missing or damaged.
    """
    ordered = part.sort(*_PLACE, "order")
    # The first row at a position counts, and the first row of a playlist names it.
    rows = ordered.unique(_PLACE, keep="first", maintain_order=True)
    named = rows.group_by("playlist_id", maintain_order=True).agg(
        pl.col("playlist", "kind").sort_by("order").first()
    )
    rows, added = rows.select(*SCHEMA), len(rows)
    known = store.known_playlists(connection, named["playlist_id"].to_list())
    stored = {name: each.file_id for name, each in known.items() if each.file_id is not None}
    if stored:
        before = _stored_rows(connection, folder, stored)
        added -= len(rows.join(before, on=_SAME, how="semi", nulls_equal=True))
        rows = _merged(rows, before)
    counts = rows.group_by("playlist_id").len("count")
    playlists = named.join(counts, on="playlist_id", how="inner", maintain_order="left")
    return Change(rows, playlists, added, len(named) - len(known))


def _stored_rows(connection: Connection, folder: Path, stored: Mapping[str, int]) -> pl.DataFrame:
    by_file: dict[int, list[str]] = defaultdict(list)
    for name, file_id in stored.items():
        by_file[file_id].append(name)
    parts = [
        read_file(folder, file, by_file[file.file_id], list(SCHEMA))
        for file in store.list_files(connection, by_file.keys())
    ]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *parts])


def _merged(rows: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of the playlists that change, with what continued playlists had before."""
    replaced = rows.join(before, on=_PLACE, how="semi").select("playlist_id").unique()
    continued = before.join(replaced, on="playlist_id", how="anti")
    both = pl.concat([rows, continued])
    # Counted, because a version that ends earlier has no row that differs.
    old, new = (each.group_by("playlist_id").len("count") for each in (before, both))
    same = both.join(before, on=list(SCHEMA), how="semi", nulls_equal=True)
    equal = same.group_by("playlist_id").len("count")
    unchanged = new.join(old, on=("playlist_id", "count"), how="semi")
    unchanged = unchanged.join(equal, on=("playlist_id", "count"), how="semi")
    return both.join(unchanged, on="playlist_id", how="anti")
