"""The reasons of a list: their JSON, and objects on demand."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from quintet_contract.attributes import ATTRIBUTES

from quintet_engine.kernel.layout import Numbers
from quintet_engine.query import AudioComparison, FeatureContribution, Reasons
from quintet_engine.reasons.statements import Statements

Wide = NDArray[np.float64]


@dataclass(frozen=True)
class Explained:
    """Why each of k tracks is in a list.

    Attributes:
        statements: Their facts.
        names: The features' names.
        closest: int32 (k,), each track's nearest seed track; the number of seeds for none.
        similarity: float64 (k,), the cosine to it; NaN without one.
        features: int32 (k, most), the strongest contributions' features; -1 for none.
        contributions: float64 (k, most).
        seen: float64 (k, most), the features' values.
        values: float64 (k, 14), the tracks' attributes.
        means: float64 (14,), the seeds' means.
        shares: float64 (k, 14), the attributes' terms of the cosine.
    """

    statements: Statements
    names: tuple[str, ...]
    closest: Numbers
    similarity: Wide
    features: NDArray[np.int32]
    contributions: Wide
    seen: Wide
    values: Wide
    means: Wide
    shares: Wide

    def reasons(self, place: int) -> Reasons:
        """Make the objects of one track."""
        nearest = int(self.closest[place])
        # Numbers from that of the seeds on are those of seed rows.
        has_track = nearest < self.statements.seeds
        seed = self.statements.references[nearest] if has_track else None
        return Reasons(
            self.statements.sentences[place],
            self.statements.facts[place],
            "" if seed is None else seed.id,
            None if np.isnan(self.similarity[place]) else float(self.similarity[place]),
            tuple(
                FeatureContribution(self.names[feature], share, value)
                for feature, share, value in zip(
                    *(each[place].tolist() for each in self._strongest), strict=True
                )
                if feature >= 0
            ),
            tuple(
                map(
                    AudioComparison,
                    ATTRIBUTES,
                    self.values[place].tolist(),
                    self.means.tolist(),
                    self.shares[place].tolist(),
                )
            ),
            "" if seed is None else seed.name,
        )

    @property
    def _strongest(self) -> tuple[NDArray[np.int32], Wide, Wide]:
        return self.features, self.contributions, self.seen


@dataclass(frozen=True)
class ExplainedTrack:
    """Why one track is in a list.

    Attributes:
        json: The reasons as the HTTP API shows them: an object in UTF-8.
        explained: The reasons of the whole list.
        place: The track's place in it.
    """

    json: bytes
    explained: Explained = field(compare=False)
    place: int

    @property
    def reasons(self) -> Reasons:
        """The reasons as objects."""
        return self.explained.reasons(self.place)
