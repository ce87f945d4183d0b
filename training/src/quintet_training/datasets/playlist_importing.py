"""Importing playlists and listening histories from files."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import polars as pl
from quintet_modelkit.publication import sha256_of
from quintet_store import StoreUnavailable, open_engine, reading, writing
from quintet_store import catalogue as imports
from quintet_store import playlist_files as files
from quintet_store import playlists as store
from quintet_store.feedback_rows import remove_gone
from quintet_store.state import catalogue_token
from sqlalchemy import Connection, Engine

from quintet_training.datasets.catalogue_ids import CatalogueIds
from quintet_training.datasets.chunks import Chunk, numbered
from quintet_training.datasets.entries import HOW, Entry, Item, Meter, Reading
from quintet_training.datasets.feedback import pseudonyms_of
from quintet_training.datasets.matching import Match, Names, match_entries
from quintet_training.datasets.playlist_bulk import LEAST_ROWS, MATCHED, split
from quintet_training.datasets.playlist_files import (
    Written,
    drop_files,
    folder_of,
    importing,
    staging,
    write_file,
)
from quintet_training.datasets.playlist_formats import Format, check_file, detect, read_chunks
from quintet_training.datasets.playlist_moving import move_rows
from quintet_training.datasets.playlist_report import PlaylistReport
from quintet_training.datasets.playlist_spool import Spool
from quintet_training.datasets.playlist_storing import (
    ROWS_AT_ONCE,
    names_as_stored,
    store_rows,
)
from quintet_training.datasets.playlist_versions import change_of
from quintet_training.datasets.quarantine import Quarantine, quarantine
from quintet_training.datasets.tables import Refused
from quintet_training.settings import TrainingSettings

Progress = Callable[[float, str], None]
_READING: Final = 0.8
UNMATCHED: Final = "track: no track of the catalogue has this id, ISRC, or artist and title"


class Catalogue:
    """Ids and names of the catalogue, each read once it is needed, to share between files."""

    def __init__(self) -> None:
        self.names = Names()
        self._ids: CatalogueIds | None = None
        self._state: tuple[str, str] | None = None

    def state(self, connection: Connection) -> str:
        """Give `playlists.catalogue_state`, counted again only if the catalogue has changed."""
        token = catalogue_token(connection)
        if self._state is None or self._state[0] != token:
            self._state = token, store.catalogue_state(connection)
        return self._state[1]

    def ids(self, connection: Connection, rows: int) -> CatalogueIds | None:
        """Give all ids; None while so few rows ask that single queries cost less."""
        if self._ids is None and rows >= LEAST_ROWS:
            self._ids = CatalogueIds.read(connection)
        return self._ids


def import_playlists(
    settings: TrainingSettings,
    path: Path,
    format: Format = Format.AUTO,
    source: str = "",
    licence: str = "",
    progress: Progress | None = None,
    catalogue: Catalogue | None = None,
    how: Reading = HOW,
) -> PlaylistReport:
    """Import a file of playlists whole or not at all: a failure at any point changes nothing.

    Importing again changes nothing unless the catalogue has changed since, for then rows that
    were unmatched may match. Other imports of playlists wait meanwhile; other writers of the
    database wait only at the end, while the rows that are written already get their names.

    Args:
        settings: Where database, files and quarantine are.
        path: The file.
        format: What it is; recognised by its content where AUTO.
        source: Provenance of every row; the file's name where empty.
        licence: Licence of every row; `unknown` where empty.
        progress: Receives the share done, 0..1, and what is being done.
        catalogue: Ids and names of the catalogue, to share between files.
        how: Columns and encoding that the user named.

    Raises:
        DatasetInvalid: The file cannot be read, or QUINTET_LISTENER_KEY is too short.
        AccessFileInvalid: The file is feedback, and the key that signs ids cannot be read.
        StoreUnavailable: The database failed, or a file of playlists is missing.
        OSError: The disk is full.
    """
    on_progress = progress or (lambda share, text: None)
    check_file(path)
    known = detect(path, how) if format is Format.AUTO else format
    on_progress(0.0, f"reading {path.name}")
    shared = catalogue or Catalogue()
    facts = {
        "kind": "playlists",
        "file_name": path.name,
        "sha256": sha256_of(path),
        "source": source or path.name,
        "licence": licence or "unknown",
        "imported_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    engine = open_engine(settings.database_url)
    try:
        with importing(settings):
            move_rows(settings, engine, on_progress)
            with reading(engine) as connection:
                state = shared.state(connection)
                facts["fingerprint"] = _fingerprint(facts, known, state, how)
                done = imports.find_import(connection, facts["fingerprint"])
            target = settings.quarantine / f"{path.stem}-{facts['fingerprint'][:12]}.csv"
            if done is not None:
                on_progress(1.0, f"{path.name} is imported already")
                kept = target if target.exists() else None
                return PlaylistReport(path, known, done, 0, {}, 0, True, kept)
            with quarantine(target) as refused, _staged(settings) as folder:
                run = _Run(settings, engine, shared, facts, refused, how, folder)
                report = run.run(path, known, on_progress)
    finally:
        engine.dispose()
    on_progress(1.0, f"{path.name} is imported")
    return report


def _fingerprint(facts: Mapping[str, str], known: Format, state: str, how: Reading) -> str:
    """Name content and reading alike: another mapping reads other rows."""
    named = [facts[name] for name in ("kind", "sha256", "source", "licence")]
    asked = [sorted(how.columns.items()), how.encoding] if how != HOW else []
    asked += [how.kind] if how.kind else []
    return hashlib.sha256(json.dumps([*named, known, state, *asked]).encode()).hexdigest()


@contextmanager
def _staged(settings: TrainingSettings) -> Iterator[Path]:
    folder = staging(settings)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """One import, within the lock of imports."""

    def __init__(
        self,
        settings: TrainingSettings,
        engine: Engine,
        catalogue: Catalogue,
        facts: Mapping[str, str],
        refused: Quarantine,
        how: Reading,
        folder: Path,
    ) -> None:
        self._settings, self._engine, self._catalogue = settings, engine, catalogue
        self._facts, self._refused, self._how = facts, refused, how
        self._matched = Counter[Match]()
        self._read = self._added = self._created = 0
        self._meter = Meter()
        # Rows for files, and those of playlists that the database keeps.
        self._rows, self._kept = Spool(folder / "files"), Spool(folder / "database")

    def run(self, path: Path, known: Format, on_progress: Progress) -> PlaylistReport:
        for chunk in read_chunks(path, known, self._meter, self._how):
            with reading(self._engine) as connection:
                self._match(connection, chunk)
            on_progress(self._meter.share * _READING, f"importing {path.name}")
        written = list(self._write(on_progress, path.name))
        try:
            return self._publish(path, known, written)
        except BaseException:
            drop_files(self._settings, (file.name for file, _ in written))
            raise

    def _match(self, connection: Connection, chunk: Chunk) -> None:
        """Match a chunk: plain rows as columns, all others one by one."""
        first = self._read + len(chunk.items)
        rows = numbered(chunk.rows, first) if len(chunk.rows) else chunk.rows
        self._add(connection, self._one_by_one(connection, chunk.items, self._read))
        self._read = first + len(rows)
        if not len(rows):
            return
        ids = self._catalogue.ids(connection, len(rows))
        if ids is not None:
            found = split(rows, ids, chunk.group)
            self._matched[Match.ID] += len(found.matched)
            kinds = pl.when(pl.col("kind") != "").then("kind").otherwise(pl.lit(self._how.kind))
            self._add(connection, found.matched.with_columns(kinds.alias("kind")))
            rows = rows.filter(found.left)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            items = chunk.read(some)
            self._add(connection, self._one_by_one(connection, items, some["order"].to_list()))

    def _one_by_one(
        self, connection: Connection, items: Sequence[Item], orders: Sequence[int] | int
    ) -> pl.DataFrame:
        """Match items; rejected and unmatched ones go to quarantine."""
        counted = range(orders, orders + len(items)) if isinstance(orders, int) else orders
        self._refused.add(item for item in items if isinstance(item, Refused))
        pairs = [
            (o, item) for o, item in zip(counted, items, strict=True) if isinstance(item, Entry)
        ]
        entries = [entry for _, entry in pairs]
        found = match_entries(connection, self._catalogue.names, entries)
        self._matched.update(how for _, how in found)
        self._refused.add(
            Refused(entry.line, UNMATCHED, entry.describe())
            for entry, (_, how) in zip(entries, found, strict=True)
            if how is Match.NONE
        )
        rows = [
            (
                order,
                e.playlist_id,
                e.playlist,
                e.kind or self._how.kind,
                e.position,
                track,
                e.added_at,
            )
            for (order, e), (track, how) in zip(pairs, found, strict=True)
            if how is not Match.NONE
        ]
        return pl.DataFrame(rows, schema=MATCHED, orient="row")

    def _add(self, connection: Connection, rows: pl.DataFrame) -> None:
        """Name the playlists as they are stored, and let the rows wait."""
        if not len(rows):
            return
        names = rows["playlist_id"].unique().to_list()
        stored = names_as_stored(connection, names, self._facts["source"])
        table = pl.DataFrame(
            [(raw, name, here) for raw, (name, here) in stored.items()],
            schema={"playlist_id": pl.String, "name": pl.String, "here": pl.Boolean},
            orient="row",
        )
        rows = rows.join(table, on="playlist_id", how="left", maintain_order="left")
        rows = rows.with_columns(pl.col("name").alias("playlist_id"))
        self._rows.add(rows.filter(~pl.col("here")).select(*MATCHED), self._meter.share)
        self._kept.add(rows.filter("here").select(*MATCHED), self._meter.share)

    def _write(self, on_progress: Progress, name: str) -> Iterator[tuple[Written, pl.DataFrame]]:
        """Write the files, which nobody reads before the database names them."""
        with reading(self._engine) as connection:
            folder, done = folder_of(self._settings), 0
            for part in self._rows.parts():
                change = change_of(connection, folder, part)
                self._added += change.added
                self._created += change.created
                if len(change.rows):
                    # Not the rows: all of an import would not fit into memory.
                    yield write_file(folder, change.rows), change.playlists
                done += len(part)
                on_progress(_READING + 0.15 * done / len(self._rows), f"storing {name}")

    def _publish(
        self, path: Path, known: Format, written: Sequence[tuple[Written, pl.DataFrame]]
    ) -> PlaylistReport:
        with writing(self._engine) as connection:
            import_id = imports.begin_import(connection, self._facts)
            for file, playlists in written:
                self._name(connection, file, playlists, import_id)
            for part in self._kept.parts():
                store_rows(connection, part.sort("order"), import_id, self._facts)
            gone = self._remove_gone(connection, import_id, known)
            created, here = files.count_created(connection, import_id)
            created += self._created
            stored, refused = self._added + here, self._refused.count
            # Everything that was neither stored nor rejected stood at a place already taken.
            read = self._read - gone
            counts = imports.Counts(read, stored, refused, read - stored - refused)
            imports.end_import(connection, import_id, counts)
            kept = self._refused.keep()
        passed = self._meter.passed_over + gone
        return PlaylistReport(path, known, counts, created, self._matched, passed, False, kept)

    def _remove_gone(self, connection: Connection, import_id: int, known: Format) -> int:
        """Remove rows of feedback that was deleted or undone since its export, and count them."""
        if known is not Format.FEEDBACK:
            return 0
        names = pseudonyms_of(self._settings)
        return remove_gone(connection, import_id, lambda group: names.issue_time(group) is not None)

    def _name(
        self, connection: Connection, file: Written, playlists: pl.DataFrame, import_id: int
    ) -> None:
        file_id = files.add_file(connection, file.facts())
        for part in playlists.iter_slices(ROWS_AT_ONCE):
            rows = [
                {
                    **{"playlist_id": playlist_id, "name": name, "kind": kind},
                    **{"provenance": self._facts["source"], "licence": self._facts["licence"]},
                    **{"import_id": import_id, "file_id": file_id, "stored_rows": count},
                }
                for playlist_id, name, kind, count in part.iter_rows()
            ]
            files.put_playlists(connection, rows)
        if files.count_playlists_in(connection, file_id) != len(playlists):
            raise StoreUnavailable(
                "another program stored a playlist of the same id meanwhile; import the file again"
            )
