"""The port between training and the machines that compute: they build rows and fit the booster.

`LocalBackend` uses this process, `dask_backend` a cluster.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from quintet_training.ranking.fitting import BoosterParameters, Fit, Fitter
from quintet_training.ranking.folds import FoldEngines
from quintet_training.ranking.rows import RowMaker, TrainingRows, read_rows

OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class RowOptions:
    """How rows of queries are built; every backend builds the same rows from the same options.

    Attributes:
        negatives: Negatives kept of a training query.
        seed: Random seed of the choice of negatives.
        threads: Queries answered at a time, on one machine.
    """

    negatives: int
    seed: int
    threads: int


class BuiltRows(Protocol):
    """Rows of all queries, in this process or on a cluster, and the fit over them."""

    @property
    def held(self) -> TrainingRows:
        """The rows of the validation queries."""
        ...

    @property
    def sample(self) -> TrainingRows:
        """Rows of training queries to search parameters on: all, or every k-th query."""
        ...

    @property
    def groups(self) -> int:
        """How many training queries have rows."""
        ...

    @property
    def count(self) -> int:
        """How many rows they have."""
        ...

    def fit(self, fitter: Fitter, parameters: BoosterParameters, on_progress: OnProgress) -> Fit:
        """Fit on all training rows, stopped early by the validation rows."""
        ...


class TrainerBackend(Protocol):
    """Builds training rows, on this machine or on a cluster."""

    def rows(
        self,
        engines: FoldEngines,
        queries: pl.DataFrame,
        options: RowOptions,
        on_progress: OnProgress,
    ) -> BuiltRows:
        """Make the rows of all queries, each by the engine of its fold."""
        ...


@dataclass(frozen=True)
class LocalRows:
    """Rows in the memory of this process."""

    rows: TrainingRows
    held: TrainingRows

    @property
    def sample(self) -> TrainingRows:
        """All rows; the search takes its part of them."""
        return self.rows

    @property
    def groups(self) -> int:
        """How many training queries have rows."""
        return len(self.rows.sizes)

    @property
    def count(self) -> int:
        """How many rows they have."""
        return len(self.rows.relevant)

    def fit(self, fitter: Fitter, parameters: BoosterParameters, on_progress: OnProgress) -> Fit:
        """Fit on all training rows, stopped early by the validation rows."""
        return fitter.fit(parameters, self.rows, self.held, on_progress)


class LocalBackend:
    """Builds rows in this process, by way of a Parquet file."""

    def rows(
        self,
        engines: FoldEngines,
        queries: pl.DataFrame,
        options: RowOptions,
        on_progress: OnProgress,
    ) -> LocalRows:
        """Make the rows of all queries, one fold after the other."""
        maker = RowMaker(engines, options.negatives, options.seed, options.threads)
        held = queries["validation"]
        # Rows go to a file as they are built: the engine of a fold takes memory, and rows of
        # earlier folds need not be in memory beside it.
        with tempfile.TemporaryDirectory(prefix="quintet-rows-") as folder:
            path = Path(folder) / "rows.parquet"
            maker.write(queries, path, on_progress)
            return LocalRows(
                read_rows(path, queries.filter(~held)), read_rows(path, queries.filter(held))
            )
