"""Evaluation: how good recommendations are, against baselines, on playlists held out."""

from quintet_training.evaluation.baselines import Recommender
from quintet_training.evaluation.measuring import RecommendationInvalid
from quintet_training.evaluation.protocol import EvaluationImpossible, EvaluationOptions, run
from quintet_training.evaluation.report import Report

__all__ = [
    "EvaluationImpossible",
    "EvaluationOptions",
    "RecommendationInvalid",
    "Recommender",
    "Report",
    "run",
]
