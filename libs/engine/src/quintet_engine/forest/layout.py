"""What a booster must be for compiled code to evaluate it."""

from typing import Final

MOST_LEAVES: Final = 256
"""Leaves of a tree: a leaf's number is one byte."""
MOST_FEATURES: Final = 64
"""Different features on one path, up to which the quadrature is exact."""


class ForestUnsupported(ValueError):
    """A booster has something that only LightGBM can evaluate."""
