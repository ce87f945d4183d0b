"""Seeds to profile, in plain Python and NumPy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from quintet_contract.limits import MAX_FEATURE_IDS
from quintet_contract.seeds import (
    QueryInvalid,
    Seed,
    SeedUnknown,
    check_seeds,
    check_targets,
    check_weights,
)
from quintet_modelkit.features import AudioProfile, Raw, Standardiser, average_profile
from quintet_servicekit.errors import InvalidInput, NotFound, Reason


class FeatureCatalogue(Protocol):
    """The audio features of one catalogue version; safe to read from several tasks."""

    @property
    def version(self) -> str:
        """The catalogue version."""
        ...

    @property
    def standardiser(self) -> Standardiser:
        """Fitted on this catalogue."""
        ...

    def rows(self, seed: Seed) -> Raw | None:
        """Returns raw attributes (k, 14) of the tracks a seed stands for; None where unknown."""
        ...

    def track(self, track_id: str) -> Raw | None:
        """Returns raw attributes (14,) of a track; None where unknown."""
        ...


@dataclass(frozen=True)
class ProfileQuery:
    """What a profile is asked for; see `features.average_profile`."""

    seeds: tuple[Seed, ...]
    negative_seeds: tuple[Seed, ...]
    weights: Mapping[str, float]
    targets: Mapping[str, float]


def build_profile(catalogue: FeatureCatalogue, query: ProfileQuery) -> AudioProfile:
    """Returns the averaged profile of the seeds.

    Raises:
        InvalidInput: The query breaks a rule; field and range are named.
        NotFound: The catalogue lacks a seed; all that it lacks are named.
    """
    try:
        check_seeds(query.seeds, query.negative_seeds)
        check_weights(query.weights)
        check_targets(query.targets)
        groups = _rows_of(catalogue, (*query.seeds, *query.negative_seeds))
    except QueryInvalid as fault:
        raise InvalidInput(Reason(fault.reason), str(fault), field=fault.field) from fault
    except SeedUnknown as fault:
        names = ",".join(seed.name for seed in fault.seeds)
        raise NotFound(
            Reason.SEED_UNKNOWN, str(fault), field="seeds", metadata={"seeds": names}
        ) from fault
    count = len(query.seeds)
    return average_profile(
        catalogue.standardiser,
        groups[:count],
        shares=[seed.weight for seed in query.seeds],
        negatives=groups[count:],
        weights=query.weights,
        targets=query.targets,
    )


def check_ids(track_ids: Sequence[str]) -> None:
    """Checks how many ids are asked for at once.

    Raises:
        InvalidInput: None or more than `MAX_FEATURE_IDS`.
    """
    if not 1 <= len(track_ids) <= MAX_FEATURE_IDS:
        raise InvalidInput(
            Reason.ID_COUNT,
            f"track_ids must be 1 to {MAX_FEATURE_IDS}; got {len(track_ids)}",
            field="track_ids",
        )


def _rows_of(catalogue: FeatureCatalogue, seeds: Sequence[Seed]) -> list[Raw]:
    found = [catalogue.rows(seed) for seed in seeds]
    unknown = [seed for seed, rows in zip(seeds, found, strict=True) if rows is None]
    if unknown:
        raise SeedUnknown(unknown)
    return [rows for rows in found if rows is not None]
