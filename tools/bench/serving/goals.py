"""The goals: ratios within one run, judged where their figures were measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

JUDGED = 114_000
GROWN = 1_200_000
CORES = 2
"""The goals are stated for two cores."""
NAIVE = "naive"
"""The rival that every row is compared with: one process, written the straightforward way."""


@dataclass(frozen=True)
class Goal:
    """One figure and what it must be.

    Attributes:
        name: What it is.
        value: As measured; None where this run did not measure it.
        bound: The goal.
        at_least: Whether the goal is a lower bound.
        unit: Of value and bound; empty for a ratio.
        beyond: What is wanted once the goal is met; None if nothing more.
    """

    name: str
    value: float | None
    bound: float
    at_least: bool = False
    unit: str = ""
    beyond: float | None = None

    @property
    def met(self) -> bool | None:
        return self._reaches(self.bound)

    def _reaches(self, bound: float) -> bool | None:
        if self.value is None:
            return None
        return self.value >= bound if self.at_least else self.value <= bound

    def line(self) -> str:
        sign = "≥" if self.at_least else "≤"
        value = "not measured" if self.value is None else f"{self.value:.2f}{self.unit}"
        verdict = {True: "met", False: "MISSED", None: "-"}[self.met]
        text = f"ratio {self.name}: {value}, goal {sign} {self.bound:g}{self.unit}  {verdict}"
        if self.beyond is None or not self.met:
            return text
        reached = "reached" if self._reaches(self.beyond) else "not reached"
        return f"{text}; beyond it {sign} {self.beyond:g}{self.unit}  {reached}"


def goals_of(found: Mapping[str, Any]) -> list[Goal]:
    """Return every goal, judged by what a run found."""
    sizes = {int(size): kinds.get(found["judged"], {}) for size, kinds in found["sizes"].items()}
    # A run of other sizes still reports its ratios; the named sizes are then not judged.
    judged, grown = sizes.get(JUDGED, {}), sizes.get(GROWN, {})
    here: Mapping[str, Any] = judged or next(iter(sizes.values()), {})
    floor, half = here.get("floor", {}).get("A"), here.get("half", {})
    swap, memory = here.get("swap", {}), grown.get("memory_mib", {}).get("ranker", {})
    throughput = None
    if floor and here.get("cpu_ms"):
        throughput = floor / sum(here["cpu_ms"].values())
    return [
        Goal("p50 at half of saturation / floor", _over(half.get("p50"), floor), 2.5, beyond=2.0),
        Goal("p99 at half of saturation / floor", _over(half.get("p99"), floor), 4.5),
        Goal(
            "requests per core / what the floor allows per core",
            throughput,
            0.45,
            at_least=True,
            beyond=0.6,
        ),
        *_naive_goals(found),
        Goal(
            "p50 at 1,200,000 tracks / p50 at 114,000",
            _over(grown.get("half", {}).get("p50"), judged.get("half", {}).get("p50")),
            1.4,
        ),
        Goal(
            "ranker memory at 1,200,000 tracks (RSS)",
            _over(memory.get("rss"), 1024),
            1.15,
            unit=" GiB",
            beyond=1.0,
        ),
        Goal("start to ready at 114,000 tracks", judged.get("start_s"), 4.0, unit=" s"),
        Goal("first answer after a cold start", here.get("cold", {}).get("first"), 150, unit=" ms"),
        Goal(
            "p99 while a model is swapped / p99 before",
            _over(swap.get("p99_during"), swap.get("p99_before")),
            1.2,
        ),
        Goal("goodput at 3 x saturation / peak", here.get("overload", {}).get("share"), 0.9, True),
        Goal("p50 of 500 tracks with reasons / of 50", here.get("long", {}).get("ratio"), 3.0),
    ]


def rows_of(found: Mapping[str, Any]) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """Yield every row: size, what, and its figures; those with reasons, then those without."""
    for key in ("", "without_reasons"):
        for size, kinds in found["sizes"].items():
            for kind, one in kinds.items():
                row = one.get(key) if key else one
                if row:
                    yield int(size), kind if not key else f"{kind}, no reasons", row


def against_naive(
    found: Mapping[str, Any], size: int, row: Mapping[str, Any]
) -> tuple[float | None, float | None]:
    """Compare a row with the naive version at its size: p50 and lists a second, as ratios."""
    naive = found.get("rivals", {}).get(str(size), {}).get(NAIVE)
    if naive is None:
        return None, None
    return (
        _over(row["half"]["p50"], naive["half"]["p50"]),
        _over(row["saturation_rps"], naive["saturation_rps"]),
    )


def _naive_goals(found: Mapping[str, Any]) -> list[Goal]:
    """Judge the worst row of each table; not judged if a row has no naive version beside it."""
    ratios = [against_naive(found, size, row) for size, _, row in rows_of(found)]
    slower = [ratio for ratio, _ in ratios if ratio is not None]
    more = [ratio for _, ratio in ratios if ratio is not None]
    whole = bool(ratios) and len(slower) == len(more) == len(ratios)
    return [
        Goal("p50 / p50 of the naive version, worst row", max(slower) if whole else None, 1.0),
        Goal(
            "lists a second / those of the naive version, worst row",
            min(more) if whole else None,
            1.0,
            at_least=True,
        ),
    ]


def _over(value: float | None, base: float | None) -> float | None:
    return None if value is None or not base else value / base
