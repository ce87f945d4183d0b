"""What a query's targets and attribute weights add to the scores of candidates.

`Engine` ranks by these numbers and `explain` states them, so both take them from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    """

    spread: float = 1.0
    targets: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    sound: NDArray[np.float64] | None = None

    def of(self, places: NDArray[np.int64]) -> "Adjustment":
        """Select the values of some candidates, by place."""
        return Adjustment(
            self.spread,
            {name: values[places] for name, values in self.targets.items()},
            None if self.sound is None else self.sound[places],
        )
