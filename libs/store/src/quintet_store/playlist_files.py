"""Queries over the files that hold rows of imported playlists, and the playlists in them."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from quintet_store.bulk import PARAMETERS, Rows, parts, write_rows
from quintet_store.database import read_as_it_is
from quintet_store.feedback import GROUP_PREFIX
from quintet_store.tables import Import, Playlist, PlaylistFile, PlaylistTrack, table_of

FOLDER: Final = "playlists"
"""Of the files, in QUINTET_HOME."""
_PLAYLISTS: Final = table_of(Playlist)
_FILES: Final = table_of(PlaylistFile)
_ENTRIES: Final = table_of(PlaylistTrack)
_IMPORTS: Final = table_of(Import)


@dataclass(frozen=True)
class StoredFile:
    """A file of rows of playlists.

    Attributes:
        file_id: Names it in the database.
        name: In the folder of such files.
        sha256: Of its content.
        rows: All rows in it.
        bytes: Its size.
        live: The rows that count: those of playlists that name this file.
    """

    file_id: int
    name: str
    sha256: str
    rows: int
    bytes: int
    live: int


@dataclass(frozen=True)
class Known:
    """What the database holds of a playlist: where it comes from, and the file with its rows."""

    provenance: str
    file_id: int | None


def list_files(connection: Connection, ids: Collection[int] | None = None) -> list[StoredFile]:
    """List files, the oldest first.

    Args:
        connection: To read by.
        ids: Of the files; None for all.
    """
    wanted = _PLAYLISTS.c.file_id.is_not(None)
    columns = [_FILES.c[name] for name in ("id", "name", "sha256", "rows", "bytes")]
    files = select(*columns)
    # For very many, reading all is no slower.
    if ids is not None and len(ids) <= PARAMETERS:
        wanted, files = _PLAYLISTS.c.file_id.in_(ids), files.where(_FILES.c.id.in_(ids))
    rows = func.sum(_PLAYLISTS.c.stored_rows)
    counted = select(_PLAYLISTS.c.file_id, rows).where(wanted).group_by(_PLAYLISTS.c.file_id)
    live = {int(row[0]): int(row[1]) for row in connection.execute(counted)}
    return [
        StoredFile(file_id, name, sha256, rows_in_it, size, live.get(file_id, 0))
        for file_id, name, sha256, rows_in_it, size in connection.execute(
            files.order_by(_FILES.c.id)
        )
        if ids is None or file_id in ids
    ]


def stored_files(url: str) -> list[StoredFile]:
    """List the files without creating or migrating a database; none if there is none.

    Raises:
        StoreUnavailable: The database is damaged or cannot be reached.
    """
    # Before that revision, there were no such files.
    return read_as_it_is(url, "0013", list_files, [])


def add_file(connection: Connection, facts: Mapping[str, Any]) -> int:
    """Write the row of a file (name, sha256, rows, bytes, written_at), and give its id."""
    made = connection.execute(insert(_FILES).values(**facts).returning(_FILES.c.id))
    return int(made.scalar_one())


def remove_file(connection: Connection, file_id: int) -> None:
    """Remove the row of a file that no playlist names."""
    connection.execute(delete(_FILES).where(_FILES.c.id == file_id))


def playlists_in(connection: Connection, file_id: int) -> list[str]:
    """List the playlists whose rows are in a file."""
    query = select(_PLAYLISTS.c.playlist_id).where(_PLAYLISTS.c.file_id == file_id)
    return [str(row[0]) for row in connection.execute(query)]


def count_playlists_in(connection: Connection, file_id: int) -> int:
    """Count the playlists whose rows are in a file."""
    query = select(func.count()).select_from(_PLAYLISTS).where(_PLAYLISTS.c.file_id == file_id)
    return int(connection.execute(query).scalar_one())


def count_created(connection: Connection, import_id: int) -> tuple[int, int]:
    """Count the playlists and rows that an import added to the database, and not to files."""
    mine = (_PLAYLISTS.c.import_id == import_id, _PLAYLISTS.c.file_id.is_(None))
    playlists = select(func.count()).select_from(_PLAYLISTS).where(*mine)
    rows = select(func.count()).select_from(_ENTRIES).where(_ENTRIES.c.import_id == import_id)
    counts = [connection.execute(query).scalar_one() for query in (playlists, rows)]
    return int(counts[0]), int(counts[1])


def rename_files(connection: Connection, file_ids: Sequence[int], file_id: int) -> None:
    """Note that all rows that count of some files are in another file."""
    moved = update(_PLAYLISTS).where(_PLAYLISTS.c.file_id.in_(file_ids))
    connection.execute(moved.values(file_id=file_id))


def known_playlists(connection: Connection, ids: Iterable[str]) -> dict[str, Known]:
    """Look playlists up by id; those that do not exist are left out."""
    return {
        str(row[0]): Known(str(row[1]), None if row[2] is None else int(row[2]))
        for part in parts(ids)
        for row in connection.execute(
            select(_PLAYLISTS.c.playlist_id, _PLAYLISTS.c.provenance, _PLAYLISTS.c.file_id).where(
                _PLAYLISTS.c.playlist_id.in_(part)
            )
        )
    }


def put_playlists(connection: Connection, rows: Rows) -> None:
    """Insert playlists whose rows are in a file; an existing one gets this version.

    An empty name or kind does not replace the one that the playlist has.

    Args:
        connection: In a transaction.
        rows: Every column of `playlists`; ids unique, existing ones of the same provenance.
    """

    def merge(statement: Any) -> Any:
        new = statement.excluded
        changes: dict[str, ColumnElement[Any]] = {
            name: new[name] for name in ("licence", "import_id", "file_id", "stored_rows")
        }
        for name in ("name", "kind"):
            changes[name] = func.coalesce(func.nullif(new[name], ""), _PLAYLISTS.c[name])
        return statement.on_conflict_do_update(index_elements=["playlist_id"], set_=changes)

    write_rows(connection, _PLAYLISTS, rows, merge)


def move_to_file(connection: Connection, file_id: int, counts: Sequence[tuple[str, int]]) -> None:
    """Note that rows of playlists are in another file; those in `playlist_tracks` are deleted.

    Args:
        connection: In a transaction.
        file_id: The file.
        counts: (playlist id, its rows in the file).
    """
    if not counts:
        return
    named = _PLAYLISTS.c.playlist_id == bindparam("named")
    values = {"file_id": file_id, "stored_rows": bindparam("count")}
    connection.execute(
        update(_PLAYLISTS).where(named).values(**values),
        [{"named": name, "count": count} for name, count in counts],
    )
    for part in parts(name for name, _ in counts):
        connection.execute(delete(_ENTRIES).where(_ENTRIES.c.playlist_id.in_(part)))


def delete_imported(
    connection: Connection, source: str, ids: Collection[str]
) -> tuple[set[str], int]:
    """Delete imported playlists, and give their ids and count their rows.

    The same files can be imported again.

    Playlists that a sync stores, or that were built from feedback or from the history of a
    listener, are left: they are deleted with their source or their listener.

    Args:
        connection: In a transaction.
        source: Delete all playlists of this provenance; "" for none of them.
        ids: Delete these playlists.
    """
    columns = (_PLAYLISTS.c.playlist_id, _PLAYLISTS.c.provenance)
    own = select(*columns).join(_IMPORTS, _IMPORTS.c.id == _PLAYLISTS.c.import_id)
    own = own.where(
        _IMPORTS.c.kind == "playlists",
        ~_PLAYLISTS.c.playlist_id.contains(GROUP_PREFIX, autoescape=True),
    )
    wanted: list[ColumnElement[bool]] = [_PLAYLISTS.c.playlist_id.in_(part) for part in parts(ids)]
    wanted += [_PLAYLISTS.c.provenance == source] if source else []
    found = {
        str(row[0]): str(row[1]) for each in wanted for row in connection.execute(own.where(each))
    }
    rows = 0
    for part in parts(found):
        mine = _PLAYLISTS.c.playlist_id.in_(part)
        stored = select(func.coalesce(func.sum(_PLAYLISTS.c.stored_rows), 0)).where(mine)
        rows += int(connection.execute(stored).scalar_one())
        entries = delete(_ENTRIES).where(_ENTRIES.c.playlist_id.in_(part))
        rows += connection.execute(entries).rowcount
        connection.execute(delete(_PLAYLISTS).where(mine))
    _allow_again(connection, set(found.values()))
    return set(found), rows


def _allow_again(connection: Connection, sources: Collection[str]) -> None:
    """Let files of some sources be imported again: otherwise they count as imported already."""
    for part in parts(sources):
        mine = (_IMPORTS.c.kind == "playlists") & _IMPORTS.c.source.in_(part)
        for (number,) in connection.execute(select(_IMPORTS.c.id).where(mine)).all():
            again = update(_IMPORTS).where(_IMPORTS.c.id == number)
            connection.execute(again.values(fingerprint=secrets.token_hex(32)))


def count_unmoved(connection: Connection) -> int:
    """Count the playlists of data sets whose rows are in the database, as releases before did."""
    query = select(func.count()).select_from(_PLAYLISTS).where(_unmoved())
    return int(connection.execute(query).scalar_one())


def unmoved(connection: Connection, most: int) -> dict[str, int]:
    """List some playlists that `count_unmoved` counts, each with its rows.

    Args:
        connection: To read by.
        most: Playlists at most, the first by id.
    """
    chosen = (
        select(_PLAYLISTS.c.playlist_id)
        .where(_unmoved())
        .order_by(_PLAYLISTS.c.playlist_id)
        .limit(most)
    )
    query = (
        select(_ENTRIES.c.playlist_id, func.count())
        .where(_ENTRIES.c.playlist_id.in_(chosen))
        .group_by(_ENTRIES.c.playlist_id)
        .order_by(_ENTRIES.c.playlist_id)
    )
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def rows_of(connection: Connection, ids: Iterable[str]) -> list[tuple[str, int, str, str | None]]:
    """Read (playlist id, position, track id, added at) of playlists from the database."""
    columns = [_ENTRIES.c[n] for n in ("playlist_id", "position", "track_id", "added_at")]
    return [
        (str(row[0]), int(row[1]), str(row[2]), row[3])
        for part in parts(ids)
        for row in connection.execute(select(*columns).where(_ENTRIES.c.playlist_id.in_(part)))
    ]


def is_of_listeners(playlist_id: str) -> bool:
    """Check whether a playlist was built from feedback, which may have to be deleted by itself."""
    return GROUP_PREFIX in playlist_id


def _unmoved() -> ColumnElement[bool]:
    """Make the condition that a playlist of a data set has its rows in the database."""
    imported = exists().where(
        _IMPORTS.c.id == _PLAYLISTS.c.import_id, _IMPORTS.c.kind == "playlists"
    )
    return and_(
        _PLAYLISTS.c.file_id.is_(None),
        ~_PLAYLISTS.c.playlist_id.contains(GROUP_PREFIX, autoescape=True),
        imported,
        exists().where(_ENTRIES.c.playlist_id == _PLAYLISTS.c.playlist_id),
    )
