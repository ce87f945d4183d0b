"""From the database to the snapshot that services read."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
from quintet_contract.attributes import ATTRIBUTES
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
from quintet_modelkit.snapshot import SCHEMA, write_snapshot
from quintet_store import catalogue as store
from quintet_store import open_engine, reading
from sqlalchemy import Connection

from quintet_training.datasets.catalogue import Progress
from quintet_training.datasets.columns import DatasetInvalid
from quintet_training.settings import TrainingSettings

KEPT: Final = 3
"""Snapshots kept; bundles hold hard links to theirs, so older folders can go."""
LOCK: Final = ".publishing.lock"
"""File in a folder of versions that the process holds which publishes there."""
_BATCH: Final = 20_000
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
            if (version := _up_to_date(settings.catalogue, sources)) is not None:
                return version
            on_progress(0.0, "publishing the catalogue")
            tracks, features = _collect(connection, total, on_progress)
    finally:
        engine.dispose()
    with staged(settings.catalogue) as folder:
        version = write_snapshot(folder, tracks, features, sources)
        target = settings.catalogue / version
        if target.is_dir() and not _is_same(target, sources):
            # The same tracks by another import: the facts about them are brought up to date.
            (folder / "manifest.json").replace(target / "manifest.json")
        publish(folder, settings.catalogue, version)
    _forget_old(settings.catalogue, version)
    return version


def _is_same(folder: Path, sources: Sequence[Any]) -> bool:
    try:
        return bool(read_manifest(folder, verify=False).get("sources") == sources)
    except PublicationInvalid:
        return False


def _up_to_date(root: Path, sources: Sequence[Any]) -> str | None:
    version = current_version(root)
    return version if version is not None and _is_same(root / version, sources) else None


def _collect(connection: Connection, total: int, on_progress: Progress) -> tuple[pa.Table, Raw]:
    """Return the snapshot's table and its features, built batch by batch."""
    parts: list[pa.RecordBatch] = []
    features = np.empty((total, len(ATTRIBUTES)), dtype=np.float64)
    recordings: dict[bytes, int] = {}
    genres = _Genres(store.stream_genres(connection, _BATCH))
    done = 0
    for rows in store.stream_tracks(connection, _BATCH):
        wide = len(store.TRACK_TEXT)
        # Filled in place: a second copy of a million rows would cost 110 MB.
        features[done : done + len(rows)] = np.array([row[wide:] for row in rows])
        parts.append(_batch([row[:wide] for row in rows], genres, recordings))
        done += len(rows)
        on_progress(0.9 * done / total, "publishing the catalogue")
    return _with_songs(pa.Table.from_batches(parts, SCHEMA), features), features


def _with_songs(tracks: pa.Table, features: Raw) -> pa.Table:
    """Append the columns on songs, and join releases whose artists are in another order."""
    found = songs.compute_songs(tracks)
    recording = songs.join_releases(tracks, found, features[:, COLUMN["duration_ms"]])
    place = tracks.schema.get_field_index("recording")
    joined = tracks.set_column(place, tracks.schema.field(place), pa.array(recording))
    return songs.with_songs(joined, found)


def _batch(
    rows: Sequence[tuple[Any, ...]], genres: "_Genres", recordings: dict[bytes, int]
) -> pa.RecordBatch:
    frame = pl.DataFrame(rows, schema=list(store.TRACK_TEXT), orient="row")
    artists = frame.get_column("artists").str.json_decode(pl.List(pl.String)).to_list()
    titles, albums = frame.get_column("title").to_list(), frame.get_column("album").to_list()
    ids = frame.get_column("track_id").to_list()
    columns = {
        **{name: frame.get_column(name).to_list() for name in store.TRACK_TEXT},
        "artists": artists,
        "artist_ids": [[_artist_id(name) for name in names] for names in artists],
        "album_id": [
            identity.album_id(names[0], album) for names, album in zip(artists, albums, strict=True)
        ],
        "genres": genres.of(ids),
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


class _Genres:
    """Joins (track id, genre), sorted, to track ids, sorted, without holding either whole."""

    def __init__(self, batches: Iterator[list[tuple[str, str]]]) -> None:
        self._pairs = (pair for batch in batches for pair in batch)
        self._next = next(self._pairs, None)

    def of(self, track_ids: Sequence[str]) -> list[list[str]]:
        """Return the genres of tracks, which must come after those asked for before."""
        found: list[list[str]] = []
        for track_id in track_ids:
            genres: list[str] = []
            while self._next is not None and self._next[0] == track_id:
                genres.append(self._next[1])
                self._next = next(self._pairs, None)
            found.append(genres)
        return found


def _forget_old(root: Path, current: str) -> None:
    """Remove snapshots but the newest `KEPT` and the one in use."""
    folders = sorted(
        (path for path in root.glob("cat-*") if path.is_dir()),
        key=lambda path: (path.name == current, path.stat().st_mtime),
    )
    for folder in folders[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
