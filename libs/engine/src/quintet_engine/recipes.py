"""Recipes: which channels find candidates and which features describe them, by kind of model.

A bundle names its kind, and the engine follows the recipe of that kind, so that a model trained
on playlists and one made from the catalogue alone are served by the same program.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from quintet_modelkit.features import feature_hash

from quintet_engine.channels.channel import Channel
from quintet_engine.channels.collaborative import BUDGET, TRAINED_CHANNELS
from quintet_engine.channels.content import CHANNELS
from quintet_engine.features.collaborative import TRAINED_BUILDERS
from quintet_engine.features.content import BUILDERS
from quintet_engine.features.matrix import Builder

_LEAST_BUDGET: Final = 200


@dataclass(frozen=True)
class Recipe:
    """How one kind of model finds and describes candidates.

    Attributes:
        kind: As in a bundle's manifest.
        channels: The retrieval channels.
        builders: The feature builders.
        budget: What quotas are shares of; 0 where it follows the limit of the query.
    """

    kind: str
    channels: tuple[Channel, ...]
    builders: tuple[Builder, ...]
    budget: int = 0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The features' names, in the order of the matrix columns."""
        return tuple(name for builder in self.builders for name in builder.names)

    @cached_property
    def monotone(self) -> tuple[int, ...]:
        """The sign of each feature's constraint."""
        return tuple(sign for builder in self.builders for sign in builder.monotone)

    @cached_property
    def feature_hash(self) -> str:
        """SHA-256 over the names."""
        return feature_hash(self.names)

    def quotas(self, limit: int, growth: int) -> Sequence[int]:
        """Returns how many rows each channel may find.

        With a fixed budget only the audio channel grows, since it alone can reach every allowed
        track and the others' places are features that must mean what they meant in training.

        Args:
            limit: Tracks asked for.
            growth: 1 at first; greater where too few were found.
        """
        if not self.budget:
            total = max(2 * limit, _LEAST_BUDGET) * growth
            return [max(1, int(channel.quota * total)) for channel in self.channels]
        return [
            int(channel.quota * self.budget) * (growth if channel.name == "audio" else 1)
            for channel in self.channels
        ]


BOOTSTRAP: Final = Recipe("bootstrap", CHANNELS, BUILDERS)
TRAINED: Final = Recipe("trained", TRAINED_CHANNELS, TRAINED_BUILDERS, BUDGET)
RECIPES: Final[Mapping[str, Recipe]] = {recipe.kind: recipe for recipe in (BOOTSTRAP, TRAINED)}
