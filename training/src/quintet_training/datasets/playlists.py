"""Reading what playlists there are, and their rows for training."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl
from quintet_store import open_engine, reading
from quintet_store import playlists as store

from quintet_training.datasets.playlist_files import ROWS, SCHEMA, count_tracks, read_rows
from quintet_training.settings import TrainingSettings


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
        StoreUnavailable: The database cannot be used, or a file is missing or damaged.
    """
    origins, kinds = read_sources(settings), Counter(read_kinds(settings).values())
    playlists, rows = sum(s.playlists for s in origins), sum(s.rows for s in origins)
    tracks = count_tracks(settings)
    return PlaylistInfo(playlists, rows, tracks, origins, dict(sorted(kinds.items())))


def read_sources(settings: TrainingSettings) -> list[store.PlaylistSource]:
    """List the origins of playlists, by name.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            return store.playlist_sources(connection)
    finally:
        engine.dispose()


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
        StoreUnavailable: The database cannot be used, or a file is missing or damaged.
    """
    nothing = pl.DataFrame(schema={name: SCHEMA[name] for name in ROWS})
    return pl.concat([nothing, *stream_playlists(settings)]).sort("playlist_id", "position")


def stream_playlists(settings: TrainingSettings) -> Iterator[pl.DataFrame]:
    """Yield the rows of `read_playlists` in parts of bounded size, in no set order.

    Each part has all rows of its playlists, sorted by playlist and position.

    Raises:
        StoreUnavailable: The database cannot be used, or a file is missing or damaged.
    """
    tracks = _catalogue(settings)
    for rows in read_rows(settings):
        # A sync may have deleted a track that a file still contains.
        known = rows.join(tracks, on="track_id", how="semi", maintain_order="left")
        # A track that stands twice would be its own neighbour when training counts pairs.
        once = known.unique(["playlist_id", "track_id"], keep="first", maintain_order=True)
        place = pl.int_range(pl.len(), dtype=pl.Int32).over("playlist_id").alias("position")
        yield once.with_columns(place)


def _catalogue(settings: TrainingSettings) -> pl.DataFrame:
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            parts = [pl.Series(part) for part in store.stream_track_ids(connection, 100_000)]
    finally:
        engine.dispose()
    return pl.concat([pl.Series("track_id", [], pl.String), *parts]).to_frame("track_id")
