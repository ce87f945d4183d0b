"""What a request starts from, and the rules that need no catalogue; shared by all who average."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quintet_modelkit.features import RANGES

MAX_SEEDS: Final = 5
MAX_WEIGHT: Final = 10.0


class QueryInvalid(ValueError):
    """A query breaks a rule.

    Attributes:
        reason: The stable reason, such as `LIMIT_RANGE`.
        field: The request field at fault, such as `filters.energy`.
    """

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


class SeedUnknown(LookupError):
    """Seeds that the catalogue does not have.

    Attributes:
        seeds: The unknown seeds.
    """

    def __init__(self, seeds: "Sequence[Seed]") -> None:
        names = ", ".join(f"{seed.kind.value} {seed.name!r}" for seed in seeds)
        super().__init__(f"The catalogue does not have {names}.")
        self.seeds = tuple(seeds)


class SeedKind(StrEnum):
    """What a seed names."""

    TRACK = "track"
    ARTIST = "artist"
    GENRE = "genre"


@dataclass(frozen=True)
class Seed:
    """A track id, artist id or genre name to start from.

    Attributes:
        kind: What `name` is.
        name: Track id, artist id or genre.
        weight: Its share in the mean, above 0, up to 10.
    """

    kind: SeedKind
    name: str
    weight: float = 1.0


def check_seeds(
    seeds: Sequence[Seed], negative_seeds: Sequence[Seed], max_seeds: int = MAX_SEEDS
) -> None:
    """Checks how many seeds there are, that each has a name, and the range of their weights.

    Raises:
        QueryInvalid: A rule is broken; field and allowed range are named.
    """
    if not 1 <= len(seeds) <= max_seeds:
        raise QueryInvalid(
            "SEED_COUNT", "seeds", f"seeds must be 1 to {max_seeds}; got {len(seeds)}"
        )
    if len(negative_seeds) > max_seeds:
        raise QueryInvalid(
            "SEED_COUNT",
            "negative_seeds",
            f"negative_seeds must be 0 to {max_seeds}; got {len(negative_seeds)}",
        )
    for label, group in (("seeds", seeds), ("negative_seeds", negative_seeds)):
        for index, seed in enumerate(group):
            if not seed.name:
                raise QueryInvalid("SEED_COUNT", f"{label}[{index}]", "a seed must not be empty")
            if not (math.isfinite(seed.weight) and 0 < seed.weight <= MAX_WEIGHT):
                raise QueryInvalid(
                    "WEIGHT_RANGE",
                    f"{label}[{index}].weight",
                    f"{label}[{index}].weight must be above 0 and up to {MAX_WEIGHT:g}; "
                    f"got {seed.weight}",
                )


def check_weights(weights: Mapping[str, float]) -> None:
    """Checks attribute names and that each weight is a number from 0 to `MAX_WEIGHT`.

    Raises:
        QueryInvalid: A rule is broken; field and allowed range are named.
    """
    for name, weight in weights.items():
        check_attribute("weights", "WEIGHT_RANGE", name)
        if name == "popularity":
            raise QueryInvalid(
                "WEIGHT_RANGE", "weights.popularity", "popularity has no place in the audio profile"
            )
        check_number(f"weights.{name}", "WEIGHT_RANGE", weight, 0.0, MAX_WEIGHT)


def check_targets(targets: Mapping[str, float]) -> None:
    """Checks attribute names and that each target lies in its attribute's range.

    Raises:
        QueryInvalid: A rule is broken; field and allowed range are named.
    """
    for name, value in targets.items():
        check_attribute("targets", "TARGET_RANGE", name)
        check_number(f"targets.{name}", "TARGET_RANGE", value, *RANGES[name])


def check_attribute(label: str, reason: str, name: str) -> None:
    """Checks that a name is one of the fourteen attributes.

    Raises:
        QueryInvalid: It is not.
    """
    if name not in RANGES:
        raise QueryInvalid(
            reason, f"{label}.{name}", f"{name!r} is not an attribute; known: {', '.join(RANGES)}"
        )


def check_number(field: str, reason: str, value: float, low: float, high: float) -> None:
    """Checks that a value is finite and within a closed range.

    Raises:
        QueryInvalid: It is not.
    """
    if not (math.isfinite(value) and low <= value <= high):
        raise QueryInvalid(reason, field, f"{field} must be {low:g} to {high:g}; got {value:g}")
