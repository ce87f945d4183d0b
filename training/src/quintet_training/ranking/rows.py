"""Training rows from playlists: each playlist is asked for as a listener would.

Some of its tracks are seeds, the others are what should be found, and the candidates are what
retrieval really returns, so that the negatives are as hard as in serving. Nothing that a
candidate's features use has seen the playlist, or a near-duplicate of it: counts, playlist space
and taste space are those fitted on the other folds, so a query meets the model as a listener's
will, whose playlist nobody has seen.

Queries are a table of Polars, and rows a Parquet file:

    queries  query, playlist, fold, validation, seeds, positives
    rows     query, relevant, and one float32 column a feature
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from quintet_engine.catalogue import Mask, Rows
from quintet_engine.engine import Engine
from quintet_engine.query import Query, Seasonal, Seed, SeedKind, Variants
from quintet_engine.recipes import TRAINED

from quintet_training.datasets.playlist_groups import split_groups
from quintet_training.ranking.strata import Strata, evenly

Matrix = NDArray[np.float32]
_SEED_COUNTS: Final = (5, 5, 5, 5, 5, 5, 1, 2, 3, 4, 6, 7, 8, 9, 10)
"""How many seeds are drawn, each entry equally often: mostly five, as the product is used."""
# Queries in a Parquet row group: bounds the rows that wait in memory.
_ROW_GROUP: Final = 64


@dataclass(frozen=True)
class TrainingRows:
    """Rows of some queries.

    Attributes:
        features: float32 (r, f).
        relevant: int8 (r,), 1 for a track of the playlist.
        sizes: int32 (q,), rows of each query, in order.
        numbers: int64 (q,), the number of each query; None if not known.
        start: float64 (r,), scores that boosting starts from; None to start from 0.
    """

    features: Matrix
    relevant: NDArray[np.int8]
    sizes: NDArray[np.int32]
    numbers: NDArray[np.int64] | None = None
    start: NDArray[np.float64] | None = None

    def sample(self, most: int) -> Self:
        """Thin to about `most` rows for the parameter search: every k-th query, all of its rows."""
        step = max(1, round(len(self.relevant) / most))
        return self.of(np.arange(0, len(self.sizes), step))

    def of(self, places: Rows) -> Self:
        """Select some queries by their place, int64 (k,), with all of their rows."""
        ends = np.cumsum(self.sizes)
        parts = [np.arange(ends[q] - self.sizes[q], ends[q]) for q in places]
        rows = np.concatenate([np.empty(0, np.int64), *parts])
        return type(self)(
            self.features[rows],
            self.relevant[rows],
            self.sizes[places],
            None if self.numbers is None else self.numbers[places],
            None if self.start is None else self.start[rows],
        )


def choose_validation(
    playlists: Sequence[Rows],
    groups: NDArray[np.int64],
    strata: Strata,
    *,
    share: float,
    most: int,
    least: int,
    seed: int,
) -> Mask:
    """Choose the playlists that stop the booster, evenly by stratum, bool (p,).

    Args:
        playlists: The distinct rows of each.
        groups: The group of near-duplicates of each, int64 (p,); a group is chosen whole.
        strata: The stratum of each, int64 (p,).
        share: The greatest share of the playlists that can make rows, 0..1.
        most: Playlists at most.
        least: Shorter playlists make no rows, so they are not counted and not looked for.
        seed: For the draw.

    Returns:
        The choice; nothing where near-duplicates are almost all there is.
    """
    able = np.array([len(rows) >= least for rows in playlists])
    random = np.random.default_rng((seed, 4))
    # A group of near-duplicates is in the stratum of its first playlist.
    order = evenly(strata[np.unique(groups, return_index=True)[1]], random)
    # A group without a playlist that makes rows would leave nothing to stop by.
    order = order[np.bincount(groups, able)[order] > 0]
    share = min(share * float(able.mean()), most / len(able))
    return split_groups(groups, share, random, order)


def draw_queries(
    playlists: Sequence[Rows],
    folds: NDArray[np.int64],
    validation: Mask,
    strata: Strata,
    *,
    samplings: int,
    least: int,
    most: int,
    seed: int,
) -> pl.DataFrame:
    """Sample seeds from each playlist of at least `least` tracks, `samplings` times.

    A validation playlist makes one query, with five seeds as the product is measured, and always
    makes it: among very many playlists, a common bound would leave almost none of them. If more
    than `most` training queries are possible, each stratum makes equally many until its playlists
    are used up.
    """
    # Each purpose has a separate stream: (seed, 1) to (seed, 7) in this package.
    random = np.random.default_rng((seed, 1))
    able = np.array([number for number, rows in enumerate(playlists) if len(rows) >= least])
    drawn = []
    training = 0
    for sampling in range(samplings):
        for playlist in able[evenly(strata[able], random)].tolist():
            rows = playlists[playlist]
            held = bool(validation[playlist])
            if training == most and not held:
                continue
            count = 5 if held else int(random.choice(_SEED_COUNTS))
            # At least half of the playlist stays hidden.
            seeds = random.choice(rows, min(count, len(rows) // 2), replace=False)
            # Early stopping should weigh each validation playlist once.
            if held and sampling:
                continue
            training += not held
            drawn.append(
                {
                    "playlist": playlist,
                    "fold": int(folds[playlist]),
                    "validation": held,
                    "seeds": seeds.tolist(),
                    # Tracks, not recordings: docs/rationale.md, "The hidden part of a playlist
                    # counts by track".
                    "positives": np.setdiff1d(rows, seeds).tolist(),
                }
            )
    frame = pl.DataFrame(drawn, schema=_QUERIES)
    return frame.sort("fold", maintain_order=True).with_row_index("query")


_QUERIES: Final = pl.Schema(
    [
        ("playlist", pl.Int64()),
        ("fold", pl.Int64()),
        ("validation", pl.Boolean()),
        ("seeds", pl.List(pl.Int64())),
        ("positives", pl.List(pl.Int64())),
    ]
)


@dataclass(frozen=True)
class RowMaker:
    """Makes rows of queries.

    Attributes:
        engine: Gives the engine of a fold, fitted on the playlists of the other folds.
        negatives: Negatives kept of a training query, sampled at random; all of a validation one.
        seed: For the draw.
        threads: Queries answered at a time.
    """

    engine: Callable[[int], Engine]
    negatives: int
    seed: int
    threads: int

    def write(
        self, queries: pl.DataFrame, path: Path, on_progress: Callable[[float], None]
    ) -> None:
        """Write the rows of all queries into a Parquet file, one engine in memory at a time."""
        schema = pa.schema(
            [("query", pa.uint32()), ("relevant", pa.int8())]
            + [(name, pa.float32()) for name in TRAINED.names]
        )
        with (
            # Level 1: the file is read once and deleted, so speed counts more than size.
            pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer,
            ThreadPoolExecutor(self.threads) as pool,
        ):
            done = 0
            for (fold,), asked in queries.group_by(["fold"], maintain_order=True):
                make = partial(self._rows_of, self.engine(int(fold)))
                for part in asked.iter_slices(_ROW_GROUP):
                    # Threads suffice: most of a query runs in NumPy, FAISS and numba without the
                    # interpreter lock. `map` keeps the order of the queries.
                    found = pool.map(make, part.iter_rows(named=True))
                    blocks = [block for block in found if block is not None]
                    if blocks:
                        writer.write_table(_table(blocks, schema))
                    done += len(part)
                    on_progress(done / len(queries))
                # Before the next engine is fitted: two would take twice the memory.
                del make, found

    def _rows_of(
        self, engine: Engine, query: dict[str, Any]
    ) -> tuple[int, NDArray[np.int8], Matrix] | None:
        """Return the query's number, labels and features; None where retrieval found none."""
        names = engine.catalogue.track_ids(np.array(query["seeds"]))
        # Playlists hold other versions and seasonal songs, so these are candidates too.
        context = engine.prepare(
            Query(
                tuple(Seed(SeedKind.TRACK, name) for name in names),
                variants=Variants.ALLOW,
                seasonal=Seasonal.ALLOW,
            )
        )
        candidates = engine.candidates(context, engine.recipe.quotas(0, 1))
        relevant = np.isin(candidates.rows, query["positives"])
        # Without a pair of a relevant and an irrelevant row LambdaRank has nothing to learn.
        if not 0 < relevant.sum() < len(relevant):
            return None
        features = engine.features(context, candidates)
        # Validation keeps all candidates, because NDCG there must be that of a served list.
        if not query["validation"]:
            # Seeded by the query: threads and machines may build rows in any order.
            random = np.random.default_rng((self.seed, 2, int(query["query"])))
            kept = kept_rows(relevant, self.negatives, random)
            features, relevant = features[kept], relevant[kept]
        return int(query["query"]), relevant.astype(np.int8), features


