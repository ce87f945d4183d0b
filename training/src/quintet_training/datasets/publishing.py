"""From the database to the snapshot that services read."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES, MEASURED
from quintet_files import exclusive
from quintet_modelkit import identity, songs
from quintet_modelkit.features import COLUMN, Raw
from quintet_modelkit.publication import (
    PublicationInvalid,
    current_version,
    publish,
    read_manifest,
    staged,
)
from quintet_modelkit.snapshot import IDS_SCHEMA, SCHEMA, write_snapshot
from quintet_store import catalogue as store
from quintet_store import open_engine, reading
from quintet_store.features import counting_order, stream_features
from quintet_store.source_items import absent_tracks, stream_item_ids
from quintet_store.state import catalogue_token
from quintet_text.track_ids import ISRC
from sqlalchemy import Connection

from quintet_training.datasets.catalogue import Progress
from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.settings import TrainingSettings

KEPT: Final = 3
"""Snapshots kept; bundles hold hard links to theirs, so older folders can go."""
LOCK: Final = ".publishing.lock"
"""File in a folder of versions that the process holds which publishes there."""
_BATCH: Final = 20_000
_OF_TRACK: Final = [COLUMN["duration_ms"], COLUMN["popularity"]]
_MEASURED: Final = [COLUMN[name] for name in MEASURED]
_NOTHING: Final = (None,) * len(MEASURED)
_artist_id = lru_cache(maxsize=1 << 17)(identity.artist_id)


def publish_catalogue(settings: TrainingSettings, progress: Progress | None = None) -> str:
    """Publish the database's tracks as a snapshot and returns its version.

    Where the snapshot in use holds just this state, nothing is written.

    Raises:
        DatasetInvalid: The database holds no track.
        StoreUnavailable: The database cannot be used.
    """
    on_progress = progress or (lambda share, text: None)
    # Two imports at once: without the lock, the one that read the database first could publish
    # last, and an older state would be served.
    with exclusive(settings.catalogue / LOCK):
        version = _publish(settings, on_progress)
    on_progress(1.0, "published")
    return version


def _publish(settings: TrainingSettings, on_progress: Progress) -> str:
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            total = store.count_tracks(connection)
            if not total:
                raise DatasetInvalid("the catalogue is empty; fill it with quintet catalog import")
            sources = [asdict(source) for source in store.sources(connection)]
            token = catalogue_token(connection)
            state = {"sources": sources, "state": token}
            if (version := _up_to_date(settings.catalogue, state)) is not None:
                return version
            on_progress(0.0, "publishing the catalogue")
            tracks, features, ids = _collect(connection, total, on_progress)
            absent = _absent(connection, tracks.column("track_id"))
    finally:
        engine.dispose()
    with staged(settings.catalogue) as folder:
        version = write_snapshot(
            folder, tracks, features, sources, state=token, ids=ids, absent=absent
        )
        target = settings.catalogue / version
        if target.is_dir() and not _is_same(target, state):
            # The same tracks by another import: the facts about them are brought up to date.
            (folder / "manifest.json").replace(target / "manifest.json")
        publish(folder, settings.catalogue, version)
    _forget_old(settings.catalogue, version)
    return version


def _is_same(folder: Path, state: Mapping[str, Any]) -> bool:
    try:
        manifest = read_manifest(folder, verify=False)
    except PublicationInvalid:
        return False
    return all(manifest.get(name) == value for name, value in state.items())


def _up_to_date(root: Path, state: Mapping[str, Any]) -> str | None:
    version = current_version(root)
    return version if version is not None and _is_same(root / version, state) else None


def _collect(
    connection: Connection, total: int, on_progress: Progress
) -> tuple[pa.Table, Raw, pa.Table]:
    """Build the snapshot's table, its features and its ids by others, batch by batch."""
    parts: list[pa.RecordBatch] = []
    features = np.full((total, len(ATTRIBUTES)), np.nan)
    recordings: dict[bytes, int] = {}
    genres = _Grouped(store.stream_genres(connection, _BATCH))
    ids = _Grouped(store.stream_ids(connection, _BATCH))
    items = _Grouped(stream_item_ids(connection, _BATCH))
    named: list[pl.DataFrame] = []
    measured = _Grouped(stream_features(connection, _BATCH))
    done = 0
    for rows in store.stream_tracks(connection, _BATCH):
        wide = len(store.TRACK_TEXT)
        # Filled in place: a second copy of a million rows would cost 110 MB.
        part = features[done : done + len(rows)]
        part[:, _OF_TRACK] = np.array([row[wide:] for row in rows], dtype=np.float64)
        track_ids = [row[0] for row in rows]
        _fill_features(part, measured.of(track_ids))
        by_others = ids.of(track_ids)
        named.append(_named(by_others, items.of(track_ids), done))
        parts.append(_batch([row[:wide] for row in rows], genres, by_others, recordings))
        done += len(rows)
        on_progress(0.9 * done / total, "publishing the catalogue")
    tracks = _with_songs(pa.Table.from_batches(parts, SCHEMA), features)
    return tracks, features, _ids(named, features[:, COLUMN["popularity"]])


def _absent(connection: Connection, track_ids: pa.ChunkedArray) -> NDArray[np.int32]:
    """Find the rows of tracks that no source has any more, ascending."""
    names: list[str] = []
    while page := absent_tracks(connection, after=names[-1] if names else ""):
        names += page
    chosen = pc.is_in(track_ids, pa.array(names, pa.string()))
    return np.flatnonzero(chosen.to_numpy()).astype(np.int32)


