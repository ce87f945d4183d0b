"""Load one version of the catalogue for searching: snapshot, index, artists and genres."""

import atexit
import contextlib
import errno
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import numpy as np
import pyarrow as pa
import structlog
from numpy.typing import NDArray
from quintet_modelkit.features import COLUMN
from quintet_modelkit.publication import (
    PublicationInvalid,
    followed_version,
    publish,
    read_manifest,
    staged,
    write_manifest,
)
from quintet_modelkit.snapshot import Snapshot
from quintet_servicekit.follower import Follower
from quintet_servicekit.tracing import stage
from quintet_text.normal_form import VERSION as NORMAL_FORM

from quintet_search.adapters.map import FILE as MAP_FILE
from quintet_search.adapters.map import write_map
from quintet_search.adapters.names import Names, catalogue_facts
from quintet_search.adapters.text_analysis import beginnings, indexed, whole, wholes
from quintet_search.adapters.text_index import ARTISTS, TRACKS, TextIndex, isrc_of, write_index
from quintet_search.domain.names import CatalogueFacts, NamedItem, NameQuery
from quintet_search.domain.ports import SearchableCatalogue
from quintet_search.domain.query import ParsedQuery
from quintet_search.domain.records import (
    ArtistRecord,
    ArtistReference,
    GenreRecord,
    Matches,
    TrackRecord,
)

FORMAT: Final = 4
"""Increase it when documents or their order change, so that older indexes are built again."""
# Indexes on disk: the one in use, and the one before it for a rollback.
KEPT: Final = 2
# Rows converted at once while an index is built.
_BATCH: Final = 8192
# Staging folders that are older were left by a process that died.
_STALE_SECONDS: Final = 3600.0

_log = structlog.get_logger(__name__)
T = TypeVar("T")
_TEXTS: Final = (
    *("track_id", "title", "artist_ids", "artists", "genres", "album", "album_id"),
    *("release_date", "explicit", "isrc", "provenance", "licence", "cover_url", "preview_url"),
)
_NUMBERS: Final = (COLUMN["duration_ms"], COLUMN["popularity"])
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class ArtistTable:
    """All artists of a snapshot, most popular first.

    Attributes:
        ids: The artists' ids.
        names: Their names, as written on their most popular track.
        popularity: The highest popularity of their tracks, 0 to 100, -1 if unknown, int64 (a,).
        counts: The number of their tracks, int64 (a,).
        genres: All names of genres.
        genre_starts: Where each artist's genres begin in `genre_codes`, int64 (a + 1,).
        genre_codes: Indices into `genres`, each artist's most frequent first, int64.
        row_of: The row of each id.
    """

    ids: Sequence[str]
    names: Sequence[str]
    popularity: Rows
    counts: Rows
    genres: Sequence[str]
    genre_starts: Rows
    genre_codes: Rows
    row_of: dict[str, int]

    def artist(self, row: int) -> ArtistRecord:
        """Build the record of the artist in a row."""
        codes = self.genre_codes[self.genre_starts[row] : self.genre_starts[row + 1]]
        return ArtistRecord(
            self.ids[row],
            self.names[row],
            tuple(self.genres[code] for code in codes),
            int(self.popularity[row]) if self.popularity[row] >= 0 else None,
            int(self.counts[row]),
        )


