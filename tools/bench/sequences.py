"""Radio and paths of the model served: latency along a session, and how smooth paths are.

`QUINTET_HOME=… python -m tools.bench.sequences` loads the current model and prints processor time
in milliseconds (best of three passes; one thread), and the greatest and mean step of paths beside
those of random tracks and of the nearest track to each point of the arc in sound.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from quintet_engine.engine import Engine
from quintet_engine.kernel.warm import load_all
from quintet_engine.path import arc, find_path
from quintet_engine.query import Seed, SeedKind
from quintet_engine.radio import Radio
from quintet_engine.radio_session import Session
from quintet_engine.sequence import BatchRequest, PathQuery
from quintet_engine.transitions import transitions
from quintet_modelkit.publication import current_version

_BATCH: Final = 20
_AT: Final = (20, 60, 200, 500, 1_000)
_PAIRS: Final = 60
_LENGTH: Final = 10
_PASSES: Final = 3
# Of the nearest tracks to a point, so many are looked through for one that is not on the path yet.
_NEAREST: Final = 50


def main() -> int:
    models = Path(os.environ.get("QUINTET_HOME", ".quintet")) / "models"
    engine = Engine.load(models / str(current_version(models)))
    load_all()
    engine.accelerate()
    print(f"{engine.versions.model}: {len(engine.catalogue):,} tracks")  # noqa: T201
    _radio(engine)
    _paths(engine)
    return 0


def _milliseconds(work: Callable[[], object]) -> float:
    """Take the best of some passes: other programs share the machine."""
    best = float("inf")
    for _ in range(_PASSES):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return 1000 * best


def _radio(engine: Engine) -> None:
    radio, catalogue = Radio(engine), engine.catalogue
    popular = np.argsort(-catalogue.popularity, kind="stable")[[0, 7, 20]]
    seeds = tuple(Seed(SeedKind.TRACK, name) for name in catalogue.track_ids(popular))
    session, heard = Session(seeds), set[int]()
    while session.length < _AT[-1]:
        play = partial(radio.play, session, BatchRequest(_BATCH))
        batch = play()
        session = batch.session
        rows = [catalogue.snapshot.row_of[each.track_id] for each in batch.ranking.tracks]
        heard |= set(catalogue.recording[rows].tolist())
        if session.length in _AT:
            print(f"radio: tracks up to {session.length:5d}: {_milliseconds(play):6.1f} ms")  # noqa: T201
        if batch.exhausted:
            break
    print(f"radio: {session.length} tracks, {session.length - len(heard)} repeats")  # noqa: T201


def _paths(engine: Engine) -> None:
    catalogue, random = engine.catalogue, np.random.default_rng(1)
    rows = np.flatnonzero(np.asarray(catalogue.unit).any(axis=1))
    steps: dict[str, list[tuple[float, float]]] = {"path": [], "random": [], "nearest": []}
    took: list[float] = []
    while len(took) < _PAIRS:
        start, end = random.choice(rows, 2, replace=False).tolist()
        if catalogue.recording[start] == catalogue.recording[end]:
            continue
        first, last = catalogue.track_ids(np.array([start, end]))
        query = PathQuery(first, last, _LENGTH)
        took.append(_milliseconds(partial(find_path, engine, query)))
        path = find_path(engine, query)
        steps["path"].append((path.greatest_step, path.mean_step))
        among = random.choice(rows, _LENGTH - 2, replace=False).tolist()
        steps["random"].append(_steps(engine, [start, *among, end]))
        steps["nearest"].append(_steps(engine, _nearest(engine, start, end)))
    print(f"path of {_LENGTH}: median {np.median(took):.1f} ms, "  # noqa: T201
          f"95th percentile {np.percentile(took, 95):.1f} ms")  # fmt: skip
    for name, values in steps.items():
        greatest, mean = np.mean(values, axis=0)
        print(f"{name}: greatest step {greatest:.3f}, mean {mean:.3f}")  # noqa: T201


def _steps(engine: Engine, rows: list[int]) -> tuple[float, float]:
    found = transitions(rows, engine.catalogue, engine.collaborative, None)
    distances = [step.distance for step in found]
    return max(distances), float(np.mean(distances))


def _nearest(engine: Engine, start: int, end: int) -> list[int]:
    """Choose the nearest track to each point of the arc that is not on the path yet."""
    catalogue = engine.catalogue
    points = arc(catalogue.unit[start], catalogue.unit[end], np.linspace(0, 1, _LENGTH)[1:-1])
    rows, used = [start], set(catalogue.recording[[start, end]].tolist())
    for hits in engine.index.search(points, _NEAREST):
        row = next(row for row in hits.rows.tolist() if catalogue.recording[row] not in used)
        used.add(int(catalogue.recording[row]))
        rows.append(row)
    return [*rows, end]


if __name__ == "__main__":
    sys.exit(main())