def kept_rows(relevant: Mask, negatives: int, random: np.random.Generator) -> Rows:
    """Choose the candidates of a query that become rows, sorted: the relevant, and some others.

    Args:
        relevant: bool (c,).
        negatives: Irrelevant candidates at most, sampled at random.
        random: Samples them.
    """
    others = np.flatnonzero(~relevant)
    drawn = random.choice(others, min(negatives, len(others)), replace=False)
    return np.sort(np.concatenate((np.flatnonzero(relevant), drawn)))


def _table(blocks: Sequence[tuple[int, NDArray[np.int8], Matrix]], schema: pa.Schema) -> pa.Table:
    numbers = np.concatenate([np.full(len(labels), n, np.uint32) for n, labels, _ in blocks])
    labels = np.concatenate([labels for _, labels, _ in blocks])
    # Columns are contiguous, so that Arrow takes them without copying each.
    features = np.asfortranarray(np.concatenate([features for _, _, features in blocks]))
    columns = [numbers, labels, *features.T]
    return pa.table([pa.array(column) for column in columns], schema=schema)


def read_rows(path: Path, queries: pl.DataFrame) -> TrainingRows:
    """Read the rows of some queries, in the order they were written.

    Args:
        path: A file, or a pattern of files, which are read in the order of their names.
        queries: The queries.
    """
    files = [pq.ParquetFile(each) for each in sorted(path.parent.glob(path.name))]
    numbers = np.concatenate([file.read(["query"]).column(0).to_numpy() for file in files])
    kept = np.isin(numbers, queries["query"].to_numpy())
    # Filled part by part: a table of all rows would need their memory once more.
    features = np.empty((np.count_nonzero(kept), len(TRAINED.names)), np.float32)
    relevant = np.empty(len(features), np.int8)
    read = done = 0
    groups = ((file, number) for file in files for number in range(file.num_row_groups))
    for source, group in groups:
        table = source.read_row_group(group)
        chosen = np.flatnonzero(kept[read : read + len(table)])
        part = slice(done, done + len(chosen))
        relevant[part] = table.column("relevant").to_numpy()[chosen]
        for column, name in enumerate(TRAINED.names):
            features[part, column] = table.column(name).to_numpy()[chosen]
        read, done = read + len(table), part.stop
    # Run lengths are group sizes, because rows of a query stand together.
    runs = pl.Series("query", numbers[kept]).rle().struct.unnest()
    return TrainingRows(
        features,
        relevant,
        runs["len"].to_numpy().astype(np.int32),
        runs["value"].to_numpy().astype(np.int64),
    )