@dataclass(frozen=True)
class IndexedCatalogue:
    """The catalogue of one snapshot, searched by tantivy.

    Attributes:
        snapshot: Tracks and features.
        track_index: Finds tracks by text.
        artist_index: Finds artists by text.
        artist_table: All artists.
        genre_list: All genres.
        map_file: The map, an Arrow IPC file.
        by_popularity: The snapshot's rows, most popular first, int32 (n,).
    """

    snapshot: Snapshot
    track_index: TextIndex
    artist_index: TextIndex
    artist_table: ArtistTable
    genre_list: Sequence[GenreRecord]
    map_file: Path
    by_popularity: NDArray[np.int32]

    @classmethod
    def load(cls, home: Path, version: str) -> Self:
        """Load a published catalogue and open its index; build the index if it is missing.

        Raises:
            PublicationInvalid: The snapshot is missing or altered.
        """
        snapshot = Snapshot.load(home / "catalogue" / version)
        order = popularity_order(snapshot)
        table = artist_table(snapshot, order)
        root = home / "search"
        try:
            folder = _index_folder(root, snapshot, order, table)
        except OSError as fault:
            if fault.errno not in (errno.EROFS, errno.EACCES):
                raise
            # A home that may only be read serves as well: the index is built for this process.
            root = Path(tempfile.mkdtemp(prefix="quintet-search-"))
            atexit.register(shutil.rmtree, root, ignore_errors=True)
            _log.warning("search index is built outside of QUINTET_HOME", error=str(fault))
            folder = _index_folder(root, snapshot, order, table)
        genres = genre_list(snapshot)
        # Building and aggregating have read most of the file; serving needs a small part in memory.
        snapshot.release()
        return cls(
            snapshot,
            TextIndex(folder / "tracks", TRACKS),
            TextIndex(folder / "artists", ARTISTS),
            table,
            genres,
            folder / MAP_FILE,
            order.astype(np.int32),
        )

    @property
    def version(self) -> str:
        """The catalogue version."""
        return self.snapshot.version

    @property
    def map_version(self) -> str:
        """The version of the map: that of the catalogue and of the file format."""
        return f"{self.version}.{FORMAT}"

    def map_part(self, offset: int, size: int) -> tuple[bytes, int]:
        """Read up to `size` bytes of the map's file from `offset` on, and its size in bytes."""
        with self.map_file.open("rb") as file:
            whole_size = file.seek(0, os.SEEK_END)
            file.seek(offset)
            return file.read(size), whole_size

    def has(self, track_id: str) -> bool:
        """Check whether the catalogue contains a track."""
        return track_id in self.snapshot.row_of

    def knows(self, name: str) -> bool:
        """Check whether a text is the id of a track, or one that others gave it."""
        return self.snapshot.find(name) is not None

    def search_tracks(self, query: ParsedQuery, offset: int, size: int) -> Matches[TrackRecord]:
        """Find matches from an offset on, best first."""
        with stage("search"):
            hits, total = self.track_index.find(query, offset, size)
        with stage("look up"):
            tracks = self._tracks([row for row, _ in hits])
        # Popularity orders matches whose text scores are equal, so it is the fraction of the score.
        scored = [
            (track, score + (track.popularity or 0) / 10_000)
            for track, (_, score) in zip(tracks, hits, strict=True)
        ]
        return Matches(scored, total)

    def search_artists(self, query: ParsedQuery, offset: int, size: int) -> Matches[ArtistRecord]:
        """Find matches from an offset on, best first."""
        with stage("search"):
            hits, total = self.artist_index.find(query, offset, size)
        return Matches([(self.artist_table.artist(row), score) for row, score in hits], total)

    def tracks(self, ids: Sequence[str]) -> list[TrackRecord | None]:
        """Look up tracks by id or by an id that others gave, in order; None for an unknown one."""
        rows = [self.snapshot.find(track_id) for track_id in ids]
        known = dict.fromkeys(row for row in rows if row is not None)
        with stage("look up"):
            found = dict(zip(known, self._tracks(list(known)), strict=True))
        return [None if row is None else found[row] for row in rows]

    def named(self, names: Sequence[NameQuery]) -> list[list[NamedItem]]:
        """List the items of each name."""
        with stage("look up"):
            return [self._names.find(name) for name in names]

    @cached_property
    def facts(self) -> CatalogueFacts:
        """What the catalogue has."""
        popular = [track.id for track in self.popular(0, 5)]
        return catalogue_facts(self.snapshot, self.genre_list, popular)

    @cached_property
    def _names(self) -> Names:
        table = self.artist_table
        return Names(
            *(self.snapshot, self.track_index, self.artist_index),
            *(table.ids, table.names, self.genre_list),
        )

    @property
    def track_count(self) -> int:
        """The number of tracks."""
        return len(self.by_popularity)

    def popular(self, offset: int, size: int) -> list[TrackRecord]:
        """List up to `size` tracks from an offset on, most popular first."""
        return self._tracks(self.by_popularity[offset : offset + size].tolist())

    def artists(self, ids: Sequence[str]) -> list[ArtistRecord | None]:
        """Look up artists, in the order of the ids; None for an unknown id."""
        rows = [self.artist_table.row_of.get(artist_id) for artist_id in ids]
        return [None if row is None else self.artist_table.artist(row) for row in rows]

    def genres(self) -> Sequence[GenreRecord]:
        """List all genres in alphabetical order."""
        return self.genre_list

    def _tracks(self, rows: Sequence[int]) -> list[TrackRecord]:
        if not rows:
            return []
        taken = self.snapshot.tracks.take(pa.array(rows, pa.int64()))
        # By column, which avoids a dictionary per row.
        texts = zip(*(taken.column(name).to_pylist() for name in _TEXTS), strict=True)
        numbers = self.snapshot.features[np.ix_(rows, _NUMBERS)].tolist()
        return [_track(*each) for each in zip(texts, numbers, strict=True)]


