"""The models of the registry, as operators see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


class RegistryState(Enum):
    """Whether the registry can be read: not yet, yes, no longer, or there is none."""

    UNKNOWN = "unknown"
    UP = "up"
    UNAVAILABLE = "unavailable"
    OFF = "off"


@dataclass(frozen=True)
class RegisteredModel:
    """One model of the registry.

    Attributes:
        number: Its number in the registry.
        model_version: The version of its bundle.
        kind: "bootstrap" or "trained".
        catalogue_version: The catalogue that it was made for.
        aliases: Such as "champion".
        create_time: When it was registered.
        promote_time: When it became champion last; None if it never did.
        metrics: Of training and evaluation, by name.
    """

    number: str
    model_version: str
    kind: str
    catalogue_version: str
    aliases: Sequence[str]
    create_time: datetime
    promote_time: datetime | None
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Registered:
    """The registry's models, the newest first.

    Attributes:
        models: At most 100.
        previous_champion: The number that a rollback would make champion; empty if there is none.
        state: Whether this is what the registry has now.
    """

    models: Sequence[RegisteredModel]
    previous_champion: str
    state: RegistryState


class ModelList(Protocol):
    """Lists the models of the registry."""

    async def newest(self) -> Registered:
        """Return the models as read within the last seconds."""
