"""Rows and booster on a Dask cluster; `quintet-training[dask]`.

Queries are dealt out by fold. A worker loads the catalogue from a folder that all share, fits the
engine of its fold and writes the rows of its queries as one Parquet file, so that the rows of a
query are never split and are those that one machine makes. Dask then reads one partition per file,
and LightGBM's own Dask part fits one booster over all of them.

LightGBM cannot stop early there: it fits all rounds, and the validation rows, which stay here, say
afterwards where it would have stopped.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.collaborative.tokens import Tokens
from quintet_engine.index import FaissIndex
from quintet_modelkit.snapshot import Snapshot
from threadpoolctl import threadpool_limits

from quintet_training.datasets.playlist_files import FilePart, read_part
from quintet_training.datasets.playlist_members import Members, members_of, row_numbers
from quintet_training.ranking.backend import OnProgress, RowOptions
from quintet_training.ranking.fitting import SEARCH_ROWS, BoosterParameters, Fit, Fitter, ndcg
from quintet_training.ranking.folds import FoldEngines, sound_index
from quintet_training.ranking.rows import RowMaker, TrainingRows, read_rows
from quintet_training.settings import TrainingRefused

LOCAL_WORKERS: Final = 2
TRAINING: Final = "training"
VALIDATION: Final = "validation"
# To connect to the scheduler, and again for the first worker to register.
_CONNECT_SECONDS: Final = 20
# Given by the cluster, or measured here.
_NOT_SENT: Final = ("objective", "metric", "eval_at", "num_threads", "seed")


@dataclass(frozen=True)
class Shared:
    """What every worker is sent once.

    Attributes:
        snapshot: The catalogue's folder, on a disk that all share.
        playlists: Rows of each.
        folds: int64 (playlists,), the fold of each.
        weights: What each kind of token weighs in the taste space.
        seed: For clusters and indices.
        options: How rows are made.
        folder: Where rows go, on a disk that all share.
    """

    snapshot: Path
    playlists: Sequence[Rows]
    folds: NDArray[np.int64]
    weights: Mapping[str, float]
    seed: int
    options: RowOptions
    folder: Path


def write_part(shared: Shared, number: int, queries: pl.DataFrame) -> int:
    """Build and write the rows of a part of the queries; runs on a worker.

    Rows of training and of validation queries go to separate files.

    Returns:
        The number of queries, for the progress bar.
    """
    catalogue, tokens, index, sounds = _loaded(shared.snapshot, shared.seed)
    engines = FoldEngines(
        *(catalogue, shared.playlists, shared.folds, shared.weights, shared.seed),
        *(tokens, index, sounds),
    )
    options = shared.options
    # Fitting what a fold has learned takes longer than its rows; both files want the same.
    maker = RowMaker(cache(engines), options.negatives, options.seed, options.threads)
    with threadpool_limits(1, user_api="blas"):
        for kind, held in ((TRAINING, False), (VALIDATION, True)):
            asked = queries.filter(pl.col("validation") == held)
            maker.write(asked, path_of(shared.folder, kind, number), lambda _: None)
    return len(queries)


def path_of(folder: Path, kind: str, number: int) -> Path:
    """Return the file of a part's rows of training or of validation."""
    return folder / f"{kind}-{number:05d}.parquet"


def read_members(snapshot: Path, folder: Path, part: FilePart) -> Members:
    """Read a file of playlists as rows of a catalogue; runs on a worker."""
    return members_of(read_part(folder, part), _numbers(snapshot))


@lru_cache(maxsize=1)
def _numbers(snapshot: Path) -> pl.DataFrame:
    return row_numbers(Snapshot.load(snapshot))


@lru_cache(maxsize=1)
def _loaded(snapshot: Path, seed: int) -> tuple[Catalogue, Tokens, FaissIndex, FaissIndex]:
    # A worker gets many parts of one training, and the catalogue takes longest to read.
    catalogue = Catalogue.of(Snapshot.load(snapshot), recommend_absent=True)
    index = FaissIndex.build(catalogue.unit, seed=seed)
    tokens = Tokens.of(catalogue, seed)
    return catalogue, tokens, index, sound_index(tokens, seed)


