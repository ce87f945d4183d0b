"""The catalogue as services read it: one immutable folder, memory-mapped.

    tracks.arrow       one row per track (`STORED`), Arrow IPC, uncompressed, mapped
    features.npy       float64 (n, 14), columns as `ATTRIBUTES`, NaN where missing, mapped
    standardiser.json  fitted on features.npy
    ids.arrow          ids by others and the row of each (`IDS_SCHEMA`); only if there are any
    absent.npy         int32, rows that no source has any more, ascending; only if there are any
    manifest.json      version, counts, sources and licences, SHA-256 of each file

Rows are ordered by track id, so a version depends on content alone.
"""

import hashlib
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES
from quintet_text.track_ids import readings_of, track_id_of

from quintet_modelkit import songs
from quintet_modelkit.features import Raw, Standardiser
from quintet_modelkit.plain_arrays import map_array
from quintet_modelkit.publication import (
    PublicationInvalid,
    read_manifest,
    read_text,
    write_manifest,
)
from quintet_modelkit.text_index import TextIndex

SCHEMA: Final = pa.schema(
    [
        ("track_id", pa.string()),
        ("title", pa.string()),
        ("artists", pa.list_(pa.string())),
        ("artist_ids", pa.list_(pa.string())),
        ("album", pa.string()),
        ("album_id", pa.string()),
        ("release_date", pa.string()),
        ("explicit", pa.bool_()),
        ("genres", pa.list_(pa.string())),
        ("isrc", pa.string()),
        ("provenance", pa.string()),
        ("licence", pa.string()),
        ("cover_url", pa.string()),
        ("preview_url", pa.string()),
        # The same number for all releases of one recording: `identity.recording_key`.
        ("recording", pa.int32()),
    ]
)
"""Strings are never null: an unknown one is empty. Lists may be empty."""
STORED: Final = pa.schema([*SCHEMA, *songs.SCHEMA])
"""What a file has; those written before `songs.SCHEMA` existed lack its columns."""

IDS_SCHEMA: Final = pa.schema([("id", pa.string()), ("row", pa.int32())])
"""Ids as `KIND:VALUE`, distinct and ascending: `isrc:USRC17607839`, `source:NAME:ITEM`."""

TRACKS, FEATURES, STANDARDISER = "tracks.arrow", "features.npy", "standardiser.json"
IDS: Final = "ids.arrow"
ABSENT: Final = "absent.npy"
NO_ROWS: Final = np.zeros(0, np.int32)


def write_snapshot(
    folder: Path,
    tracks: pa.Table,
    features: Raw,
    sources: Sequence[Mapping[str, Any]] = (),
    *,
    state: str = "",
    ids: pa.Table | None = None,
    absent: NDArray[np.int32] = NO_ROWS,
) -> str:
    """Write a snapshot into an empty folder and return its version, `cat-` and 12 digits.

    Args:
        folder: An empty folder, usually from `publication.staged`.
        tracks: `SCHEMA` or `STORED`, sorted by track_id, ids unique, n ≥ 1 rows.
        features: float64 (n, 14), row-aligned, NaN where missing.
        sources: For the manifest: name, licence and row count of each origin.
        state: For the manifest: names the state of the database that the tracks come from.
        ids: `IDS_SCHEMA`; None or empty for none.
        absent: Rows of tracks that are in playlists but that no source has any more, ascending.

    Raises:
        ValueError: Tracks and features do not fit the above.
    """
    if tracks.schema == SCHEMA:
        tracks = songs.with_songs(tracks, songs.compute_songs(tracks))
    if tracks.schema != STORED or len(tracks) != len(features) or not len(tracks):
        raise ValueError(
            f"tracks must have the columns of SCHEMA and one row per row of features, at least "
            f"one; got {len(tracks)} tracks and {len(features)} rows of features"
        )
    standardiser = Standardiser.fit(features)
    with pa.OSFile(str(folder / TRACKS), "wb") as sink, pa.ipc.new_file(sink, STORED) as writer:
        # One chunk: a row number is then an offset into the file, without a search for its chunk.
        writer.write_table(tracks.combine_chunks(), max_chunksize=len(tracks))
    np.save(folder / FEATURES, np.ascontiguousarray(features, dtype=np.float64))
    (folder / STANDARDISER).write_text(standardiser.to_json(), encoding="utf-8")
    names = [TRACKS, FEATURES]
    if ids is not None and len(ids):
        with (
            pa.OSFile(str(folder / IDS), "wb") as sink,
            pa.ipc.new_file(sink, IDS_SCHEMA) as writer,
        ):
            writer.write_table(ids.combine_chunks(), max_chunksize=len(ids))
        names.append(IDS)
    if len(absent):
        np.save(folder / ABSENT, np.asarray(absent, np.int32))
        names.append(ABSENT)
    digest = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    version = f"cat-{digest.hexdigest()[:12]}"
    content = {
        "kind": "catalogue",
        "catalogue_version": version,
        "standardiser_version": standardiser.version,
        "track_count": len(tracks),
        "attributes": list(ATTRIBUTES),
        "sources": [dict(source) for source in sources],
        "state": state,
    }
    write_manifest(folder, content)
    return version


