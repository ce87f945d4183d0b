"""The bounds of the dial from familiar to discover, in plain Python."""

from dataclasses import dataclass
from typing import Final

# (1 - 0.8) * 10 is 1.9999999999999996 in floating point, and two tracks are meant.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Bounds:
    """How many of the first n tracks may be by known artists.

    Attributes:
        discovery: The dial, 0 (familiar) to 1 (discover).
    """

    discovery: float

    def most(self, count: int) -> int:
        """Compute the greatest number among the first `count`: a share of 1 - discovery."""
        return int((1 - self.discovery) * count + _ROUNDING)

    def least(self, count: int) -> int:
        """Compute the smallest number among the first `count`: a share of 1 - 2 * discovery."""
        return max(0, int((1 - 2 * self.discovery) * count + _ROUNDING))
