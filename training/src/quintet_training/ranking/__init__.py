"""Trains boosters: from the catalogue alone, and from playlists."""

from quintet_training.ranking.backend import TrainerBackend
from quintet_training.ranking.bootstrap import (
    BootstrapParameters,
    RankingRows,
    bootstrap_rows,
    train_booster,
)
from quintet_training.ranking.folds import fit_learned
from quintet_training.ranking.trainer import (
    TooFewPlaylists,
    Trained,
    TrainingParameters,
    train_model,
)

__all__ = [
    "BootstrapParameters",
    "RankingRows",
    "TooFewPlaylists",
    "Trained",
    "TrainerBackend",
    "TrainingParameters",
    "bootstrap_rows",
    "fit_learned",
    "train_booster",
    "train_model",
]