def _named(
    ids: Sequence[Sequence[tuple[str, str]]], items: Sequence[Sequence[tuple[str, str]]], first: int
) -> pl.DataFrame:
    """List the ids of a batch as text, with the row of each."""
    texts: list[str] = []
    rows: list[int] = []
    for row, (kinds, sources) in enumerate(zip(ids, items, strict=True), first):
        texts += [f"{kind}:{value}" for kind, value in kinds]
        texts += [f"source:{source}:{item}" for source, item in sources]
        rows += [row] * (len(kinds) + len(sources))
    return pl.DataFrame({"id": texts, "row": rows}, schema={"id": pl.String, "row": pl.Int32})


def _ids(named: Sequence[pl.DataFrame], popularity: Raw) -> pa.Table:
    """Choose the row that each id names: of several the most popular, then the first."""
    frame = pl.concat(named)
    known = np.nan_to_num(popularity, nan=-1.0)[frame.get_column("row").to_numpy()]
    chosen = (
        frame.with_columns(pl.Series("popularity", known))
        .sort("id", -pl.col("popularity"), "row")
        .unique("id", keep="first", maintain_order=True)
    )
    # Polars sorts text by its bytes, as `TextIndex` does.
    columns = [chosen.get_column(name).to_list() for name in IDS_SCHEMA.names]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, IDS_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=IDS_SCHEMA)


def _fill_features(part: Raw, measured: Sequence[Sequence[tuple[str, str, Sequence[Any]]]]) -> None:
    """Fill in the values that count; what nobody measured stays NaN.

    Args:
        part: float64 (k, 14), written to.
        measured: For each track (provenance, time, values as `MEASURED`), one per provenance.
    """
    # Most tracks have one row: those are set at once.
    values = np.array(
        [_chosen(rows) if rows else _NOTHING for rows in measured], dtype=np.float64
    ).reshape(len(part), len(MEASURED))
    part[:, _MEASURED] = values


def _chosen(rows: Sequence[tuple[str, str, Sequence[Any]]]) -> Sequence[Any]:
    if len(rows) == 1:
        return rows[0][2]
    ordered = sorted(rows, key=lambda row: counting_order(row[0], row[1]))
    columns = zip(*(values for _, _, values in ordered), strict=True)
    return [next((v for v in column if v is not None), None) for column in columns]


def _with_songs(tracks: pa.Table, features: Raw) -> pa.Table:
    """Append the columns on songs, and join releases whose artists are in another order."""
    found = songs.compute_songs(tracks)
    recording = songs.join_releases(tracks, found, features[:, COLUMN["duration_ms"]])
    place = tracks.schema.get_field_index("recording")
    joined = tracks.set_column(place, tracks.schema.field(place), pa.array(recording))
    return songs.with_songs(joined, found)


def _batch(
    rows: Sequence[tuple[Any, ...]],
    genres: "_Grouped",
    named: Sequence[Sequence[tuple[str, str]]],
    recordings: dict[bytes, int],
) -> pa.RecordBatch:
    frame = pl.DataFrame(rows, schema=list(store.TRACK_TEXT), orient="row")
    artists = frame.get_column("artists").str.json_decode(pl.List(pl.String)).to_list()
    titles, albums = frame.get_column("title").to_list(), frame.get_column("album").to_list()
    track_ids = frame.get_column("track_id").to_list()
    columns = {
        **{name: frame.get_column(name).to_list() for name in store.TRACK_TEXT},
        "artists": artists,
        "artist_ids": [[_artist_id(name) for name in names] for names in artists],
        "album_id": [
            identity.album_id(names[0], album) for names, album in zip(artists, albums, strict=True)
        ],
        "genres": [[genre for (genre,) in each] for each in genres.of(track_ids)],
        # In order of kind and value: the first ISRC is the same on every database.
        "isrc": [next((v for kind, v in each if kind == ISRC), "") for each in named],
        "recording": [
            _number(recordings, identity.recording_key(names[0], title, album))
            for names, title, album in zip(artists, titles, albums, strict=True)
        ],
    }
    arrays = [pa.array(columns[name], SCHEMA.field(name).type) for name in SCHEMA.names]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _number(numbers: dict[bytes, int], key: str) -> int:
    """Return the number of a key, in order of first sight; 128 bits stand for the key itself."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return numbers.setdefault(digest, len(numbers))


class _Grouped:
    """Joins rows that begin with a track id to track ids, both sorted, and holds neither whole."""

    def __init__(self, batches: Iterator[list[Any]]) -> None:
        self._rows: Iterator[tuple[Any, ...]] = (row for batch in batches for row in batch)
        self._next = next(self._rows, None)

    def of(self, track_ids: Sequence[str]) -> list[list[tuple[Any, ...]]]:
        """Read the rows of tracks, without the id; they must come after those asked for before."""
        found: list[list[tuple[Any, ...]]] = []
        for track_id in track_ids:
            rows: list[tuple[Any, ...]] = []
            while self._next is not None and self._next[0] == track_id:
                rows.append(self._next[1:])
                self._next = next(self._rows, None)
            found.append(rows)
        return found


def _forget_old(root: Path, current: str) -> None:
    """Remove snapshots but the newest `KEPT` and the one in use."""
    folders = sorted(
        (path for path in root.glob("cat-*") if path.is_dir()),
        key=lambda path: (path.name == current, path.stat().st_mtime),
    )
    for folder in folders[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
