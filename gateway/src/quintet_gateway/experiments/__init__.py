"""Experiments: compare champion and challenger on listeners' feedback."""

from quintet_gateway.experiments.assignment import assigned_variant, assignment_unit, bucket_of
from quintet_gateway.experiments.monitor import ExperimentConfig, Experiments, Overview

__all__ = [
    "ExperimentConfig",
    "Experiments",
    "Overview",
    "assigned_variant",
    "assignment_unit",
    "bucket_of",
]
