"""The feature matrix of a query's candidates, by compiled code."""

import numpy as np
from numpy.typing import NDArray

from quintet_engine.channels.channel import Candidates
from quintet_engine.context import Context
from quintet_engine.features.declared import AUDIO_AND_CATALOGUE, CLOSENESS, RANKED_CHANNELS
from quintet_engine.kernel.layout import fixed

Matrix = NDArray[np.float32]


def build(context: Context, candidates: Candidates, width: int) -> Matrix:
    """Compute the feature matrix, float32 (candidates, width), columns as `declared`.

    A query that was compared with a collaborative model gets the features of a trained model, and
    any other those of the bootstrap model.
    """
    from quintet_engine.kernel.audio_features import audio_and_catalogue

    rows = fixed(candidates.rows, np.int32)
    # Column by column in memory: the trees read whole columns.
    matrix = np.empty((width, len(rows)), np.float32)
    tracks = context.catalogue.arrays
    audio_and_catalogue(tracks, context.arrays, rows, matrix)
    affinity = context.affinity
    if affinity is None or width == len(AUDIO_AND_CATALOGUE) + len(CLOSENESS):
        places = [candidates.names.index(name) for name in RANKED_CHANNELS]
        matrix[len(AUDIO_AND_CATALOGUE) :] = candidates.closeness[:, places].T
    else:
        from quintet_engine.kernel.learned_features import learned_features

        learned_features(tracks, affinity.model.arrays, affinity.arrays, rows, matrix)
    return matrix.T
