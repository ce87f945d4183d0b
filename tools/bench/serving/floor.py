"""The floor: what a request costs where index and booster are called directly, no server.

A separate process with one thread reads requests as lines on stdin, so that it can be measured
between windows of load: the same machine at the same moment.

    A       one search of the audio index for 500, one LightGBM predict of 500 rows, one thread
    B       the same as the engine calls them: its candidates, its booster
    shares  the engine's TreeSHAP shares of 50 rows, which reasons are made of
    engine  a whole recommendation with reasons in process, without any server
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[3]
ROWS = 500
QUERIES = 24


class Floor:
    """A handle on the measuring process.

    Args:
        bundle: The model served.
    """

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle
        self.samples: list[dict[str, float]] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.serving.floor", str(self._bundle)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def measure(self) -> dict[str, float]:
        """Return milliseconds by name, medians over some calls each, and keep them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("measure\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the floor's process ended")
        sample: dict[str, float] = json.loads(line)
        self.samples.append(sample)
        return sample

    def median(self) -> dict[str, float]:
        """Return the median over all that was measured."""
        import statistics

        return {name: statistics.median(s[name] for s in self.samples) for name in self.samples[0]}


class Direct:
    """Index, booster and real feature rows of a bundle, in this process."""

    def __init__(self, bundle: Path) -> None:
        import lightgbm
        import numpy as np
        from quintet_engine.engine import BOOSTER_FILE, Engine
        from quintet_engine.query import Query, Seed, SeedKind

        self.engine = Engine.load(bundle, verify=False)
        self.engine.accelerate()  # as a ranker does
        self.booster = lightgbm.Booster(model_str=(bundle / BOOSTER_FILE).read_text("utf-8"))
        random = np.random.default_rng(3)
        count = len(self.engine.catalogue)
        self.queries = []
        self.matrices = []
        for _ in range(QUERIES):
            rows = random.choice(count, 5, replace=False)
            names = self.engine.catalogue.track_ids(rows)
            query = Query(tuple(Seed(SeedKind.TRACK, name) for name in names), limit=50)
            context = self.engine.prepare(query)
            quotas = self.engine.recipe.quotas(50, 1)
            found = self.engine.candidates(context, quotas)
            self.queries.append((query, np.ascontiguousarray(context.vector[None, :14])))
            self.matrices.append(self.engine.features(context, found))
        pool = np.concatenate(self.matrices)
        self.rows = [
            np.ascontiguousarray(pool[random.choice(len(pool), ROWS, len(pool) < ROWS)])
            for _ in range(QUERIES)
        ]

    def measure(self, rounds: int = 2) -> dict[str, float]:
        """Return milliseconds: medians over all queries, some rounds, one kind at a time."""
        import statistics

        calls: dict[str, Callable[[int], Any]] = {
            "search": self._search,
            "predict": self._predict,
            "own_search": self._own_search,
            "own_predict": self._own_predict,
            "shares": self._shares,
            "engine": self._engine,
        }
        found: dict[str, float] = {}
        for name, call in calls.items():
            call(0)
            times = []
            for place in [*range(QUERIES)] * rounds:
                began = time.perf_counter()
                call(place)
                times.append(time.perf_counter() - began)
            found[name] = statistics.median(times) * 1000
        found["A"] = found["search"] + found["predict"]
        found["B"] = found["own_search"] + found["own_predict"]
        found["candidates"] = statistics.median(len(m) for m in self.matrices)
        return found

    def _search(self, place: int) -> Any:
        return self.engine.index.search(self.queries[place][1], ROWS)

    def _predict(self, place: int) -> Any:
        return self.booster.predict(self.rows[place], num_threads=1)

    def _own_search(self, place: int) -> Any:
        return self.engine.index.search(self.queries[place][1], len(self.matrices[place]))

    def _own_predict(self, place: int) -> Any:
        assert self.engine.ranker is not None
        return self.engine.ranker.scores(self.matrices[place])

    def _shares(self, place: int) -> Any:
        assert self.engine.ranker is not None
        return self.engine.ranker.contributions(self.matrices[place][:50])

    def _engine(self, place: int) -> Any:
        return self.engine.recommend(self.queries[place][0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    asked = parser.parse_args()
    direct = Direct(asked.bundle)
    for _ in sys.stdin:
        sys.stdout.write(json.dumps(direct.measure()) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
