"""Playlists as rows of a published catalogue, read file by file, here or by another process."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from quintet_modelkit.snapshot import Snapshot

from quintet_training.datasets.playlist_files import FilePart, read_part


@dataclass(frozen=True)
class Members:
    """Some playlists and the catalogue rows of their tracks.

    Attributes:
        names: Ids of the playlists.
        sizes: int64 (playlists,), the number of tracks of each, at least one.
        rows: int64 (sum of sizes,), the distinct rows of each in its order, one after another.
        digests: A hash of the track ids of each: row numbers would change with the catalogue.
    """

    names: list[str]
    sizes: NDArray[np.int64]
    rows: NDArray[np.int64]
    digests: list[str]

    @property
    def of_each(self) -> list[NDArray[np.int64]]:
        """The rows of each playlist, as views of `rows`."""
        return np.split(self.rows, np.cumsum(self.sizes)[:-1]) if self.names else []


ReadFiles = Callable[[Path, Sequence[FilePart]], Iterator[Members]]
"""Reads files of a folder, in any order."""


def row_numbers(snapshot: Snapshot) -> pl.DataFrame:
    """Give the row of each track of a catalogue: track_id, row."""
    row_of = snapshot.row_of
    return pl.DataFrame(
        {"track_id": list(row_of), "row": list(row_of.values())},
        schema={"track_id": pl.String, "row": pl.Int64},
    )


def members_of(rows: pl.DataFrame, numbers: pl.DataFrame) -> Members:
    """Convert rows of whole playlists; tracks that the catalogue lacks are left out.

    Args:
        rows: playlist_id, position, track_id; sorted by playlist and position.
        numbers: From `row_numbers`.
    """
    # A track that came after the catalogue was published has no row yet.
    known = rows.join(numbers, on="track_id", how="inner", maintain_order="left")
    # A track that stands twice would be its own neighbour when training counts pairs.
    once = known.unique(["playlist_id", "track_id"], keep="first", maintain_order=True)
    grouped = once.group_by("playlist_id", maintain_order=True).agg("track_id", pl.len())
    digests = [
        hashlib.sha256("\n".join(tracks).encode()).hexdigest()
        for tracks in grouped["track_id"].to_list()
    ]
    return Members(
        grouped["playlist_id"].to_list(),
        grouped["len"].cast(pl.Int64).to_numpy(),
        once["row"].to_numpy(),
        digests,
    )


def read_here(numbers: pl.DataFrame) -> ReadFiles:
    """Read files in this process, one at a time."""
    return partial(_read, numbers)


def _read(numbers: pl.DataFrame, folder: Path, parts: Sequence[FilePart]) -> Iterator[Members]:
    for part in parts:
        yield members_of(read_part(folder, part), numbers)
