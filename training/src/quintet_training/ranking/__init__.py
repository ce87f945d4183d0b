"""Trains boosters: from the catalogue alone, and from playlists."""

from quintet_training.ranking.bootstrap import (
    BootstrapParameters,
    RankingRows,
    bootstrap_rows,
    train_booster,
)
from quintet_training.ranking.folds import fit_learned
from quintet_training.ranking.trainer import (
    MOST_PLAYLISTS,
    TooFewPlaylists,
    Trained,
    TrainingParameters,
    train_model,
)
from quintet_training.ranking.workshop import Workshop

__all__ = [
    "MOST_PLAYLISTS",
    "BootstrapParameters",
    "RankingRows",
    "TooFewPlaylists",
    "Trained",
    "TrainingParameters",
    "Workshop",
    "bootstrap_rows",
    "fit_learned",
    "train_booster",
    "train_model",
]
