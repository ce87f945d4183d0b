"""The domain's ports filled with real things: a snapshot on disk, threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from quintet_modelkit.features import Raw, Standardiser
from quintet_modelkit.publication import current_version
from quintet_modelkit.seeds import Seed, SeedKind
from quintet_modelkit.snapshot import Snapshot
from quintet_servicekit.follower import Follower

T = TypeVar("T")


@dataclass(frozen=True)
class RowGroups:
    """Rows by name, in compressed sparse rows: four bytes a membership, whatever the names.

    Attributes:
        number_of: Name to its number.
        starts: int64 (g + 1,); group i holds `rows[starts[i]:starts[i + 1]]`.
        rows: int32, ascending within each group.
    """

    number_of: dict[str, int]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Self:
        """Groups the rows of a column of lists by the lists' members."""
        lists: Any = column.combine_chunks()
        if isinstance(lists, pa.ChunkedArray):
            lists = pa.concat_arrays(lists.chunks)
        encoded = lists.flatten().dictionary_encode()
        members = encoded.indices.to_numpy(zero_copy_only=False)
        owners = np.repeat(np.arange(len(lists), dtype=np.int32), np.diff(lists.offsets.to_numpy()))
        order = np.argsort(members, kind="stable")
        names = encoded.dictionary.to_pylist()
        counts = np.bincount(members.astype(np.int64), minlength=len(names))
        starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        return cls({str(name): i for i, name in enumerate(names)}, starts, owners[order])

    def find(self, name: str) -> NDArray[np.int32] | None:
        """Returns the rows of a name, or None where it is not known."""
        number = self.number_of.get(name)
        if number is None:
            return None
        # An artist credited twice on one track still has that track once.
        return np.unique(self.rows[self.starts[number] : self.starts[number + 1]])


class SnapshotCatalogue:
    """A snapshot, with its rows by artist and by genre."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._groups = {
            SeedKind.ARTIST: RowGroups.of(snapshot.tracks.column("artist_ids")),
            SeedKind.GENRE: RowGroups.of(snapshot.tracks.column("genres")),
        }

    @property
    def version(self) -> str:
        """The catalogue version."""
        return self._snapshot.version

    @property
    def standardiser(self) -> Standardiser:
        """Fitted on this catalogue."""
        return self._snapshot.standardiser

    def features_of(self, seed: Seed) -> Raw | None:
        """Returns the raw rows (k, 14) a seed stands for; None where it is not known."""
        if seed.kind is not SeedKind.TRACK:
            rows = self._groups[seed.kind].find(seed.name)
            return None if rows is None else self._snapshot.features[rows]
        row = self._snapshot.row_of.get(seed.name)
        return None if row is None else self._snapshot.features[row : row + 1]


def follow_catalogues(root: Path, interval: float) -> Follower[SnapshotCatalogue]:
    """Returns a follower of the catalogues published under a root."""
    return Follower[SnapshotCatalogue](
        "catalogue",
        lambda: current_version(root),
        lambda version: SnapshotCatalogue(Snapshot.load(root / version)),
        interval,
    )


class Threads:
    """A few threads for blocking work; what waits is bounded by the server's limit of calls."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="average")

    async def run(self, work: Callable[[], T]) -> T:
        """Runs blocking work on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def close(self) -> None:
        """Lets running work end and drops what waits."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
