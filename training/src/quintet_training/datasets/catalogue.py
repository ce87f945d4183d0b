"""Importing a table of tracks: all of it in one transaction, bad rows apart, once only."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from quintet_contract.attributes import MEASURED, RANGES
from quintet_modelkit.publication import current_version, sha256_of
from quintet_store import catalogue as store
from quintet_store import open_engine, reading, writing
from quintet_store.features import count_features, count_provenances
from quintet_store.track_ids import count_ids
from sqlalchemy import Connection, Engine

from quintet_training.datasets.checking import check_tracks
from quintet_training.datasets.columns import DEFAULTS, FIELDS, map_columns
from quintet_training.datasets.quarantine import Quarantine, quarantine
from quintet_training.datasets.reading import open_table
from quintet_training.datasets.tables import LINE, TableFile
from quintet_training.datasets.units import Scale, names_mode, scale_of
from quintet_training.settings import TrainingSettings

Progress = Callable[[float, str], None]
"""Told the share done, 0..1, and what is being done."""
_SAMPLE_ROWS: Final = 10_000
"""Rows that decide the unit of a column, such as seconds or milliseconds."""


@dataclass(frozen=True)
class Options:
    """How to read a file.

    Attributes:
        columns: Column to field, over the names recognised.
        source: Provenance of every row; empty keeps the file's own, or its name.
        licence: Licence of every row; empty keeps the file's own, or `unknown`.
        encoding: Of a CSV or JSON file; empty for what the file says, else UTF-8.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    licence: str = ""
    encoding: str = ""


@dataclass(frozen=True)
class Plan:
    """A file ready to import.

    Attributes:
        table: The file.
        mapping: Field to column.
        options: How the user asked to read it.
        scales: Field to the unit of its column, where that is not the catalogue's.
    """

    table: TableFile
    mapping: Mapping[str, str]
    options: Options
    scales: Mapping[str, Scale]

    def examples(self) -> dict[str, str]:
        """Return field to the first cell of its column; for absent columns the default.

        Raises:
            DatasetInvalid: The file cannot be read.
        """
        first = next(self.table.batches(list(dict.fromkeys(self.mapping.values()))), None)
        shown = {name: f"default: {text}" for name, text in DEFAULTS.items()}
        for name, column in self.mapping.items():
            known = first is not None and len(first.rows)
            shown[name] = str(first.rows.item(0, column)) if first is not None and known else ""
            if name in self.scales:
                shown[name] += f" ({self.scales[name].unit})"
        return {name: shown[name] for name in FIELDS if name in shown}


@dataclass(frozen=True)
class ImportReport:
    """What one file's import did.

    Attributes:
        path: The file.
        counts: Rows read = stored + quarantined + duplicate.
        unchanged: The very same import was done before, so nothing was written.
        quarantine: File of rejected rows, if any.
    """

    path: Path
    counts: store.Counts
    unchanged: bool
    quarantine: Path | None

    @property
    def failure(self) -> str:
        """Say why a file gave nothing, and the way out; empty where it gave something."""
        counts = self.counts
        if counts.rows_stored or counts.rows_duplicate:
            return ""
        if not counts.rows_quarantined:
            return f"{self.path}: no row below the header; a catalogue has one row per track"
        shown = f" in {self.quarantine}" if self.quarantine else ""
        return (
            f"{self.path}: nothing stored, all {counts.rows_read:,} rows were rejected; correct "
            f"the file, or name columns with --map COLUMN=FIELD: the reasons are{shown}"
        )


def preview(path: Path, options: Options | None = None) -> Plan:
    """Open a file and maps its columns, writing nothing.

    Raises:
        DatasetInvalid: The file cannot be read, or a required field has no column.
    """
    options = options or Options()
    table = open_table(path, options.encoding)
    mapping = map_columns(table.columns, options.columns)
    first = next(table.batches(list(dict.fromkeys(mapping.values()))), None)
    cells = {
        name: first.rows.get_column(column).drop_nulls().head(_SAMPLE_ROWS).to_list()
        for name, column in mapping.items()
        if first is not None and name in RANGES
    }
    # "8A" and "C minor" name a mode too; a column of numbers does not.
    of_key = map(str, cells.get("key", ()))
    if "key" in mapping and mapping["mode"] == mapping["key"] and not any(map(names_mode, of_key)):
        del mapping["mode"]
        cells.pop("mode", None)
    scales = {name: scale_of(name, mapping[name], part) for name, part in cells.items()}
    return Plan(table, mapping, options, {name: s for name, s in scales.items() if s.unit})


