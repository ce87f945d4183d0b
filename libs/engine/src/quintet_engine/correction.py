"""What a model learned from listeners: a correction of the rule of `pull`, by a second booster.

The booster of the seeds is not changed by it, so that a list without a memory is the same with and
without this part. The correction is a booster of few features that starts from the score by the
rule: without trees it is the rule.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from quintet_modelkit.features import feature_hash

from quintet_engine.booster import Ranker
from quintet_engine.booster_text import MAX_BYTES
from quintet_engine.features.declared import Columns, falling, free, rising
from quintet_engine.listening.features import NAMES, PairFeatures
from quintet_engine.listening.pull import ARTIST, GENRE, SKIPS, SOUND, TASTE
from quintet_engine.listening.view import ListenerView

FILE: Final = "listening.txt"
"""The booster's file in a bundle."""
Matrix = NDArray[np.float32]
# Rows on which compiled code must give LightGBM's scores before it is used.
_SAMPLE: Final = 256
COLUMNS: Final[Columns] = (
    # The features of the pair, as `features.NAMES`. More skips never help.
    free("liked_taste"),
    rising("nearest_liked_taste"),
    free("unwanted_taste"),
    free("liked_sound"),
    rising("nearest_liked_sound"),
    free("unwanted_sound"),
    rising("artist_liking"),
    falling("artist_skip_rate"),
    free("artist_recency"),
    rising("genre_liking"),
    # The score without the memory, in its standard deviations over the candidates, and the
    # confidence in the liked tracks, 0..1, which is the same for all candidates.
    rising("relevance"),
    free("liked_confidence"),
)
LEARNED_NAMES: Final = tuple(column.name for column in COLUMNS)
FEATURE_HASH: Final = feature_hash(LEARNED_NAMES)
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    TASTE: ("liked_taste", "nearest_liked_taste", "unwanted_taste"),
    SOUND: ("liked_sound", "nearest_liked_sound", "unwanted_sound"),
    ARTIST: ("artist_liking", "artist_recency"),
    SKIPS: ("artist_skip_rate",),
    GENRE: ("genre_liking",),
}
assert LEARNED_NAMES[: len(NAMES)] == NAMES


def learned_columns(
    view: ListenerView, pair: PairFeatures, relevance: NDArray[np.float64]
) -> Matrix:
    """Stack the features of candidates, float32 (c, `COLUMNS`).

    Args:
        view: The listener.
        pair: The features of the candidates and the listener.
        relevance: float64 (c,), standardised over the candidates.
    """
    confidence = np.full(len(relevance), view.liked.confidence, np.float32)
    return np.column_stack([*pair, relevance.astype(np.float32), confidence])


class Correction:
    """What a model learned from listeners, beyond the rule; safe to call from several threads.

    Args:
        ranker: A booster of the features `COLUMNS`.

    Raises:
        ValueError: The booster has other features.
    """

    def __init__(self, ranker: Ranker) -> None:
        if ranker.names != LEARNED_NAMES:
            raise ValueError(
                f"the booster of listeners has {len(ranker.names)} features, this program has "
                f"{len(LEARNED_NAMES)}, or they differ in name or order"
            )
        self.ranker = ranker

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a booster from LightGBM's text format.

        Raises:
            ValueError: The text is not a booster, or of other features.
        """
        return cls(Ranker.from_text(text))

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, Any]) -> Self | None:
        """Read the correction of a bundle; None if the model did not learn from listeners.

        Args:
            folder: The bundle.
            facts: Its manifest.

        Raises:
            OSError, ValueError, KeyError: The file is missing or damaged, or of other features.
        """
        listening = facts.get("listening")
        if not listening or not listening["queries"]:
            return None
        if listening["feature_hash"] != FEATURE_HASH:
            raise ValueError("the booster of listeners was made for other features")
        path = folder / FILE
        # Before it is in memory: a file may be sparse, larger than the memory.
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{FILE} is larger than {MAX_BYTES:,} bytes")
        return cls.from_text(path.read_text(encoding="utf-8"))

    def accelerate(self) -> bool:
        """Switch to compiled code, if it gives LightGBM's scores on random rows.

        Returns:
            Whether compiled code scores.
        """
        random = np.random.default_rng(1)
        sample = random.normal(size=(_SAMPLE, len(LEARNED_NAMES))).astype(np.float32)
        # Cosines and rates are -1..1; a taste space and analysed audio may be missing.
        sample[::5, : LEARNED_NAMES.index("artist_liking")] = np.nan
        return self.ranker.accelerate(sample)

    def scores(self, columns: Matrix) -> NDArray[np.float64]:
        """Compute what is added to the scores by the rule, float64 (c,), relative to their mean.

        Raises:
            BoosterFailed: LightGBM failed, or a score is not finite.
        """
        scores = self.ranker.scores(columns)
        return np.asarray(scores - scores.mean(), np.float64)

    def parts(self, columns: Matrix) -> Mapping[str, NDArray[np.float64]]:
        """Split the correction of some rows by parts of `pull.PARTS`, float64 (c,) each.

        Shares are TreeSHAP's, relative to the mean of the training rows. Those of the relevance
        and of the confidence belong to no part.

        Raises:
            BoosterFailed: LightGBM failed.
        """
        shares = self.ranker.contributions(columns)
        places = {
            part: [LEARNED_NAMES.index(name) for name in names] for part, names in _PARTS.items()
        }
        return {part: shares[:, columns].sum(axis=1) for part, columns in places.items()}
