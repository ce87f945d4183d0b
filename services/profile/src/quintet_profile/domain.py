"""Build the profile of seeds, in plain Python and NumPy."""

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
    """The audio features of one version of the catalogue; never changes."""

    @property
    def version(self) -> str:
        """The catalogue version."""
        ...

    @property
    def standardiser(self) -> Standardiser:
        """The standardiser that was fitted on this catalogue."""
        ...

    def rows(self, seed: Seed) -> Raw | None:
        """Raw attributes (k, 14) of the tracks that a seed stands for; None if it is unknown."""
        ...

    def track(self, track_id: str) -> Raw | None:
        """Raw attributes (14,) of a track; None if it is unknown."""
        ...


@dataclass(frozen=True)
class ProfileQuery:
    """Seeds, weights and targets of a profile; see `features.average_profile`."""

    seeds: tuple[Seed, ...]
    negative_seeds: tuple[Seed, ...]
    weights: Mapping[str, float]
    targets: Mapping[str, float]


def build_profile(catalogue: FeatureCatalogue, query: ProfileQuery) -> AudioProfile:
    """Average the features of the seeds to a profile.

    Raises:
        InvalidInput: The query breaks a rule; the message contains field and range.
        NotFound: The catalogue lacks seeds; the message contains all of them.
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
    """Check the number of ids in one request.

    Raises:
        InvalidInput: There are none, or more than `MAX_FEATURE_IDS`.
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
