"""How alike two models are: lists for the same fixed requests, and shares of the booster's gain."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import lightgbm
import numpy as np
from quintet_engine.engine import BOOSTER_FILE, Engine
from quintet_engine.query import Query, Seed, SeedKind
from quintet_store.list_similarity import overlap, rank_correlation

REQUESTS: Final = 100
SEEDS: Final = 5
LIMIT: Final = 50
CUTS: Final = (10, 50)


@dataclass(frozen=True)
class Agreement:
    """How alike the lists of two models are over the fixed requests.

    Attributes:
        requests: How many were asked of both.
        overlap: Length of list → mean share of tracks that both lists hold, 0..1.
        least_overlap: The same for the request where it is smallest.
        correlation: Mean Spearman correlation of the ranks of the tracks that both lists hold,
            -1..1; None if no pair of lists shares three tracks.
    """

    requests: int
    overlap: dict[int, float]
    least_overlap: dict[int, float]
    correlation: float | None


def gain_shares(folder: Path) -> dict[str, float]:
    """Compute how much each feature matters to a bundle's booster: its share of the gain, 0..1."""
    path = folder / BOOSTER_FILE
    booster = lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))
    gains = booster.feature_importance("gain")
    # A constant booster has no gain; its shares are 0.
    whole = float(gains.sum()) or 1.0
    return {
        str(name): float(gain) / whole
        for name, gain in zip(booster.feature_name(), gains, strict=True)
    }


def fixed_requests(
    left: Sequence[str], right: Sequence[str], count: int = REQUESTS
) -> list[tuple[str, ...]]:
    """Choose the seeds of some requests that two catalogues can both answer.

    Tracks are taken in the order of a hash of their ids, so the requests are the same on every
    machine and change little as a catalogue grows. None without five common tracks.
    """
    common = sorted(set(left) & set(right), key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(common) < SEEDS:
        return []
    # With fewer common tracks than seeds the requests start over and overlap.
    starts = (SEEDS * request for request in range(count))
    return [
        tuple(common[(start + step) % len(common)] for step in range(SEEDS)) for start in starts
    ]


def agreement_of(left: Engine, right: Engine) -> Agreement | None:
    """Ask two engines the fixed requests; None where their catalogues share too few tracks."""
    requests = fixed_requests(
        list(left.catalogue.snapshot.row_of), list(right.catalogue.snapshot.row_of)
    )
    if not requests:
        return None
    overlaps: dict[int, list[float]] = {cut: [] for cut in CUTS}
    correlations: list[float] = []
    for seeds in requests:
        # Reasons cost time and do not change the order.
        query = Query(tuple(Seed(SeedKind.TRACK, s) for s in seeds), limit=LIMIT, reasons=False)
        lists = [[t.track_id for t in engine.recommend(query).tracks] for engine in (left, right)]
        for cut in CUTS:
            overlaps[cut].append(overlap(lists[0][:cut], lists[1][:cut]))
        correlation = rank_correlation(lists[0], lists[1])
        if correlation is not None:
            correlations.append(correlation)
    return Agreement(
        len(requests),
        {cut: float(np.mean(values)) for cut, values in overlaps.items()},
        {cut: float(np.min(values)) for cut, values in overlaps.items()},
        float(np.mean(correlations)) if correlations else None,
    )
