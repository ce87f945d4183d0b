"""Measures the processor time of a bundle's answers, for the gate."""

import time
from pathlib import Path
from typing import Final

import numpy as np
from quintet_engine.engine import Engine
from quintet_engine.kernel.warm import load_all
from quintet_engine.query import Query, Seed, SeedKind

from quintet_training.agreement import fixed_requests
from quintet_training.gate.checks import Check

LIMIT: Final = 50
# The first answers also read files into memory and fill caches.
_WARM_UP: Final = 5


def check_latency(folder: Path, most_ms: float) -> Check:
    """Check the 95th percentile of a bundle's answers to the 100 fixed requests.

    Answers are ranked by compiled code, as a ranker does it.

    Raises:
        PublicationInvalid: The bundle is damaged.
    """
    load_all()
    engine = Engine.load(folder, verify=False)
    engine.accelerate()
    name = "latency"
    taken = latencies(engine)
    if not len(taken):
        return Check(name, "the catalogue has too few tracks", "", stops=False, measured=False)
    half, most = np.percentile(taken, (50, 95))
    found = f"p95 {most:.0f} ms, p50 {half:.0f} ms, {len(taken)} requests"
    return Check(name, found, f"p95 {most_ms:.0f} ms or less", bool(most > most_ms))


def latencies(engine: Engine) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Measure the processor time of each fixed request in milliseconds, float64 (requests,).

    Processor time, over all threads: on an idle machine an answer takes no longer, and what other
    programs take from a busy one is no property of the model.
    """
    ids = list(engine.catalogue.snapshot.row_of)
    queries = [
        Query(tuple(Seed(SeedKind.TRACK, name) for name in seeds), limit=LIMIT)
        for seeds in fixed_requests(ids, ids)
    ]
    for query in queries[:_WARM_UP]:
        engine.recommend(query)
    taken = np.empty(len(queries))
    for number, query in enumerate(queries):
        started = time.process_time()
        engine.recommend(query)
        taken[number] = 1000 * (time.process_time() - started)
    return taken