def split_by_worker(queries: pl.DataFrame, workers: int) -> list[pl.DataFrame]:
    """Split queries into parts for workers: at least one part per worker if queries suffice.

    A part holds queries of one fold, because a worker fits one engine per part.
    """
    folds = queries.partition_by("fold", maintain_order=True)
    # -(-a // b) rounds up.
    pieces = -(-workers // len(folds))
    return [part for fold in folds for part in fold.iter_slices(-(-len(fold) // pieces))]


@dataclass(frozen=True)
class DaskBackend:
    """Makes rows and fits boosters on a cluster.

    Attributes:
        client: Dask's client.
        snapshot: The catalogue's folder.
        folder: An empty folder for the rows; both on a disk that client and workers share.
    """

    client: Any
    snapshot: Path
    folder: Path

    def members(self, folder: Path, parts: Sequence[FilePart]) -> Iterator[Members]:
        """Read files of playlists, one a worker at a time; the same as in one process.

        Raises:
            StoreUnavailable: A file is missing or damaged.
        """
        from distributed import as_completed

        read = partial(read_members, self.snapshot.resolve(), folder.resolve())
        # Not pure: the file of a name may be missing one time and not the next.
        futures = self.client.map(read, list(parts), pure=False)
        for future in as_completed(futures):
            yield future.result()
            # Otherwise the workers keep what was read until all is.
            future.release()

    def rows(
        self,
        engines: FoldEngines,
        queries: pl.DataFrame,
        options: RowOptions,
        on_progress: OnProgress,
    ) -> "DaskRows":
        """Make the rows of all queries, a part a worker at a time."""
        from distributed import as_completed

        shared = Shared(
            self.snapshot.resolve(),
            engines.playlists,
            engines.folds,
            engines.weights,
            engines.seed,
            replace(options, threads=1),  # a worker has as many threads as it was given
            self.folder.resolve(),
        )
        # -1 for all of them: by default the answer lists five.
        workers = len(self.client.scheduler_info(n_workers=-1)["workers"])
        parts = split_by_worker(queries, workers)
        sent = self.client.scatter(shared, broadcast=True)
        futures = [
            # Not pure, because it writes a file: Dask must not reuse an earlier result.
            self.client.submit(write_part, sent, number, part, pure=False)
            for number, part in enumerate(parts)
        ]
        done = 0
        for future in as_completed(futures):
            done += future.result()
            on_progress(done / len(queries))
        return DaskRows.of(self, queries)


@dataclass(frozen=True)
class DaskRows:
    """Rows in partitions on a shared disk.

    Attributes:
        backend: Whose cluster fits.
        files: The partitions of training.
        held: The rows of the validation queries.
        sample: Rows of every k-th training query.
        groups: How many training queries have rows.
        count: How many rows they have.
    """

    backend: DaskBackend
    files: tuple[Path, ...]
    held: TrainingRows
    sample: TrainingRows
    groups: int
    count: int

    @classmethod
    def of(cls, backend: DaskBackend, queries: pl.DataFrame) -> "DaskRows":
        """Read what the search for parameters and early stopping need; the rest stays there."""
        folder = backend.folder
        written = sorted(folder.glob(f"{TRAINING}-*.parquet"))
        # A part may have found nothing; a partition without rows has no group to fit on.
        files = [path for path in written if pq.ParquetFile(path).metadata.num_rows]
        # One run of equal query numbers is one query: its rows are adjacent.
        lengths = pl.scan_parquet(files).select(pl.col("query").rle()).collect().unnest("query")
        step = max(1, round(int(lengths["len"].sum()) / SEARCH_ROWS))
        numbers = lengths["value"].gather_every(step).implode()
        return cls(
            backend,
            tuple(files),
            read_rows(folder / f"{VALIDATION}-*.parquet", queries),
            read_rows(
                folder / f"{TRAINING}-*.parquet", queries.filter(pl.col("query").is_in(numbers))
            ),
            len(lengths),
            int(lengths["len"].sum()),
        )

    def fit(self, fitter: Fitter, parameters: BoosterParameters, on_progress: OnProgress) -> Fit:
        """Fit by `DaskLGBMRanker` on all partitions, then cuts where it should have stopped."""
        from dask import dataframe
        from lightgbm.dask import DaskLGBMRanker

        # Kept in memory: group sizes and features are both computed from it.
        frame = dataframe.read_parquet([str(file) for file in self.files]).persist()
        if frame.npartitions != len(self.files):
            raise TrainingRefused("Dask has put several files into one partition")
        settings = fitter.settings(parameters)
        ranker = DaskLGBMRanker(
            client=self.backend.client,
            objective="lambdarank",
            n_estimators=parameters.rounds,
            random_state=fitter.seed,
            # Each worker has some of the rows; histograms are summed over workers.
            tree_learner="data",
            **{name: value for name, value in settings.items() if name not in _NOT_SENT},
        )
        sizes = frame["query"].map_partitions(_sizes, meta=("query", "int64"))
        ranker.fit(frame[list(fitter.names)], frame["relevant"], group=sizes)
        on_progress(1.0)
        return stopped(ranker.booster_, self.held, parameters.patience)


def _sizes(numbers: Any) -> Any:
    """Return how many rows each query of a partition has, in the order of rows."""
    return numbers.groupby(numbers, sort=False).size()


def stopped(booster: Any, held: TrainingRows, patience: int) -> Fit:
    """Return a booster cut where early stopping by NDCG@500 would have ended it.

    Args:
        booster: LightGBM's.
        held: The validation rows.
        patience: Trees without a better NDCG before it ends.
    """
    scores = np.zeros(len(held.relevant))
    best, rounds = -1.0, 0
    for tree in range(booster.num_trees()):
        if tree - rounds >= patience:
            break
        # Raw scores are sums over trees, so each tree is evaluated once.
        scores += booster.predict(
            held.features, start_iteration=tree, num_iteration=1, raw_score=True
        )
        reached = ndcg(scores, held)
        if reached > best:
            best, rounds = reached, tree + 1
    return Fit(str(booster.model_to_string(num_iteration=rounds)), rounds, best)


def scored(text: str, rows: TrainingRows) -> float:
    """Measure a booster in LightGBM's text form on rows, by mean NDCG@500."""
    booster = lightgbm.Booster(model_str=text)
    return ndcg(np.asarray(booster.predict(rows.features, raw_score=True)), rows)


@contextmanager
def dask_backend(address: str, snapshot: Path, folder: Path) -> Iterator[DaskBackend]:
    """Give a backend on a cluster.

    Args:
        address: Of its scheduler; empty for a cluster of `LOCAL_WORKERS` processes, started here.
        snapshot: The catalogue's folder.
        folder: An empty folder for the rows; both on a disk that client and workers share.

    Raises:
        TrainingRefused: Dask is not installed, nobody answers at the address, or workers are lost.
    """
    try:
        from distributed import Client, KilledWorker, LocalCluster
        from lightgbm.dask import DaskLGBMRanker as DaskLGBMRanker
    except ImportError:
        raise TrainingRefused("--on dask needs the extra quintet-training[dask]") from None
    cluster: Any = address
    if not address:
        cluster = LocalCluster(
            # Without a dashboard, which would open a port.
            n_workers=LOCAL_WORKERS,
            threads_per_worker=1,
            dashboard_address=None,
        )
    try:
        with Client(cluster, timeout=_CONNECT_SECONDS) as client:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
            yield DaskBackend(client, snapshot, folder)
    except KilledWorker as fault:
        raise TrainingRefused("the cluster lost its workers; their logs say why") from fault
    except (OSError, TimeoutError) as fault:
        raise TrainingRefused(f"no cluster with workers at {address}: {fault}") from fault
    finally:
        if not address:
            cluster.close()
