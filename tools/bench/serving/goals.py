"""The goals: ratios within one run, judged where their figures were measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JUDGED = 114_000
GROWN = 1_200_000
CORES = 2
"""The goals are stated for two cores."""


@dataclass(frozen=True)
class Goal:
    """One figure and what it must be.

    Attributes:
        name: What it is.
        value: As measured; None where this run did not measure it.
        bound: The goal.
        at_least: Whether the goal is a lower bound.
        unit: Of value and bound; empty for a ratio.
    """

    name: str
    value: float | None
    bound: float
    at_least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def line(self) -> str:
        sign = "≥" if self.at_least else "≤"
        value = "not measured" if self.value is None else f"{self.value:.2f}{self.unit}"
        verdict = {True: "met", False: "MISSED", None: "-"}[self.met]
        return f"ratio {self.name}: {value}, goal {sign} {self.bound:g}{self.unit}  {verdict}"


def goals_of(sizes: Mapping[int, Mapping[str, Any]]) -> list[Goal]:
    """Return every goal.

    Args:
        sizes: What was measured of the judged model, by catalogue size.
    """
    # A run of other sizes still reports its ratios; the named sizes are then not judged.
    judged, grown = sizes.get(JUDGED, {}), sizes.get(GROWN, {})
    here = judged or next(iter(sizes.values()), {})
    floor = here.get("floor", {}).get("A")
    half = here.get("half", {})
    throughput = None
    if floor and here.get("cpu_ms"):
        throughput = floor / sum(here["cpu_ms"].values())
    swap, memory = here.get("swap", {}), grown.get("memory_mib", {}).get("ranker", {})
    return [
        Goal("p50 at half of saturation / floor", _over(half.get("p50"), floor), 2.5),
        Goal("p99 at half of saturation / floor", _over(half.get("p99"), floor), 6.0),
        Goal("requests per core / what the floor allows per core", throughput, 0.6, True),
        Goal(
            "p50 at 1,200,000 tracks / p50 at 114,000",
            _over(grown.get("half", {}).get("p50"), judged.get("half", {}).get("p50")),
            1.6,
        ),
        Goal(
            "ranker memory at 1,200,000 tracks (RSS)",
            _over(memory.get("rss"), 1024),
            1,
            unit=" GiB",
        ),
        Goal("start to ready at 114,000 tracks", judged.get("start_s"), 5.0, unit=" s"),
        Goal(
            "p99 while a model is swapped / p99 before",
            _over(swap.get("p99_during"), swap.get("p99_before")),
            1.2,
        ),
        Goal("goodput at 3 x saturation / peak", here.get("overload", {}).get("share"), 0.9, True),
    ]


def _over(value: float | None, base: float | None) -> float | None:
    return None if value is None or not base else value / base
