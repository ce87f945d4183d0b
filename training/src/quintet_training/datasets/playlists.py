"""Importing playlists and listening histories, and reading them for training."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from quintet_access.pseudonyms import Pseudonyms
from quintet_modelkit.publication import sha256_of
from quintet_store import catalogue as imports
from quintet_store import open_engine, reading, writing
from quintet_store import playlists as store
from quintet_store.feedback_rows import remove_gone
from sqlalchemy import Connection

from quintet_training.datasets.entries import HOW, Entry, Item, Meter, Reading
from quintet_training.datasets.feedback import pseudonyms_of
from quintet_training.datasets.matching import Match, Names, match_entries
from quintet_training.datasets.playlist_formats import READERS, Format, check_file, detect
from quintet_training.datasets.quarantine import Quarantine, quarantine
from quintet_training.datasets.tables import Refused
from quintet_training.settings import TrainingSettings

Progress = Callable[[float, str], None]
_BATCH: Final = 10_000
UNMATCHED: Final = "track: no track of the catalogue has this id, ISRC, or artist and title"


@dataclass(frozen=True)
class PlaylistReport:
    """What one file's import did.

    Attributes:
        path: The file.
        format: What it was read as.
        counts: Rows read = stored + quarantined + duplicate.
        playlists: Playlists added.
        matched: Rows by how their track was found; `unmatched` ones are quarantined.
        passed_over: Feedback that is no positive, or was deleted or undone since its export:
            neither read rows nor stored.
        unchanged: The very same import was done before, so nothing was written.
        quarantine: File of rejected rows, if any.
    """

    path: Path
    format: Format
    counts: imports.Counts
    playlists: int
    matched: Mapping[Match, int]
    passed_over: int
    unchanged: bool
    quarantine: Path | None

    @property
    def failure(self) -> str:
        """Say why a file gave nothing, and the way out; empty where it gave something.

        Duplicates count as something: their playlists are there.
        """
        counts = self.counts
        if counts.rows_stored or counts.rows_duplicate:
            return ""
        if counts.rows_quarantined:
            unmatched = self.matched.get(Match.NONE, 0)
            most = (
                "no track of the catalogue matches; import a catalogue with these tracks first"
                if unmatched * 2 > counts.rows_quarantined
                else "the rows were rejected; read the reasons"
            )
            return f"{self.path}: nothing stored of {counts.rows_read:,} rows: {most}" + (
                f" ({self.quarantine})" if self.quarantine else ""
            )
        passed = f"; {self.passed_over:,} were passed over" if self.passed_over else ""
        return (
            f"{self.path}: read as {self.format.value}, and no track found in it{passed}; name "
            "another format with --format, or its encoding with --encoding"
        )


def import_playlists(
    settings: TrainingSettings,
    path: Path,
    format: Format = Format.AUTO,
    source: str = "",
    licence: str = "",
    progress: Progress | None = None,
    names: Names | None = None,
    how: Reading = HOW,
) -> PlaylistReport:
    """Import a file of playlists in one transaction: a failure at any point changes nothing.

    Importing again changes nothing unless the catalogue has changed since, for then rows that
    were unmatched may match.

    Args:
        settings: Where the database and the quarantine are.
        path: The file.
        format: What it is; told by its content where AUTO.
        source: Provenance of every row; the file's name where empty.
        licence: Licence of every row; `unknown` where empty.
        progress: Told the share done, 0..1, and what is being done.
        names: Names of the catalogue, to share between files.
        how: Columns and encoding that the user named.

    Raises:
        DatasetInvalid: The file cannot be read, or QUINTET_LISTENER_KEY is too short.
        AccessFileInvalid: The file is feedback, and the key that signs ids cannot be read.
        StoreUnavailable: The database refused.
    """
    on_progress = progress or (lambda share, text: None)
    check_file(path)
    known = detect(path, how) if format is Format.AUTO else format
    on_progress(0.0, f"reading {path.name}")
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
        with writing(engine) as connection:
            # Inside of the transaction, so that no import of tracks comes between.
            state = store.catalogue_state(connection)
            facts["fingerprint"] = _fingerprint(facts, known, state, how)
            target = settings.quarantine / f"{path.stem}-{facts['fingerprint'][:12]}.csv"
            if (done := imports.find_import(connection, facts["fingerprint"])) is not None:
                on_progress(1.0, f"{path.name} is imported already")
                kept = target if target.exists() else None
                return PlaylistReport(path, known, done, 0, {}, 0, True, kept)
            with quarantine(target) as refused:
                names_of = pseudonyms_of(settings) if known is Format.FEEDBACK else None
                run = _Run(connection, names or Names(), facts, refused, how, names_of)
                report = run.read(path, known, on_progress)
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


@dataclass(frozen=True)
class _Run:
    """One import in its transaction."""

    connection: Connection
    names: Names
    facts: Mapping[str, str]
    refused: Quarantine
    how: Reading
    pseudonyms: Pseudonyms | None = None

    def read(self, path: Path, known: Format, on_progress: Progress) -> PlaylistReport:
        import_id = imports.begin_import(self.connection, self.facts)
        meter, matched, read = Meter(), Counter[Match](), 0
        for items in _batches(READERS[known](path, meter, self.how)):
            read += len(items)
            self.refused.add(item for item in items if isinstance(item, Refused))
            entries = [item for item in items if isinstance(item, Entry)]
            found = match_entries(self.connection, self.names, entries)
            matched.update(how for _, how in found)
            self._keep(entries, found, import_id)
            on_progress(meter.share * 0.99, f"importing {path.name}")
        gone = self._remove_gone(import_id)
        read, meter.passed_over = read - gone, meter.passed_over + gone
        playlists, stored = store.count_rows(self.connection, import_id)
        # Everything that was neither stored nor rejected stood at a place already taken.
        refused = self.refused.count
        counts = imports.Counts(read, stored, refused, read - stored - refused)
        imports.end_import(self.connection, import_id, counts)
        kept = self.refused.keep()
        return PlaylistReport(
            path, known, counts, playlists, matched, meter.passed_over, False, kept
        )

    def _remove_gone(self, import_id: int) -> int:
        """Remove rows of feedback that was deleted or undone since its export, and count them."""
        names = self.pseudonyms
        if names is None:
            return 0
        return remove_gone(
            self.connection, import_id, lambda group: names.issue_time(group) is not None
        )

    def _keep(
        self, entries: Sequence[Entry], found: Sequence[tuple[str, Match]], import_id: int
    ) -> None:
        rows = []
        for entry, (track_id, how) in zip(entries, found, strict=True):
            if how is Match.NONE:
                self.refused.add([Refused(entry.line, UNMATCHED, entry.describe())])
            else:
                rows.append((entry, track_id))
        store_entries(self.connection, rows, import_id, self.facts, self.how.kind)


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    while part := list(itertools.islice(items, _BATCH)):
        yield part


def store_entries(
    connection: Connection,
    rows: Sequence[tuple[Entry, str]],
    import_id: int,
    facts: Mapping[str, str],
    kind: str = "",
) -> None:
    """Store matched rows as playlists; an existing position of a playlist stays unchanged.

    Args:
        connection: In a transaction that writes.
        rows: Entries, each with its track's id.
        import_id: The import that they belong to.
        facts: `source` and `licence` of the rows.
        kind: Of playlists whose entries have none.
    """
    source = facts["source"]
    taken = store.provenance_of(connection, {entry.playlist_id for entry, _ in rows})

    def id_of(entry: Entry) -> str:
        # Ids of two origins may collide; they are different playlists.
        mine = taken.get(entry.playlist_id, source) == source
        return entry.playlist_id if mine else f"{source}:{entry.playlist_id}"

    playlists = {
        id_of(entry): {
            "playlist_id": id_of(entry),
            "name": entry.playlist,
            "kind": entry.kind or kind,
            "provenance": source,
            "licence": facts["licence"],
            "import_id": import_id,
        }
        # The first row of a playlist decides its name: later keys overwrite.
        for entry, _ in reversed(rows)
    }
    places: list[Mapping[str, Any]] = [
        {
            "playlist_id": id_of(entry),
            "position": entry.position,
            "track_id": track_id,
            "added_at": entry.added_at,
            "import_id": import_id,
        }
        for entry, track_id in rows
    ]
    store.add_playlists(connection, list(playlists.values()), places)


@dataclass(frozen=True)
class PlaylistInfo:
    """What playlists the database holds; `kinds` counts them by kind, empty for none."""

    playlists: int
    rows: int
    tracks: int
    sources: Sequence[store.PlaylistSource]
    kinds: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON types."""
        return asdict(self)


