"""The reasons of a list: their JSON, and objects on demand."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from quintet_contract.attributes import ATTRIBUTES

from quintet_engine.query import AudioComparison, FeatureContribution, Reasons
from quintet_engine.reasons.statements import Statements


@dataclass(frozen=True)
class Explained:
    """Why each of k tracks is in a list.

    Attributes:
        statements: Their facts.
        names: The features' names.
        stated: All numbers, `kernel.reasons_json.Stated`.
    """

    statements: Statements
    names: tuple[str, ...]
    stated: Any

    def reasons(self, place: int) -> Reasons:
        """Make the objects of one track."""
        stated = self.stated
        nearest = int(stated.closest[place])
        # Numbers from that of the seeds on are those of seed rows.
        has_track = nearest < self.statements.seeds
        seed = self.statements.references[nearest] if has_track else None
        strongest = (stated.features, stated.contributions, stated.seen)
        values = (stated.values[place], stated.means, stated.shares[place])
        return Reasons(
            self.statements.sentences[place],
            self.statements.facts[place],
            "" if seed is None else seed.id,
            None if np.isnan(stated.similarity[place]) else float(stated.similarity[place]),
            tuple(
                FeatureContribution(self.names[feature], share, value)
                for feature, share, value in zip(
                    *(each[place].tolist() for each in strongest), strict=True
                )
                if feature >= 0
            ),
            tuple(map(AudioComparison, ATTRIBUTES, *(each.tolist() for each in values))),
            "" if seed is None else seed.name,
        )


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
