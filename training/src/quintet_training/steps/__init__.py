"""One function a stage: paths and parameters in, paths and facts out."""

from quintet_training.steps.batch import (
    MAX_BATCH_SEEDS,
    BatchInvalid,
    BatchOptions,
    BatchReport,
    batch_recommend,
)
from quintet_training.steps.evaluating import evaluate, write_report
from quintet_training.steps.evaluating_listener import ListenerData, evaluate_listener
from quintet_training.steps.mixes import Mix, MixMaker, MixOptions, check_options
from quintet_training.steps.publishing import CATALOGUE, MODELS, Progress, publish_model
from quintet_training.steps.training import TrainReport, train

__all__ = [
    "CATALOGUE",
    "MAX_BATCH_SEEDS",
    "MODELS",
    "BatchInvalid",
    "BatchOptions",
    "BatchReport",
    "ListenerData",
    "Mix",
    "MixMaker",
    "MixOptions",
    "Progress",
    "TrainReport",
    "batch_recommend",
    "check_options",
    "evaluate",
    "evaluate_listener",
    "publish_model",
    "train",
    "write_report",
]
