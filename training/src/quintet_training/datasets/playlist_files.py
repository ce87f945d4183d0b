"""Files of rows of playlists: writing one, and reading the rows that count.

Rows of imported playlists are Parquet files in the folder `playlists` of QUINTET_HOME. The database
names each file with its checksum, and for each playlist the one file that holds its rows, so a file
or a row that the database does not name is not read. Rows of playlists that change one by one are
in the database; `read_rows` gives both.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from quintet_files import PRIVATE_MODE, exclusive, replacing
from quintet_modelkit.publication import sha256_of
from quintet_store import StoreUnavailable, open_engine, reading
from quintet_store import playlist_files as store
from quintet_store.playlist_files import FOLDER, StoredFile
from quintet_store.playlists import stream_rows
from sqlalchemy import Connection

from quintet_training.settings import TrainingSettings

SCHEMA: Final[dict[str, Any]] = {
    "playlist_id": pl.String,
    "position": pl.Int32,
    "track_id": pl.String,
    "added_at": pl.String,
}
"""Columns of a file, sorted by playlist and position, which are unique together."""
ROWS: Final = ("playlist_id", "position", "track_id")
FILE_ROWS: Final = 500_000
"""About the most rows of a file, so that one fits into memory several times."""
_GROUP_ROWS: Final = 100_000
_PARTIAL: Final = ".import-"
# A reader that lists the files opens them within this time; then a dropped file may go.
_SETTLED_SECONDS: Final = 3_600.0
_FROM_DATABASE: Final = 100_000


@dataclass(frozen=True)
class Written:
    """A file that was written and that the database does not name yet."""

    name: str
    sha256: str
    rows: int
    bytes: int

    def facts(self) -> dict[str, Any]:
        """Return the values of its row in the database."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {**self.__dict__, "written_at": now}


def folder_of(settings: TrainingSettings) -> Path:
    """Return the folder of the files."""
    return settings.home / FOLDER


def importing(settings: TrainingSettings) -> Any:
    """Let one process at a time import playlists or rewrite their files; the others wait."""
    return exclusive(folder_of(settings) / ".lock")


def write_file(folder: Path, rows: pl.DataFrame) -> Written:
    """Write a file: under another name first, synced, and then under its name.

    Args:
        folder: The folder of the files.
        rows: Of `SCHEMA`, unique by playlist and position.

    Raises:
        OSError: The disk is full, or the folder is not writable.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(8)}.parquet"
    ordered = rows.select(*SCHEMA).sort("playlist_id", "position")
    with replacing(path, PRIVATE_MODE) as temporary:
        ordered.write_parquet(temporary, compression="zstd", row_group_size=_GROUP_ROWS)
        digest, size = sha256_of(temporary), temporary.stat().st_size
    _sync(folder)
    return Written(path.name, digest, len(ordered), size)


def _sync(folder: Path) -> None:
    """Write the names of a folder to the disk, so that a file survives a cut of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True)
class FilePart:
    """A file, and the playlists whose rows in it count: None for all of them."""

    file: StoredFile
    wanted: list[str] | None


def read_rows(settings: TrainingSettings) -> Iterator[pl.DataFrame]:
    """Read the rows of all playlists: (playlist_id, position Int32, track_id).

    Each frame has all rows of its playlists, sorted by playlist and position. The frames come in
    no set order, and each has at most some million rows.

    Raises:
        StoreUnavailable: The database cannot be used, or a file is missing or damaged.
    """
    here, parts = playlist_parts(settings)
    yield here
    for part in parts:
        yield read_part(folder_of(settings), part)


