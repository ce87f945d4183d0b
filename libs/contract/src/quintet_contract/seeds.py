"""Seeds, weights and targets of a request, and the checks that need no catalogue."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from quintet_contract.attributes import AUDIO_FEATURES, RANGES
from quintet_contract.limits import MAX_SEEDS, MAX_WEIGHT


class QueryInvalid(ValueError):
    """Report a request that breaks a rule.

    Attributes:
        reason: The stable reason, such as `LIMIT_RANGE`.
        field: The request field at fault, such as `filters.energy`.
    """

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


class SeedUnknown(LookupError):
    """Report seeds that the catalogue does not have.

    Attributes:
        seeds: The unknown seeds.
    """

    def __init__(self, seeds: "Sequence[Seed]") -> None:
        names = ", ".join(f"{seed.kind.value} {seed.name!r}" for seed in seeds)
        super().__init__(f"The catalogue does not have {names}.")
        self.seeds = tuple(seeds)


class SeedKind(StrEnum):
    """Kind of a seed. A value is also the beginning of its field's name in JSON and protos."""

    TRACK = "track"
    ARTIST = "artist"
    GENRE = "genre"


@dataclass(frozen=True)
class Seed:
    """A track id, artist id or genre name to start from.

    Attributes:
        kind: Whether `name` is a track id, an artist id or a genre.
        name: Track id, artist id or genre.
        weight: Share of the seed in the mean, above 0, at most `MAX_WEIGHT`.
    """

    kind: SeedKind
    name: str
    weight: float = 1.0


def check_seeds(
    seeds: Sequence[Seed], negative_seeds: Sequence[Seed], max_seeds: int = MAX_SEEDS
) -> None:
    """Check the number of seeds, that each has a name, and the range of weights.

    Args:
        seeds: 1 to `max_seeds`.
        negative_seeds: 0 to `max_seeds`.
        max_seeds: A batch may have more seeds than a request of the API.

    Raises:
        QueryInvalid: A rule is broken; the message names the field and the allowed range.
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
    """Check that each weight has an attribute's name and is from 0 to `MAX_WEIGHT`.

    Raises:
        QueryInvalid: A rule is broken; the message names the field and the allowed range.
    """
    for name, weight in weights.items():
        check_attribute("weights", "WEIGHT_RANGE", name)
        # Popularity is not measured on the audio, so the profile has no coordinate to weigh.
        if name not in AUDIO_FEATURES:
            raise QueryInvalid(
                "WEIGHT_RANGE", "weights.popularity", "popularity has no place in the audio profile"
            )
        check_number(f"weights.{name}", "WEIGHT_RANGE", weight, 0.0, MAX_WEIGHT)


def check_targets(targets: Mapping[str, float]) -> None:
    """Check that each target has an attribute's name and is in that attribute's range.

    Raises:
        QueryInvalid: A rule is broken; the message names the field and the allowed range.
    """
    for name, value in targets.items():
        check_attribute("targets", "TARGET_RANGE", name)
        check_number(f"targets.{name}", "TARGET_RANGE", value, *RANGES[name])


def check_attribute(label: str, reason: str, name: str) -> None:
    """Check that a name is one of the fourteen attributes.

    Raises:
        QueryInvalid: The name is unknown; the message lists the known ones.
    """
    if name not in RANGES:
        raise QueryInvalid(
            reason, f"{label}.{name}", f"{name!r} is not an attribute; known: {', '.join(RANGES)}"
        )


def check_number(field: str, reason: str, value: float, low: float, high: float) -> None:
    """Check that a value is finite and within a closed range.

    Raises:
        QueryInvalid: The value is NaN, infinite or outside the range.
    """
    if not (math.isfinite(value) and low <= value <= high):
        raise QueryInvalid(reason, field, f"{field} must be {low:g} to {high:g}; got {value:g}")
