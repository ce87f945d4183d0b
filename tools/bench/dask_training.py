"""A whole training on Dask with two worker processes, against one process: `make bench-dask`.

Catalogue and playlists are those of `training_bench`. Workers make all rows and fit the booster.
Afterwards this process makes the rows of one fold again and compares them number by number, and
fits a booster on the rows as one machine does, with the same parameters. Both boosters are judged
by NDCG@500 on the same validation rows.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from quintet_engine.catalogue import Catalogue
from quintet_modelkit.snapshot import SCHEMA, Snapshot, write_snapshot
from quintet_training.ranking import TrainingParameters, train_model
from quintet_training.ranking.backend import OnProgress, RowOptions
from quintet_training.ranking.dask_backend import (
    TRAINING,
    DaskBackend,
    DaskRows,
    dask_backend,
    path_of,
)
from quintet_training.ranking.fitting import BoosterParameters, Fit, Fitter
from quintet_training.ranking.folds import FoldEngines
from quintet_training.ranking.rows import RowMaker, read_rows

from tools.bench.training_bench import made_playlists, made_snapshot, peak_mib, say


@dataclass
class Compared:
    """A backend on Dask that also does the work of one process, to compare."""

    backend: DaskBackend
    facts: dict[str, Any] = field(default_factory=dict)

    def rows(
        self,
        engines: FoldEngines,
        queries: pl.DataFrame,
        options: RowOptions,
        on_progress: OnProgress,
    ) -> "ComparedRows":
        """Make all rows on the workers, and those of the first fold here."""
        began = time.monotonic()
        found = self.backend.rows(engines, queries, options, on_progress)
        self.facts["rows_seconds"] = time.monotonic() - began
        fold = int(queries["fold"][0])
        asked = queries.filter((pl.col("fold") == fold) & ~pl.col("validation"))
        here = path_of(self.backend.folder, "here", 0)
        began = time.monotonic()
        RowMaker(engines, options.negatives, options.seed, 1).write(asked, here, lambda _: None)
        self.facts["rows_of_a_fold_here_seconds"] = time.monotonic() - began
        one = read_rows(here, asked)
        two = read_rows(self.backend.folder / f"{TRAINING}-*.parquet", asked)
        self.facts["compared_rows"] = len(one.relevant)
        self.facts["rows_are_equal"] = bool(
            np.array_equal(one.features, two.features, equal_nan=True)
            and np.array_equal(one.relevant, two.relevant)
            and np.array_equal(one.sizes, two.sizes)
        )
        here.unlink()
        return ComparedRows(found, queries.filter(~queries["validation"]), self.facts)


@dataclass
class ComparedRows:
    """Rows on Dask that are also fitted on in this process."""

    there: DaskRows
    queries: pl.DataFrame
    facts: dict[str, Any]

    def __post_init__(self) -> None:
        self.held, self.sample = self.there.held, self.there.sample
        self.groups, self.count = self.there.groups, self.there.count

    def fit(self, fitter: Fitter, parameters: BoosterParameters, on_progress: OnProgress) -> Fit:
        """Fit on the workers, and in this process."""
        began = time.monotonic()
        found = self.there.fit(fitter, parameters, on_progress)
        self.facts["fit_seconds"] = time.monotonic() - began
        rows = read_rows(self.there.backend.folder / f"{TRAINING}-*.parquet", self.queries)
        began = time.monotonic()
        here = fitter.fit(parameters, rows, self.held)
        self.facts["fit_here_seconds"] = time.monotonic() - began
        self.facts |= {"ndcg": found.ndcg, "trees": found.rounds}
        self.facts |= {"ndcg_here": here.ndcg, "trees_here": here.rounds}
        return found


def measure(tracks: int, playlists: int, data: Path, trials: int) -> dict[str, Any]:
    """Train on two workers and return seconds, MiB at the peak, and what was compared."""
    with tempfile.TemporaryDirectory(prefix="quintet-dask-") as made:
        folder, rows = Path(made) / "catalogue", Path(made) / "rows"
        folder.mkdir()
        rows.mkdir()
        snapshot = made_snapshot(tracks, data)
        # A stored catalogue is in the order of its ids, and this one in that of its scenes.
        names = pa.array([f"{row:08d}" for row in range(len(snapshot))])
        table = snapshot.tracks.select(SCHEMA.names).set_column(0, SCHEMA.field(0), names)
        write_snapshot(folder, table, snapshot.features)
        del snapshot, table
        catalogue = Catalogue.of(Snapshot.load(folder), recommend_absent=True)
        members = made_playlists(len(catalogue), playlists, np.random.default_rng(1))
        parameters = TrainingParameters(threads=1, space_trials=trials, booster_trials=trials)
        with dask_backend("", folder, rows) as backend:
            compared = Compared(backend)
            began, spent = time.monotonic(), time.process_time()
            train_model(catalogue, members, parameters, _shown, compared)
            workers = backend.client.run(_used)
            return {
                "tracks": len(catalogue),
                "playlists": len(members),
                "entries": sum(map(len, members)),
                "seconds": time.monotonic() - began,
                "cpu_seconds": time.process_time() - spent,
                "peak_mib": peak_mib(),
                "workers": list(workers.values()),
                **compared.facts,
            }


def _used() -> dict[str, float]:
    """Return processor seconds and MiB at the peak; runs on a worker."""
    return {"cpu_seconds": time.process_time(), "peak_mib": peak_mib()}


def _shown(share: float, text: str) -> None:
    sys.stderr.write(f"{100 * share:5.1f} % {text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--size", default="165000x100000", help="TRACKSxPLAYLISTS")
    parser.add_argument("--trials", type=int, default=0, help="of both searches")
    asked = parser.parse_args(arguments)
    tracks, playlists = (int(part) for part in asked.size.split("x"))
    found = measure(tracks, playlists, asked.data, asked.trials)
    say(json.dumps({"load": os.getloadavg()[0], **found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