def playlist_parts(settings: TrainingSettings) -> tuple[pl.DataFrame, list[FilePart]]:
    """Read the rows that the database keeps, as `read_rows` does, and list the files with others.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            files = [file for file in store.list_files(connection) if file.live]
            parts = [FilePart(file, _wanted(connection, file)) for file in files]
            return _in_database(connection), parts
    finally:
        engine.dispose()


def read_part(folder: Path, part: FilePart) -> pl.DataFrame:
    """Read the rows of a file that count.

    Raises:
        StoreUnavailable: The file is missing or damaged.
    """
    return read_file(folder, part.file, part.wanted)


def _wanted(connection: Connection, file: StoredFile) -> list[str] | None:
    return None if file.live == file.rows else store.playlists_in(connection, file.file_id)


def _in_database(connection: Connection) -> pl.DataFrame:
    schema = {name: SCHEMA[name] for name in ROWS}
    parts = [
        pl.DataFrame(rows, schema=schema, orient="row")
        for rows in stream_rows(connection, _FROM_DATABASE)
    ]
    return pl.concat([pl.DataFrame(schema=schema), *parts]).sort("playlist_id", "position")


def read_file(
    folder: Path,
    file: StoredFile,
    wanted: Sequence[str] | None = None,
    columns: Sequence[str] = ROWS,
) -> pl.DataFrame:
    """Read rows of a file, in its order.

    Args:
        folder: The folder of the files.
        file: As the database names it.
        wanted: The playlists; None for all.
        columns: Of `SCHEMA`.

    Raises:
        StoreUnavailable: The file is missing or damaged.
    """
    path = folder / file.name
    try:
        if path.stat().st_size != file.bytes:
            raise StoreUnavailable(f"{path} is damaged: {_REMEDY}")
        scan = pl.scan_parquet(path)
        if wanted is not None:
            names = pl.Series("playlist_id", wanted, pl.String)
            low, high = names.min(), names.max()
            # Skips groups of rows by their statistics.
            scan = scan.filter(pl.col("playlist_id").is_between(pl.lit(low), pl.lit(high)))
            scan = scan.filter(pl.col("playlist_id").is_in(names.implode()))
        return scan.select(columns).collect()
    except FileNotFoundError:
        raise StoreUnavailable(f"{path} is missing: {_REMEDY}") from None
    except (OSError, pl.exceptions.PolarsError) as fault:
        raise StoreUnavailable(f"{path} cannot be read: {_REMEDY}") from fault


_REMEDY: Final = (
    "restore a backup, or let all hosts that use this database share the folder playlists of "
    "QUINTET_HOME"
)


def held_tracks(settings: TrainingSettings, connection: Connection, ids: set[str]) -> set[str]:
    """Select the tracks that the files contain, also in rows that do not count any more.

    Raises:
        StoreUnavailable: A file is missing or damaged.
    """
    wanted, found = pl.Series("track_id", sorted(ids), pl.String), set[str]()
    for file in store.list_files(connection):
        if file.live:
            tracks = read_file(folder_of(settings), file, columns=("track_id",))["track_id"]
            found |= set(tracks.filter(tracks.is_in(wanted.implode())).unique().to_list())
    return found


def count_tracks(settings: TrainingSettings) -> int:
    """Count the different tracks in all playlists.

    Raises:
        StoreUnavailable: The database cannot be used, or a file is missing or damaged.
    """
    seen = pl.Series("track_id", [], pl.String)
    for rows in read_rows(settings):
        seen = pl.concat([seen, rows["track_id"].unique()]).unique()
    return len(seen)


def staging(settings: TrainingSettings) -> Path:
    """Make a folder for the parts of an import that runs; call it within `importing`."""
    folder = folder_of(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob(f"{_PARTIAL}*"):
        # Of a process that was killed: the lock shows that no other one imports.
        shutil.rmtree(left, ignore_errors=True)
    made = folder / f"{_PARTIAL}{secrets.token_hex(8)}"
    made.mkdir(mode=0o700)
    return made


def drop_files(settings: TrainingSettings, names: Iterable[str]) -> None:
    """Note that the database names files no more; `remove_dropped` removes them later."""
    for name in names:
        path = folder_of(settings) / name
        if path.exists():
            os.utime(path)


def remove_dropped(settings: TrainingSettings, connection: Connection) -> list[str]:
    """Remove files that the database has not named for an hour, and return their names.

    Call it within `importing`. Readers that listed a file before it was dropped have opened it
    within that time.
    """
    named = {file.name for file in store.list_files(connection)}
    before, removed = time.time() - _SETTLED_SECONDS, []
    folder = folder_of(settings)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        is_file = path.suffix == ".parquet" or ".parquet-" in path.name
        unused = is_file and path.name not in named
        if unused and path.is_file() and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
            removed.append(path.name)
    return removed
