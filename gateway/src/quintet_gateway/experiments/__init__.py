"""Experiments: champion and challenger compared on listeners."""

from quintet_gateway.experiments.assigning import place_of, unit_of, variant_of
from quintet_gateway.experiments.following import ExperimentRules, Experiments, Overview

__all__ = [
    "ExperimentRules",
    "Experiments",
    "Overview",
    "place_of",
    "unit_of",
    "variant_of",
]
