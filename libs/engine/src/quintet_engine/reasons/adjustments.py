"""What a query's targets, attribute weights and listener add to the scores of candidates.

`Engine` ranks by these numbers and `explain` states them, so both take them from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Adjustment:
    """How scores were made from the booster's relevance; nothing is added by default.

    Attributes:
        spread: Standard deviation of the relevance over the candidates, by which it was divided; 1
            if it was left as it is.
        targets: For each target, what the track's fit adds, relative to the candidates' mean,
            float64 (candidates,).
        sound: What the weighted cosine to the profile adds, likewise, or None.
        listener: What each part of `listening.PARTS` adds, likewise; empty without a memory.
        rose: Whether the listener's memory gave the track a better place, bool (candidates,).
        columns: What a model that learned from listeners reads, float32 (candidates,
            `correction.COLUMNS`); None without such a model, or without a memory.
    """

    spread: float = 1.0
    targets: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    sound: NDArray[np.float64] | None = None
    listener: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    rose: NDArray[np.bool_] | None = None
    columns: NDArray[np.float32] | None = None

    def of(self, places: NDArray[np.int64]) -> "Adjustment":
        """Select the values of some candidates, by place."""
        return Adjustment(
            self.spread,
            {name: values[places] for name, values in self.targets.items()},
            None if self.sound is None else self.sound[places],
            {name: values[places] for name, values in self.listener.items()},
            None if self.rose is None else self.rose[places],
            None if self.columns is None else self.columns[places],
        )

    def with_parts(self, more: Mapping[str, NDArray[np.float64]]) -> "Adjustment":
        """Add to what each part of the memory adds."""
        parts = {name: values + more[name] for name, values in self.listener.items()}
        return replace(self, listener=parts)


def pulled(
    scores: NDArray[np.float64],
    adjustment: Adjustment,
    pulls: Mapping[str, NDArray[np.float64]],
    learned: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], Adjustment]:
    """Add what a listener's memory gives to scores, and note which tracks it moved up.

    Args:
        scores: float64 (candidates,), without the memory.
        adjustment: What was added to them before.
        pulls: By part of `listening.PARTS`.
        learned: What a model that learned from listeners adds to these, likewise.
    """
    moved = scores + sum(pulls.values())
    if learned is not None:
        moved = moved + learned
    rose = _places(moved) < _places(scores)
    return moved, replace(adjustment, listener=dict(pulls), rose=rose)


def _places(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rank scores, the greatest first: the place of each."""
    places = np.empty(len(scores), np.int64)
    places[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return places