def import_catalogue(
    settings: TrainingSettings, plan: Plan, progress: Progress | None = None
) -> ImportReport:
    """Import a table of tracks in one transaction: a failure at any point changes nothing.

    Raises:
        DatasetInvalid: The file cannot be read.
        StoreUnavailable: The database refused.
    """
    on_progress = progress or (lambda share, text: None)
    path = plan.table.path
    on_progress(0.0, f"reading {path.name}")
    sha256 = sha256_of(path)
    # Known before the transaction begins, because other writers wait while it lasts.
    facts = _facts(plan, sha256)
    engine = open_engine(settings.database_url)
    target = settings.quarantine / f"{path.stem}-{facts['fingerprint'][:12]}.csv"
    try:
        with writing(engine) as connection, quarantine(target) as refused:
            if (known := store.find_import(connection, facts["fingerprint"])) is not None:
                on_progress(1.0, f"{path.name} is imported already")
                return ImportReport(path, known, True, target if target.exists() else None)
            counts = _run(connection, plan, facts, refused, on_progress)
            kept = refused.keep()
    finally:
        engine.dispose()
    on_progress(1.0, f"{path.name} is imported")
    return ImportReport(path, counts, False, kept)


def _facts(plan: Plan, sha256: str) -> dict[str, str]:
    """Return the row of `imports`; the fingerprint names content and reading alike."""
    options = plan.options
    reading_of = [sha256, sorted(plan.mapping.items()), options.source, options.licence]
    fingerprint = hashlib.sha256(json.dumps(["catalogue", *reading_of]).encode()).hexdigest()
    return {
        "kind": "catalogue",
        "fingerprint": fingerprint,
        "file_name": plan.table.path.name,
        "sha256": sha256,
        "source": options.source or plan.table.path.name,
        "licence": options.licence or "unknown",
        "imported_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }


def _run(
    connection: Connection,
    plan: Plan,
    facts: Mapping[str, str],
    refused: Quarantine,
    on_progress: Progress,
) -> store.Counts:
    import_id = store.begin_import(connection, facts)
    # A source or licence that was asked for goes before the file's own.
    mapping = {
        name: column
        for name, column in plan.mapping.items()
        if not (name == "provenance" and plan.options.source)
        and not (name == "licence" and plan.options.licence)
    }
    read = 0
    for batch in plan.table.batches(list(dict.fromkeys(mapping.values()))):
        tracks, bad = check_tracks(
            batch.rows, mapping, facts["source"], facts["licence"], plan.scales
        )
        refused.add(batch.refused)
        refused.add(bad)
        read += len(batch.rows) + len(batch.refused)
        _store(connection, tracks, import_id, facts["imported_at"])
        # The last percent is counting and committing.
        on_progress(batch.share * 0.99, f"importing {plan.table.path.name}")
    # Counted in the database: a track may be in several batches.
    stored = store.count_imported(connection, import_id)
    counts = store.Counts(read, stored, refused.count, read - stored - refused.count)
    store.end_import(connection, import_id, counts)
    return counts


def _store(connection: Connection, tracks: pl.DataFrame, import_id: int, now: str) -> None:
    # A table with a row per genre repeats tracks, with popularities of different days.
    popularity = pl.col("popularity").max().over("track_id")
    first_known = [pl.col(n).drop_nulls().first().over("track_id") for n in MEASURED]
    if tracks.get_column("track_id").n_unique() < len(tracks):
        tracks = tracks.with_columns(popularity, *first_known)
    unique = (
        tracks.unique("track_id", keep="first", maintain_order=True)
        .with_columns(pl.lit(import_id).alias("import_id"), pl.lit(now).alias("imported_at"))
        .drop(LINE, "genres")
    )
    store.upsert_tracks(connection, unique.to_dicts())
    genres = (
        tracks.select("track_id", pl.col("genres").alias("genre"))
        .explode("genre")
        .drop_nulls()
        .unique(maintain_order=True)
    )
    store.add_genres(connection, genres.to_dicts())


@dataclass(frozen=True)
class CatalogueInfo:
    """What the database holds and what of it is published.

    Attributes:
        known: Attribute to the number of tracks of which it is known.
        provenances: Who measured, to the number of tracks that they say something of.
        ids: Kind of id to the number of tracks that have one.
    """

    tracks: int
    artists: int
    genres: Mapping[str, int]
    sources: Sequence[store.Source]
    database: str
    catalogue_version: str | None
    snapshots: Sequence[str]
    snapshot_bytes: int
    known: Mapping[str, int]
    provenances: Mapping[str, int]
    ids: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON types."""
        return asdict(self)


def catalogue_info(settings: TrainingSettings) -> CatalogueInfo:
    """Return what the catalogue holds.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            tracks = store.count_tracks(connection)
            genres = dict(store.genre_counts(connection))
            origins = store.sources(connection)
            artists = store.count_artists(connection)
            known = {"popularity": store.count_popularities(connection)}
            known |= count_features(connection)
            provenances, ids = count_provenances(connection), count_ids(connection)
    finally:
        engine.dispose()
    version = current_version(settings.catalogue)
    folders = sorted(path for path in settings.catalogue.glob("cat-*") if path.is_dir())
    # Older snapshots share files by hard links, so that adding sizes would mislead.
    used = settings.catalogue / version if version else None
    size = sum(p.stat().st_size for p in used.rglob("*") if p.is_file()) if used else 0
    name = _shown(engine)
    kept = [path.name for path in folders]
    return CatalogueInfo(
        *(tracks, artists, genres, origins, name, version, kept, size, known, provenances, ids)
    )


def _shown(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
