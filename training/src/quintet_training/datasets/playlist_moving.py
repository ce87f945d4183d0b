"""Keeping the files of playlists few: moving rows of earlier releases, and rewriting files."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import polars as pl
from quintet_store import open_engine, reading, writing
from quintet_store import playlist_files as store
from quintet_store.playlist_files import StoredFile
from sqlalchemy import Engine

from quintet_training.datasets.playlist_files import (
    FILE_ROWS,
    SCHEMA,
    drop_files,
    folder_of,
    importing,
    read_file,
    remove_dropped,
    write_file,
)
from quintet_training.settings import TrainingSettings

Progress = Callable[[float, str], None]
_MOVED: Final = 5_000
_SMALL: Final = FILE_ROWS // 8
_MANY_SMALL: Final = 64
MOST_REWRITTEN: Final = 5_000_000
"""Rows that one call of `compact` writes, so that it takes seconds and not hours."""


@dataclass(frozen=True)
class Compacted:
    """Count what `compact` did.

    Attributes:
        moved: Playlists whose rows were in the database, as releases before stored them.
        rewritten: Files that were written again without rows that do not count, or united.
        removed: Files deleted that nothing named any more.
    """

    moved: int
    rewritten: int
    removed: int


@dataclass(frozen=True)
class Deleted:
    """Count the playlists and rows that were deleted; `unknown` are ids of no such playlist."""

    playlists: int
    rows: int
    unknown: Sequence[str]


def move_rows(settings: TrainingSettings, engine: Engine, progress: Progress) -> int:
    """Move rows of data sets from the database to files, and count their playlists.

    Releases before stored these rows in the database. Some thousand playlists move in one
    transaction: whatever ends the process, the next call goes on with the rest. Call it within
    `importing`.

    Raises:
        StoreUnavailable: The database failed.
        OSError: The disk is full.
    """
    with reading(engine) as connection:
        total = store.count_unmoved(connection)
    moved = 0
    while moved < total:
        with writing(engine) as connection:
            counts = store.unmoved(connection, _MOVED)
            if not counts:
                break
            rows = pl.DataFrame(store.rows_of(connection, counts), schema=SCHEMA, orient="row")
            written = write_file(folder_of(settings), rows)
            file_id = store.add_file(connection, written.facts())
            store.move_to_file(connection, file_id, list(counts.items()))
        moved += len(counts)
        progress(0.0, f"moving rows of playlists to files, {moved:,} of {total:,}")
    return moved


def compact(settings: TrainingSettings, progress: Progress | None = None) -> Compacted:
    """Move rows of earlier releases to files, rewrite files that waste space, and remove others.

    A file is written again if less than half of its rows count, or if there are many small ones.
    One call writes at most `MOST_REWRITTEN` rows. Each new file is a transaction.

    Raises:
        StoreUnavailable: The database failed, or a file is missing or damaged.
        OSError: The disk is full.
    """
    with _alone(settings) as engine:
        moved = move_rows(settings, engine, progress or (lambda share, text: None))
        with reading(engine) as connection:
            groups = list(_groups(store.list_files(connection)))
        for group in groups:
            _rewrite(settings, engine, group)
        with reading(engine) as connection:
            removed = remove_dropped(settings, connection)
    return Compacted(moved, sum(map(len, groups)), len(removed))


def delete_playlists(
    settings: TrainingSettings, source: str = "", ids: Collection[str] = ()
) -> Deleted:
    """Delete imported playlists with all their rows, and write the files that held them again.

    The old files are removed by the next import, compaction or deletion an hour later or more:
    a program that reads them now may go on.

    Args:
        settings: Where database and files are.
        source: Delete all playlists of this provenance; "" for none of them.
        ids: Delete these playlists.

    Raises:
        StoreUnavailable: The database failed, or a file is missing or damaged.
        OSError: The disk is full.
    """
    with _alone(settings) as engine:
        with writing(engine) as connection:
            before = {file.file_id: file.live for file in store.list_files(connection)}
            gone, rows = store.delete_imported(connection, source, ids)
            changed = [f for f in store.list_files(connection) if f.live < before[f.file_id]]
        for file in changed:
            _rewrite(settings, engine, [file])
        with reading(engine) as connection:
            remove_dropped(settings, connection)
    return Deleted(len(gone), rows, sorted(set(ids) - gone))


@contextmanager
def _alone(settings: TrainingSettings) -> Iterator[Engine]:
    """Open the database, and wait until no other process imports playlists."""
    engine = open_engine(settings.database_url)
    try:
        with importing(settings):
            yield engine
    finally:
        engine.dispose()


def _groups(files: Sequence[StoredFile]) -> Iterator[list[StoredFile]]:
    """Choose files that are written again as one, the emptiest first."""
    wasteful = [file for file in files if file.live * 2 < file.rows]
    others = sorted((f for f in files if f not in wasteful), key=lambda file: file.live)
    small = [file for file in others if file.live <= _SMALL]
    chosen = wasteful + (small if len(small) > _MANY_SMALL else [])
    group: list[StoredFile] = []
    total = rows = 0
    for file in sorted(chosen, key=lambda file: file.live):
        if total + file.live > MOST_REWRITTEN:
            break
        if group and rows + file.live > FILE_ROWS:
            yield group
            group, rows = [], 0
        group.append(file)
        rows, total = rows + file.live, total + file.live
    if group:
        yield group


def _rewrite(settings: TrainingSettings, engine: Engine, group: Sequence[StoredFile]) -> None:
    folder = folder_of(settings)
    with writing(engine) as connection:
        parts = [
            read_file(folder, f, store.playlists_in(connection, f.file_id), list(SCHEMA))
            for f in group
            if f.live
        ]
        ids = [file.file_id for file in group]
        if parts:
            written = write_file(folder, pl.concat(parts))
            store.rename_files(connection, ids, store.add_file(connection, written.facts()))
        for file_id in ids:
            store.remove_file(connection, file_id)
    drop_files(settings, (file.name for file in group))