def follow_catalogue(home: Path, interval: float) -> Follower[SearchableCatalogue]:
    """Build the follower of the catalogue published in QUINTET_HOME."""
    return Follower[SearchableCatalogue](
        "catalogue",
        lambda: followed_version(home / "catalogue"),
        lambda version: IndexedCatalogue.load(home, version),
        interval,
        expected=(PublicationInvalid,),
    )


def popularity_order(snapshot: Snapshot) -> Rows:
    """Order rows by popularity, highest first, then by track id, int64 (n,)."""
    popularity = snapshot.features[:, COLUMN["popularity"]]
    return np.argsort(-popularity, kind="stable").astype(np.int64)


def genre_list(snapshot: Snapshot) -> list[GenreRecord]:
    """Count the tracks of each genre, in alphabetical order."""
    counted = _flat(snapshot, "genres")[1].value_counts().to_pylist()
    genres = [GenreRecord(item["values"], item["counts"]) for item in counted if item["values"]]
    return sorted(genres, key=lambda genre: genre.name)


def artist_table(snapshot: Snapshot, order: Rows) -> ArtistTable:
    """Aggregate the tracks of each artist."""
    rows, ids = _flat(snapshot, "artist_ids")
    _, names = _flat(snapshot, "artists")
    encoded = ids.dictionary_encode()
    codes = np.asarray(encoded.indices, dtype=np.int64)
    count = len(encoded.dictionary)
    tracks = np.bincount(codes, minlength=count)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    # Name and popularity come from the artist's most popular track. Descending ranks are assigned
    # in order, so the last assignment, of the best rank, stays.
    first = np.full(count, -1, dtype=np.int64)
    by_rank = np.argsort(-rank[rows], kind="stable")
    first[codes[by_rank]] = by_rank
    known = np.nan_to_num(snapshot.features[rows[first], COLUMN["popularity"]], nan=-1.0)
    popularity = np.rint(known).astype(np.int64)
    id_texts = encoded.dictionary.to_pylist()
    # The last key counts first: popularity, then number of tracks, then the best track.
    sequence = np.lexsort((rank[rows[first]], -tracks, -popularity.clip(0)))
    place = np.empty(count, dtype=np.int64)
    place[sequence] = np.arange(count)
    genres, starts, genre_codes = _artist_genres(snapshot, rows, place[codes], count)
    sorted_ids = [id_texts[code] for code in sequence]
    return ArtistTable(
        sorted_ids,
        names.take(pa.array(first[sequence])).to_pylist(),
        popularity[sequence],
        tracks[sequence],
        genres,
        starts,
        genre_codes,
        {artist_id: row for row, artist_id in enumerate(sorted_ids)},
    )


