"""Processor time of each stage of a recommendation: `python -m tools.bench.stages BUNDLE`.

It asks a loaded bundle for the same recommendations again and again, on one thread, and reports
the least processor time of each stage over the rounds, as a mean over the queries. Unlike the time
by the clock, that hardly depends on what else the machine does.

`--calls` reports how much of each stage is inside which compiled function; the rest is Python's.
`--memory` reports what a loaded bundle takes of Python's and NumPy's memory, without mapped files.
`--save FILE` writes candidates, scores and lists to compare with those of another commit:
`--compare FILE`.
"""

import argparse
import gc
import sys
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher
from quintet_contract.limits import DEFAULT_DISCOVERY
from quintet_engine.engine import Engine
from quintet_engine.kernel.warm import load_all
from quintet_engine.query import Query, Seed, SeedKind

QUERIES, ROUNDS, SEEDS = 60, 5, 5


class Clock:
    """Collects the processor time of stages, by the engine's names."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.current = ""

    @contextmanager
    def named_stage(self, name: str) -> Iterator[None]:
        """Measure a stage, and name it while it runs."""
        outer, self.current = self.current, name
        with self.stage(name):
            yield
        self.current = outer

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.thread_time()
        try:
            yield
        finally:
            self.spent[name] += time.thread_time() - began


def queries_of(engine: Engine, limit: int) -> list[Query]:
    """Make queries of known tracks, the same for each bundle of one catalogue."""
    random = np.random.default_rng(7)
    catalogue = engine.catalogue
    known = np.argsort(-catalogue.popularity, kind="stable")[: max(len(catalogue) // 5, SEEDS)]
    drawn = [random.choice(known, SEEDS, replace=False) for _ in range(QUERIES)]
    return [
        Query(
            tuple(Seed(SeedKind.TRACK, name) for name in catalogue.track_ids(rows)),
            limit=limit,
            # As the ranker fills in what a request leaves out.
            discovery=DEFAULT_DISCOVERY,
        )
        for rows in drawn
    ]


def measure(engine: Engine, queries: list[Query]) -> dict[str, float]:
    """Measure milliseconds of processor time for each stage and in all."""
    best: dict[tuple[int, str], float] = {}
    for _ in range(ROUNDS):
        for place, query in enumerate(queries):
            clock = Clock()
            engine.stage = clock.stage
            with clock.stage("whole"):
                engine.recommend(query)
            for name, seconds in clock.spent.items():
                best[place, name] = min(best.get((place, name), np.inf), seconds)
    names = dict.fromkeys(name for _, name in best)
    means = {name: np.mean([best[place, name] for place in range(len(queries))]) for name in names}
    return {name: 1e3 * float(seconds) for name, seconds in means.items()}


def timed_calls(clock: Clock) -> None:
    """Make every compiled function that Python calls add its processor time to a clock."""

    def timed(function: Any) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            with clock.stage(f"{clock.current}: {function.__name__}"):
                return function(*arguments)

        return call

    found: dict[int, Callable[..., Any]] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("quintet_engine"):
            for attribute, value in list(vars(module).items()):
                if isinstance(value, Dispatcher) and value.overloads:
                    replacement = found.setdefault(id(value), timed(value))
                    setattr(module, attribute, replacement)


def measure_calls(engine: Engine, queries: list[Query]) -> dict[str, float]:
    """Measure milliseconds inside each compiled function, and outside of all, by stage."""
    load_all()
    clock = Clock()
    timed_calls(clock)
    engine.stage = clock.named_stage
    rounds = []
    for _ in range(ROUNDS):
        clock.spent.clear()
        with clock.named_stage("whole"):
            for query in queries:
                engine.recommend(query)
        rounds.append(dict(clock.spent))
    names = dict.fromkeys(name for spent in rounds for name in spent)
    least = {name: min(spent.get(name, 0.0) for spent in rounds) for name in names}
    inside = sum(seconds for name, seconds in least.items() if ": " in name)
    calls = {name: seconds for name, seconds in least.items() if ": " in name}
    totals = {"inside compiled functions": inside, "outside": least["whole"] - inside}
    return {name: 1e3 * s / len(queries) for name, s in {**calls, **totals}.items()}


def answers_of(engine: Engine, queries: list[Query]) -> dict[str, Any]:
    """Collect candidates, matrices and lists."""
    found = {}
    for place, query in enumerate(queries):
        context = engine.prepare(query)
        candidates = engine.candidates(context, engine.recipe.quotas(query.limit, 1))
        matrix = engine.features(context, candidates)
        ranking = engine.recommend(query)
        found[f"rows-{place}"] = candidates.rows
        found[f"matrix-{place}"] = np.asarray(matrix)
        found[f"list-{place}"] = np.array([track.track_id for track in ranking.tracks])
    return found


def memory_of(bundle: Path) -> float:
    """Measure the memory of a loaded bundle after a recommendation, in MB."""
    load_all()
    tracemalloc.start()
    engine = Engine.load(bundle, verify=False)
    assert engine.accelerate()
    engine.recommend(queries_of(engine, 50)[0])
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / 1e6


def compare(engine: Engine, ours: dict[str, Any], path: Path) -> Iterator[str]:
    """Describe how answers differ from saved ones."""
    with np.load(path) as saved:
        places = range(sum(name.startswith("list-") for name in saved.files))
        lists = [(ours[f"list-{place}"], saved[f"list-{place}"]) for place in places]
        same = sum(np.array_equal(*pair) for pair in lists)
        shared = np.mean([len(np.intersect1d(*pair)) / max(len(pair[1]), 1) for pair in lists])
        rows = [np.array_equal(ours[f"rows-{place}"], saved[f"rows-{place}"]) for place in places]
        yield f"identical lists: {same} of {len(lists)}; overlap {shared:.5f}"
        yield f"identical candidates: {sum(rows)} of {len(lists)}"
        greatest = np.zeros(len(engine.recipe.names))
        for place in places:
            if rows[place]:
                a, b = ours[f"matrix-{place}"], saved[f"matrix-{place}"]
                gap = np.where(np.isnan(a) & np.isnan(b), 0, np.abs(a - b))
                greatest = np.maximum(greatest, np.nan_to_num(gap, nan=np.inf).max(axis=0))
        for column in np.argsort(-greatest)[:12]:
            yield f"  {engine.recipe.names[column]}: differs by {greatest[column]:.3g} at most"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="the folder of a model")
    parser.add_argument("--limit", type=int, default=50, help="tracks in a list")
    parser.add_argument("--no-times", action="store_true", help="save or compare only")
    parser.add_argument("--calls", action="store_true", help="report compiled functions only")
    parser.add_argument("--memory", action="store_true", help="report the memory only")
    parser.add_argument("--save", type=Path, help="write the answers to this file, .npz")
    parser.add_argument("--compare", type=Path, help="compare the answers with this file's")
    asked = parser.parse_args()
    if asked.memory:
        sys.stdout.write(f"memory    {memory_of(asked.bundle):8.1f} MB\n")
        return 0
    engine = Engine.load(asked.bundle, verify=False)
    assert engine.accelerate()
    queries = queries_of(engine, asked.limit)
    if asked.calls:
        for name, milliseconds in measure_calls(engine, queries).items():
            sys.stdout.write(f"{name:36}{milliseconds:8.2f} ms\n")
        return 0
    if asked.save or asked.compare:
        ours = answers_of(engine, queries)
        if asked.save:
            np.savez(asked.save, **ours)
        if asked.compare:
            sys.stdout.writelines(line + "\n" for line in compare(engine, ours, asked.compare))
    if not asked.no_times:
        for name, milliseconds in measure(engine, queries).items():
            sys.stdout.write(f"{name:10}{milliseconds:8.2f} ms\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
