"""Blends what a query asks for besides its seeds into the booster's scores."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.catalogue import Mask, Rows
from quintet_engine.channels.channel import Candidates, target_distance
from quintet_engine.context import Context
from quintet_engine.correction import Correction, learned_columns
from quintet_engine.features.weighting import weighted_units
from quintet_engine.listening import pair_features, pulls_of
from quintet_engine.reasons import Adjustment, pulled

Scores = NDArray[np.float64]
TARGET_STRENGTH: Final = 3.0
"""The cost of one standard deviation from the targets, in standard deviations of score."""
NEGATIVE_STRENGTH: Final = 1.0
"""The cost of a cosine of 1 to a negative seed, in standard deviations of score."""
WEIGHT_STRENGTH: Final = 0.5
"""The gain of one standard deviation of weighted cosine, in standard deviations of score, for a
trained model and a query with attribute weights."""


@dataclass(frozen=True)
class Scored:
    """Candidates, the features and scores they were ranked by, and their order.

    Attributes:
        candidates: From the channels.
        matrix: float32 (c, features).
        scores: float64 (c,), higher is better.
        order: int64, places of the candidates, best first, one per recording.
        without: Parts that the scores were computed without.
        adjustment: What targets and weights added to the scores.
        known: bool (c,), candidates by known artists; all False if the query has no dial.
    """

    candidates: Candidates
    matrix: NDArray[np.float32]
    scores: Scores
    order: Rows
    without: tuple[str, ...]
    adjustment: Adjustment = field(default_factory=Adjustment)
    known: Mask = field(default_factory=lambda: np.empty(0, np.bool_))


def adjusted(
    context: Context, candidates: Candidates, relevance: Scores, correction: Correction | None
) -> tuple[Scores, Adjustment]:
    """Blend in what the booster never saw in training: targets, weights and negative seeds.

    A query without any keeps the booster's scores. Otherwise relevance is expressed in its standard
    deviations over the candidates. `TARGET_STRENGTH` times the mean distance to the targets and
    `NEGATIVE_STRENGTH` times the cosine to the nearest negative seed are subtracted. For a trained
    booster, which depends little on audio, `WEIGHT_STRENGTH` times the standardised weighted cosine
    to the profile is added. What the listener's memory adds is the rule of `listening.pull`, and
    what a model learned from listeners beyond it.

    Raises:
        BoosterFailed: The correction failed.

    Returns:
        The scores, and what targets, weights and the memory added to them.
    """
    weighted = bool(context.query.weights) and context.affinity is not None
    listener = context.listener
    plain = not context.query.targets and not context.negatives and not weighted
    if plain and listener is None:
        return relevance, Adjustment()
    scores = standardised(relevance)
    fits: dict[str, Scores] = {}
    sound: Scores | None = None
    if context.query.targets:
        scores = scores - TARGET_STRENGTH * target_distance(context, candidates.rows)
        fits = _target_fits(context, candidates)
    if context.negatives:
        scores = scores - NEGATIVE_STRENGTH * np.maximum(
            _negative_cosines(context, candidates), 0.0
        )
    if weighted:
        units = weighted_units(context, candidates.rows)
        sound = WEIGHT_STRENGTH * standardised(units @ context.vector)
        scores = scores + sound
    adjustment = Adjustment(_spread(relevance), fits, sound)
    if listener is not None:
        pair = pair_features(listener, context.catalogue, candidates.rows)
        learned = None
        if correction is not None:
            columns = learned_columns(listener, pair, standardised(relevance))
            learned = correction.scores(columns)
            adjustment = replace(adjustment, columns=columns)
        scores, adjustment = pulled(scores, adjustment, pulls_of(listener, pair), learned)
    return np.asarray(scores, dtype=np.float64), adjustment


def _target_fits(context: Context, candidates: Candidates) -> dict[str, Scores]:
    """Split what targets add to the scores by target, each relative to the candidates' mean."""
    fits, strength = {}, TARGET_STRENGTH / len(context.query.targets)
    for name, value in context.query.targets.items():
        distances = context.catalogue.distances(name, value, candidates.rows)
        fits[name] = np.asarray(strength * (distances.mean() - distances), np.float64)
    return fits


def standardised(values: NDArray[Any]) -> Scores:
    """Standardise values; constant ones become 0."""
    return np.asarray((values - values.mean()) / _spread(values), np.float64)


def _spread(values: NDArray[Any]) -> float:
    """Compute the standard deviation; 1 for constant values."""
    spread = float(values.std())
    return spread if spread > 1e-9 else 1.0


def _negative_cosines(context: Context, candidates: Candidates) -> Scores:
    """Find candidates' greatest cosine to a negative seed, by audio or by taste, (c,)."""
    units = weighted_units(context, candidates.rows)
    nearest = (units @ context.negative_vectors.T).max(axis=1)
    if context.negative_affinity is not None:
        places = context.negative_affinity.model.taste
        taste = places.of(candidates.rows) @ places.of(context.negative_affinity.seeds).T
        nearest = np.maximum(nearest, taste.max(axis=1))
    return np.asarray(nearest, np.float64)