def _artist_genres(
    snapshot: Snapshot, rows: Rows, artists: Rows, count: int
) -> tuple[list[str], Rows, Rows]:
    """Collect genre names, the start of each artist's genre codes, and the codes."""
    genre_rows, texts = _flat(snapshot, "genres")
    encoded = texts.dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    if not names:
        return [], np.zeros(count + 1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    codes = np.asarray(encoded.indices, dtype=np.int64)
    # Row numbers rise, so a binary search finds where the genres of each track begin.
    starts = np.searchsorted(genre_rows, np.arange(len(snapshot) + 1))
    per_track = np.diff(starts)[rows]
    owners = np.repeat(artists, per_track)
    # The position of each (artist, genre) pair within the flat list of genres.
    within = np.arange(len(owners)) - np.repeat(np.cumsum(per_track) - per_track, per_track)
    # Artist and genre in one integer, so that one `unique` counts all pairs.
    pairs = owners * len(names) + codes[np.repeat(starts[rows], per_track) + within]
    unique, counts = np.unique(pairs, return_counts=True)
    owner, genre = np.divmod(unique, len(names))
    # The rank of each name: equal counts are then in alphabetical order.
    alphabetical = np.argsort(np.argsort(np.array(names)))
    sequence = np.lexsort((alphabetical[genre], -counts, owner))
    bounds = np.searchsorted(owner[sequence], np.arange(count + 1))
    return names, bounds.astype(np.int64), genre[sequence].astype(np.int64)


def _flat(snapshot: Snapshot, column: str) -> tuple[Rows, Any]:
    """Flatten a list column; the result is the row of each value, int64, and the values."""
    lists = snapshot.tracks.column(column).combine_chunks()
    if isinstance(lists, pa.ChunkedArray):  # older pyarrow keeps the chunks
        lists = pa.concat_arrays(lists.chunks)
    lengths: Rows = np.diff(np.asarray(lists.offsets, dtype=np.int64)).astype(np.int64)
    return np.repeat(np.arange(len(lists), dtype=np.int64), lengths), lists.flatten()


def _track(texts: tuple[Any, ...], numbers: list[float]) -> TrackRecord:
    """Build a track from its values in the order of `_TEXTS` and `_NUMBERS`."""
    track_id, title, artist_ids, artists, genres, *others = texts
    album, album_id, release_date, explicit, isrc, provenance, licence, cover, preview = others
    duration_ms, popularity = numbers
    return TrackRecord(
        track_id,
        title,
        tuple(map(ArtistReference, artist_ids, artists)),
        album,
        album_id,
        release_date,
        round(duration_ms),
        None if math.isnan(popularity) else round(popularity),
        explicit,
        tuple(genres),
        isrc,
        provenance,
        licence,
        cover,
        preview,
    )


def _index_folder(root: Path, snapshot: Snapshot, order: Rows, table: ArtistTable) -> Path:
    """Find the index folder of a snapshot; build it if it is missing or damaged."""
    folder = root / snapshot.version
    if folder.exists():
        try:
            _check(folder)
        except (PublicationInvalid, ValueError, OSError) as fault:
            _log.warning("index removed", version=snapshot.version, error=str(fault))
            _remove(folder)
    if not folder.exists():
        _build(root, snapshot, order, table)
    # The time of the last use orders the indexes for `_prune`. A read-only disk is no error.
    with contextlib.suppress(OSError):
        os.utime(folder)
        _prune(root, folder)
    return folder


def _check(folder: Path) -> None:
    manifest = read_manifest(folder)
    # An earlier release built it: documents or their order differ.
    if manifest.get("index_format") != FORMAT:
        raise PublicationInvalid(f"index format {manifest.get('index_format')} is not {FORMAT}")
    # The index holds normal forms, and each query is compared with them in today's form.
    if manifest.get("normal_form") != NORMAL_FORM:
        raise PublicationInvalid(
            f"normal form {manifest.get('normal_form')} of names is not {NORMAL_FORM}"
        )
    for name, layout in (("tracks", TRACKS), ("artists", ARTISTS)):
        if TextIndex(folder / name, layout).size != manifest[f"{name}_count"]:
            raise PublicationInvalid(f"{name} are not complete")


def _build(root: Path, snapshot: Snapshot, order: Rows, table: ArtistTable) -> None:
    started = time.perf_counter()
    with staged(root) as folder:
        write_index(folder / "tracks", TRACKS, _track_documents(snapshot, order))
        write_index(folder / "artists", ARTISTS, _artist_documents(table))
        write_map(folder, snapshot)
        content = {
            "kind": "search",
            "index_format": FORMAT,
            "normal_form": NORMAL_FORM,
            "catalogue_version": snapshot.version,
            "tracks_count": len(snapshot),
            "artists_count": len(table.ids),
        }
        write_manifest(folder, content)
        # No pointer: the catalogue's pointer decides which index is used.
        publish(folder, root, snapshot.version, make_current=False)
    seconds = round(time.perf_counter() - started, 2)
    _log.info("index built", version=snapshot.version, tracks=len(snapshot), seconds=seconds)


def _track_documents(snapshot: Snapshot, order: Rows) -> Iterator[dict[str, object]]:
    columns = ["title", "artists", "album", "release_date", "genres", "isrc"]
    tracks = snapshot.tracks.select(columns)
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        for row, record in zip(rows, tracks.take(pa.array(rows)).to_pylist(), strict=True):
            yield _track_document(int(row), record)


def _track_document(row: int, record: dict[str, Any]) -> dict[str, object]:
    title, album = indexed(record["title"]), indexed(record["album"])
    artists = " ".join(indexed(name) for name in record["artists"])
    names = [name for name in map(whole, record["artists"]) if name]
    # A query for an artist's full name should find the tracks as well as a full title does.
    wholes_of = list(dict.fromkeys([*wholes(record["title"]), *names]))
    document: dict[str, object] = {
        "text": [f"{title} {artists} {album}"],
        "title": [title],
        "artist": [artists],
        "album": [album],
        "whole": [*wholes_of, *beginnings(wholes_of)],
        "genre": [whole(genre) for genre in record["genres"]],
        "isrc": [isrc_of(record["isrc"])] if record["isrc"] else [],
        "row": [row],
    }
    year = record["release_date"][:4]
    # `isdigit` alone accepts digits of other scripts.
    if len(year) == 4 and year.isascii() and year.isdigit():
        document["year"] = [int(year)]
    return document


def _artist_documents(table: ArtistTable) -> Iterator[dict[str, object]]:
    for row, name in enumerate(table.names):
        yield {
            "text": [indexed(name)],
            "whole": [whole(name), *beginnings([whole(name)])],
            "genre": [whole(genre) for genre in table.artist(row).genres],
            "row": [row],
        }


def _remove(folder: Path) -> None:
    """Rename a folder and delete it, so that no process sees a part of it."""
    aside = folder.with_name(f".staging-removed-{os.getpid()}-{folder.name}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _prune(root: Path, current: Path) -> None:
    """Keep the index in use and the newest other; delete what ended processes left."""
    folders = [path for path in root.iterdir() if path.is_dir()]
    published = [path for path in folders if not path.name.startswith(".") and path != current]
    published.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in published[KEPT - 1 :]:
        _remove(folder)
    for folder in folders:
        stale = folder.name.startswith(".staging-")
        if stale and time.time() - folder.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
