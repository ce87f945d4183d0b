"""Storing rows of playlists in the database, and the ids that playlists get there."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl
from quintet_store import playlist_files as files
from quintet_store import playlists as store
from sqlalchemy import Connection

from quintet_training.datasets.entries import Entry
from quintet_training.datasets.playlist_bulk import MATCHED

ROWS_AT_ONCE: Final = 20_000


def names_as_stored(
    connection: Connection, names: Sequence[str], source: str
) -> dict[str, tuple[str, bool]]:
    """Map ids of playlists to their ids in the database, and whether it keeps their rows.

    Ids of two origins may collide; they are different playlists, so the later one gets the source
    as a prefix.
    """
    found: dict[str, tuple[str, bool]] = {}
    left = {name: name for name in names}
    while left:
        known = files.known_playlists(connection, left.values())
        again = {}
        for raw, name in left.items():
            each = known.get(name)
            if each is not None and each.provenance != source:
                again[raw] = f"{source}:{name}"
            else:
                is_here = each is not None and each.file_id is None
                found[raw] = (name, is_here or files.is_of_listeners(name))
        left = again
    return found


def store_entries(
    connection: Connection,
    rows: Sequence[tuple[Entry, str]],
    import_id: int,
    facts: Mapping[str, str],
) -> None:
    """Store matched entries in the database, as `store_rows` does.

    Args:
        connection: In a transaction that writes.
        rows: Entries, each with its track's id.
        import_id: The import that they belong to.
        facts: `source` and `licence` of the rows.
    """
    values = [
        (number, e.playlist_id, e.playlist, e.kind, e.position, track, e.added_at)
        for number, (e, track) in enumerate(rows)
    ]
    frame = pl.DataFrame(values, schema=MATCHED, orient="row")
    names = names_as_stored(connection, frame["playlist_id"].unique().to_list(), facts["source"])
    named = pl.col("playlist_id").replace({raw: name for raw, (name, _) in names.items()})
    store_rows(connection, frame.with_columns(named), import_id, facts)


def store_rows(
    connection: Connection, rows: pl.DataFrame, import_id: int, facts: Mapping[str, str]
) -> None:
    """Store rows in the database; an existing position of a playlist stays unchanged.

    Args:
        connection: In a transaction that writes.
        rows: Of `MATCHED`, in their order, with the ids that playlists have in the database.
        import_id: The import that they belong to.
        facts: `source` and `licence` of the rows.
    """
    own = {"provenance": facts["source"], "licence": facts["licence"], "import_id": import_id}
    for part in rows.iter_slices(ROWS_AT_ONCE):
        # The first row of a playlist decides its name.
        first = part.unique("playlist_id", keep="first", maintain_order=True)
        playlists: list[dict[str, Any]] = [
            {"playlist_id": row["playlist_id"], "name": row["playlist"], "kind": row["kind"], **own}
            for row in first.iter_rows(named=True)
        ]
        columns = ("playlist_id", "position", "track_id", "added_at")
        places = [
            {**row, "import_id": import_id} for row in part.select(columns).iter_rows(named=True)
        ]
        store.add_playlists(connection, playlists, places)