def playlists_info(settings: TrainingSettings) -> PlaylistInfo:
    """Return what playlists there are.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            origins = store.playlist_sources(connection)
            tracks = store.count_playlist_tracks(connection)
            kinds = Counter(store.playlist_kinds(connection).values())
    finally:
        engine.dispose()
    playlists, rows = sum(s.playlists for s in origins), sum(s.rows for s in origins)
    return PlaylistInfo(playlists, rows, tracks, origins, dict(sorted(kinds.items())))


def read_kinds(settings: TrainingSettings) -> dict[str, str]:
    """Map the id of each playlist to its kind; empty if its origin named none.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            return store.playlist_kinds(connection)
    finally:
        engine.dispose()


def read_playlists(settings: TrainingSettings) -> pl.DataFrame:
    """Return playlists for training: (playlist_id String, position Int32, track_id String).

    Sorted by playlist and position. Positions count from 0 without gaps; a track that a
    playlist holds more than once keeps its first place. Every track is in the catalogue.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    schema = {"playlist_id": pl.String, "position": pl.Int64, "track_id": pl.String}
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            parts = [
                pl.DataFrame(rows, schema=schema, orient="row")
                for rows in store.stream_rows(connection, 100_000)
            ]
    finally:
        engine.dispose()
    frame = pl.concat([pl.DataFrame(schema=schema), *parts])
    return (
        frame.sort("playlist_id", "position")
        # A track that stands twice would be its own neighbour when training counts pairs.
        .unique(["playlist_id", "track_id"], keep="first", maintain_order=True)
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int32).over("playlist_id").alias("position"))
    )
