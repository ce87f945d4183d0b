"""How fast a bundle answers, measured here and now."""

import time
from pathlib import Path
from typing import Final

import numpy as np
from quintet_engine.engine import Engine
from quintet_engine.query import Query, Seed, SeedKind

from quintet_training.gating.checks import Check
from quintet_training.registering.differences import fixed_requests

LIMIT: Final = 50
_ROUNDS: Final = 2
_WARM_UP: Final = 5


def check_latency(folder: Path, most_ms: float) -> Check:
    """Checks the 95th percentile of a bundle's answers to the 100 fixed requests.

    Raises:
        PublicationInvalid: The bundle is damaged.
    """
    engine = Engine.load(folder, verify=False)
    name = "latency"
    taken = latencies(engine)
    if not len(taken):
        return Check(name, "the catalogue has too few tracks", "", stops=False, measured=False)
    half, most = np.percentile(taken, (50, 95))
    found = f"p95 {most:.0f} ms, p50 {half:.0f} ms, {len(taken)} requests"
    return Check(name, found, f"p95 {most_ms:.0f} ms or less", bool(most > most_ms))


def latencies(engine: Engine) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Returns the milliseconds of each fixed request, float64 (requests,).

    Each is asked twice and the faster time counts: what other programs of the machine take from
    it is no property of the model.
    """
    ids = list(engine.catalogue.snapshot.row_of)
    requests = fixed_requests(ids, ids)
    queries = [
        Query(tuple(Seed(SeedKind.TRACK, name) for name in seeds), limit=LIMIT)
        for seeds in requests
    ]
    for query in queries[:_WARM_UP]:
        engine.recommend(query)
    taken = np.full(len(queries), np.inf)
    for _ in range(_ROUNDS):
        for number, query in enumerate(queries):
            started = time.perf_counter()
            engine.recommend(query)
            taken[number] = min(taken[number], 1000 * (time.perf_counter() - started))
    return taken
