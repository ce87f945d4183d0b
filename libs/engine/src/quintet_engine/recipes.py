"""Recipes: which channels find candidates and which features describe them, per kind of model.

A bundle names its kind, and the engine uses the recipe of that kind, so that one program serves a
model trained on playlists and one made from the catalogue alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

from quintet_modelkit.features import feature_hash

from quintet_engine.channels.channel import Channel
from quintet_engine.channels.collaborative import BUDGET, TRAINED_CHANNELS
from quintet_engine.channels.content import CHANNELS
from quintet_engine.features.declared import (
    AUDIO_AND_CATALOGUE,
    CLOSENESS,
    LEARNED,
    Columns,
)

# Candidates of a query for few tracks: enough for the booster to choose from.
_LEAST_BUDGET: Final = 200


@dataclass(frozen=True)
class Recipe:
    """How one kind of model finds and describes candidates.

    Attributes:
        kind: As in a bundle's manifest.
        channels: The retrieval channels.
        columns: The features, in the order of the matrix.
        budget: Rows that a quota of 1 stands for; 0 if it depends on the limit of the query.
    """

    kind: str
    channels: tuple[Channel, ...]
    columns: Columns
    budget: int = 0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the order of the matrix columns."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def monotone(self) -> tuple[int, ...]:
        """Each feature's monotone constraint: 1, -1 or 0."""
        return tuple(column.monotone for column in self.columns)

    @cached_property
    def feature_hash(self) -> str:
        """SHA-256 over the names; a bundle made for other features is rejected."""
        return feature_hash(self.names)

    def with_quotas(self, quotas: Mapping[str, float]) -> Self:
        """Return the recipe with the quotas of some channels replaced, by name."""
        return replace(
            self,
            channels=tuple(
                replace(channel, quota=float(quotas.get(channel.name, channel.quota)))
                for channel in self.channels
            ),
        )

    def quotas(self, limit: int, growth: int) -> Sequence[int]:
        """Compute how many rows each channel may find.

        With a fixed budget only the audio channel grows, since it alone can reach every allowed
        track. Places in the other channels are features, which must mean what they meant in
        training.

        Args:
            limit: Tracks asked for.
            growth: 1 at first; greater if too few were found.
        """
        if not self.budget:
            # Twice the limit: duplicates and the artist cap take some away.
            total = max(2 * limit, _LEAST_BUDGET) * growth
            return [max(1, int(channel.quota * total)) for channel in self.channels]
        return [
            int(channel.quota * self.budget) * (growth if channel.name == "audio" else 1)
            for channel in self.channels
        ]


BOOTSTRAP: Final = Recipe("bootstrap", CHANNELS, (*AUDIO_AND_CATALOGUE, *CLOSENESS))
TRAINED: Final = Recipe("trained", TRAINED_CHANNELS, (*AUDIO_AND_CATALOGUE, *LEARNED), BUDGET)
FIRST_QUOTAS: Final[Mapping[str, float]] = {
    "sound": 0.15,
    "taste": 1.0,
    "related": 0.7,
    "content": 0.2,
}
"""Quotas of trained models whose manifest names none. A booster ranks candidates like those that it
learned from, since places among them are features."""
RECIPES: Final[Mapping[str, Recipe]] = {recipe.kind: recipe for recipe in (BOOTSTRAP, TRAINED)}
