"""The rule by which likes pull and skips push, for a model that did not learn from listeners.

docs/listeners.md states it with the same constants. Each part is in standard deviations of the
score over the candidates, relative to the candidates' mean, like the targets of a query.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.listening.features import PairFeatures
from quintet_engine.listening.view import ListenerView

TASTE_STRENGTH: Final = 0.6
"""Gain of one standard deviation of closeness to the liked tracks in the taste space."""
SOUND_STRENGTH: Final = 0.3
"""The same in sound, which says less about what people like."""
UNWANTED_SHARE: Final = 0.5
"""Closeness to unwanted tracks costs this share: a listener skips within the own taste, too."""
ARTIST_STRENGTH: Final = 1.5
"""Gain of an artist liking of 1."""
SKIP_STRENGTH: Final = 20.0
"""Cost of an artist skip rate of 1, times the square of the rate: one skip is a hint (1/4: 1.25
standard deviations), five in a row are a verdict (0.53: 5.6)."""
GENRE_STRENGTH: Final = 0.4
"""Gain of a genre liking of 1."""
TASTE: Final = "taste"
SOUND: Final = "sound"
ARTIST: Final = "artist"
SKIPS: Final = "skips"
GENRE: Final = "genre"
PARTS: Final = (TASTE, SOUND, ARTIST, SKIPS, GENRE)
Values = NDArray[np.float64]


def pulls_of(view: ListenerView, pair: PairFeatures) -> Mapping[str, Values]:
    """Compute what the memory of a listener adds to scores, by part, float64 (c,) each."""
    return {
        TASTE: TASTE_STRENGTH
        * _closeness(view, pair.liked_taste, pair.nearest_liked_taste, pair.unwanted_taste),
        SOUND: SOUND_STRENGTH
        * _closeness(view, pair.liked_sound, pair.nearest_liked_sound, pair.unwanted_sound),
        ARTIST: ARTIST_STRENGTH * _centred(pair.artist_liking),
        SKIPS: -SKIP_STRENGTH * _centred(np.square(pair.artist_skip_rate)),
        GENRE: GENRE_STRENGTH * _centred(pair.genre_liking) * view.liked.confidence,
    }


def _closeness(
    view: ListenerView,
    liked: NDArray[np.float32],
    nearest: NDArray[np.float32],
    unwanted: NDArray[np.float32],
) -> Values:
    """Compare candidates with liked and unwanted tracks, in standard deviations.

    Half by the mean of the liked tracks, and half by the nearest of them: a listener of two kinds
    of music likes nothing that is half way between.
    """
    towards = (_standardised(liked) + _standardised(nearest)) / 2
    away = UNWANTED_SHARE * view.unwanted.confidence * _standardised(unwanted)
    return np.asarray(view.liked.confidence * towards - away, np.float64)


def _centred(values: NDArray[np.float32]) -> Values:
    return np.asarray(values - values.mean(), np.float64)


def _standardised(values: NDArray[np.float32]) -> Values:
    """Standardise the known values; 0 where unknown, or where all are the same."""
    known = ~np.isnan(values)
    result = np.zeros(len(values))
    if known.any():
        chosen = values[known].astype(np.float64)
        spread = float(chosen.std())
        result[known] = (chosen - chosen.mean()) / spread if spread > 1e-6 else 0.0
    return result