def _mapped(path: Path) -> mmap.mmap:
    """Map a file's pages; they are shared by all processes that read it."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def _tracks(pages: mmap.mmap) -> pa.Table:
    """Read the table of tracks, and check every offset in it.

    Arrow checks offsets only when asked to; a damaged one ends the process at its first use.

    Raises:
        ValueError: It is damaged, has other columns than `STORED` or `SCHEMA`, which older files
            have, or has a null, or numbers that no row can have.
    """
    tracks = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(pages))).read_all()
    if not (tracks.schema.equals(STORED) or tracks.schema.equals(SCHEMA)):
        raise ValueError(f"{TRACKS} has other columns than this program reads")
    tracks.validate(full=True)
    if nulls := [name for name in tracks.schema.names if tracks.column(name).null_count]:
        raise ValueError(f"{TRACKS} has nulls in {nulls[0]}")
    # Rows are grouped by these numbers: a huge one would take memory for as many groups.
    for name in {"recording", "song"} & set(tracks.schema.names):
        numbers = tracks.column(name).to_numpy()
        if len(numbers) and not -1 <= numbers.min() <= numbers.max() < len(numbers):
            raise ValueError(f"{TRACKS} has numbers in {name} beyond its {len(numbers)} rows")
    return tracks


def _ids(
    path: Path, count: int
) -> tuple[Mapping[str, int], NDArray[np.int32], tuple[mmap.mmap, ...]]:
    """Map the ids by others; nothing if the snapshot has none.

    Raises:
        ValueError: The file is damaged, or names rows that do not exist.
    """
    if not path.exists():
        return {}, NO_ROWS, ()
    pages = _mapped(path)
    table = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(pages))).read_all()
    if not table.schema.equals(IDS_SCHEMA):
        raise ValueError(f"{path.name} has other columns than this program reads")
    table.validate(full=True)
    if any(table.column(name).null_count for name in table.schema.names):
        raise ValueError(f"{path.name} has nulls")
    rows = table.column("row").to_numpy().astype(np.int32)
    if len(rows) and not 0 <= rows.min() <= rows.max() < count:
        raise ValueError(f"{path.name} names rows beyond the {count} tracks")
    return TextIndex(table.column("id")), rows, (pages,)


def _absent(path: Path, count: int) -> NDArray[np.int32]:
    """Read the rows of absent tracks; nothing if the snapshot has none.

    Raises:
        ValueError: The file is damaged, or names rows that do not exist or are not ascending.
    """
    if not path.exists():
        return NO_ROWS
    rows = np.array(map_array(path))
    if rows.dtype != np.int32 or rows.ndim != 1 or not len(rows):
        raise ValueError(f"{path.name} does not hold row numbers")
    if not 0 <= rows[0] <= rows[-1] < count or (np.diff(rows) <= 0).any():
        raise ValueError(f"{path.name} names rows beyond the {count} tracks, or in another order")
    return rows


def _check_features(features: Raw, count: int) -> None:
    """Check that features are numbers, or NaN for a missing one, one row per track.

    Raises:
        ValueError: They are not.
    """
    if features.shape != (count, len(ATTRIBUTES)) or features.dtype != np.float64 or not count:
        raise ValueError(f"{FEATURES} does not hold {len(ATTRIBUTES)} features of {count} tracks")
    if np.isinf(features).any():
        raise ValueError(f"{FEATURES} holds numbers that are not finite")
    if not np.isfinite(features[:, ATTRIBUTES.index("duration_ms")]).all():
        raise ValueError(f"{FEATURES} lacks durations")


@dataclass(frozen=True)
class Snapshot:
    """A loaded catalogue.

    Attributes:
        version: The catalogue version.
        tracks: One row per track, `STORED`, mapped from disk.
        features: float64 (n, 14), mapped, read-only.
        standardiser: Fitted on these features.
        manifest: Counts, sources, checksums.
        row_of: Track id → row.
        ids: Id by others, `KIND:VALUE`, → place in `id_rows`; empty if there are none.
        id_rows: int32, the row that each id names.
        absent: int32, rows of tracks that no source has any more, ascending. They are in playlists,
            and may be seeds, but are not recommended.
    """

    version: str
    tracks: pa.Table
    features: Raw
    standardiser: Standardiser
    manifest: Mapping[str, Any]
    row_of: Mapping[str, int]
    _maps: tuple[mmap.mmap, ...] = ()
    ids: Mapping[str, int] = field(default_factory=dict)
    id_rows: NDArray[np.int32] = field(default_factory=lambda: NO_ROWS)
    absent: NDArray[np.int32] = field(default_factory=lambda: NO_ROWS)

    @classmethod
    def load(cls, folder: Path, *, verify: bool = True) -> Self:
        """Map a snapshot from its folder.

        Args:
            folder: The snapshot's folder.
            verify: Whether to compare every file with its checksum, which reads all of them.

        Raises:
            PublicationInvalid: A file is missing, altered or of another format.
        """
        manifest = read_manifest(folder, verify=verify)
        try:
            pages = _mapped(folder / TRACKS)
            tracks = _tracks(pages)
            features = map_array(folder / FEATURES)
            standardiser = Standardiser.from_json(read_text(folder / STANDARDISER))
            version = str(manifest["catalogue_version"])
            _check_features(features, len(tracks))
            ids, id_rows, id_pages = _ids(folder / IDS, len(tracks))
            absent = _absent(folder / ABSENT, len(tracks))
        # Arrow's errors have several bases, NotImplementedError among them.
        except (
            pa.ArrowException,
            ValueError,
            OSError,
            KeyError,
            TypeError,
            MemoryError,
        ) as fault:
            text = " ".join(str(fault).split())[:300]
            raise PublicationInvalid(f"{folder.name}: the catalogue is damaged: {text}") from fault
        row_of = TextIndex(tracks.column("track_id"))
        mapped = (features.base,) if isinstance(features.base, mmap.mmap) else ()
        maps = (pages, *mapped, *id_pages)
        named = (row_of, maps, ids, id_rows, absent)
        # A view of class ndarray: each use of a `np.memmap` costs more than the use itself.
        return cls(version, tracks, np.asarray(features), standardiser, manifest, *named)

    def find(self, name: str) -> int | None:
        """Find the row of a track by its id, or by any id that others gave it; None if unknown.

        Takes `KIND:VALUE` as in `ids`, and what `quintet_text.track_ids.readings_of` reads: a bare
        ISRC, a UUID or address of MusicBrainz, a URI or address of Spotify. An id that names
        several tracks, such as a release, gives the most popular.
        """
        if (row := self.row_of.get(track_id_of(name))) is not None:
            return row
        if not self.ids:
            return None
        readings = (f"{kind}:{value}" for kind, value in readings_of(name))
        # Only text with a colon is an id as it is; a request may exclude ten thousand others.
        for text in (*((name.strip(),) if ":" in name else ()), *readings):
            if (place := self.ids.get(text)) is not None:
                return int(self.id_rows[place])
        return None

    def rows_of_source(self, name: str) -> NDArray[np.int32]:
        """Find the rows that a source of music has, in any order; none for an unknown source."""
        # Without ids by others `ids` is an empty dictionary.
        if not isinstance(self.ids, TextIndex):
            return NO_ROWS
        return self.id_rows[self.ids.places(f"source:{name}:")]

    def release(self) -> None:
        """Return pages to the system that were read once; they are read again on demand.

        A service reads the whole file once at its start; without this, those pages would count as
        its memory from then on.
        """
        for pages in self._maps:
            pages.madvise(mmap.MADV_DONTNEED)
        pa.default_memory_pool().release_unused()

    def __len__(self) -> int:
        return len(self.tracks)
