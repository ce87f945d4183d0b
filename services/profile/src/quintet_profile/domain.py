"""Seeds to profile: the rules, in plain Python and NumPy."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from quintet_modelkit.features import AudioProfile, Raw, Standardiser, average_profile
from quintet_modelkit.seeds import (
    QueryInvalid,
    Seed,
    SeedUnknown,
    check_seeds,
    check_targets,
    check_weights,
)
from quintet_servicekit.errors import InvalidInput, NotFound, Reason

MAX_IDS: Final = 100


class Catalogue(Protocol):
    """What the rules need of a catalogue."""

    @property
    def version(self) -> str:
        """The catalogue version."""
        ...

    @property
    def standardiser(self) -> Standardiser:
        """Fitted on this catalogue."""
        ...

    def features_of(self, seed: Seed) -> Raw | None:
        """Returns the raw rows (k, 14) a seed stands for, k ≥ 1; None where it is not known."""
        ...


class Source(Protocol):
    """Where the catalogue in use comes from."""

    @property
    def value(self) -> Catalogue:
        """The catalogue served; raises `NotReady` before the first."""
        ...


@dataclass(frozen=True)
class ProfileQuery:
    """What a profile is made of.

    Attributes:
        seeds: 1 to 5 to start from.
        negative_seeds: 0 to 5 to move away from.
        weights: Attribute to weight, 0..10.
        targets: Attribute to the raw value that replaces the seeds' mean.
    """

    seeds: Sequence[Seed]
    negative_seeds: Sequence[Seed] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BuiltProfile:
    """A profile and the catalogue its seeds were read from."""

    profile: AudioProfile
    catalogue_version: str


Run = Callable[[Callable[[], BuiltProfile]], Awaitable[BuiltProfile]]
"""Runs blocking work off the event loop: the rows of a broad genre take milliseconds."""


async def build_profile(source: Source, run: Run, query: ProfileQuery) -> BuiltProfile:
    """Averages seeds by the catalogue served now; a swap meanwhile does not disturb it.

    Raises:
        InvalidInput: The query breaks a rule; the field and the range are named.
        NotFound: The catalogue lacks a seed; all such seeds are named.
        NotReady: No catalogue is loaded.
    """
    check(query)
    catalogue = source.value
    return await run(lambda: average(catalogue, query))


def check(query: ProfileQuery) -> None:
    """Checks every rule that needs no catalogue.

    Raises:
        InvalidInput: A rule is broken; the field and the range are named.
    """
    try:
        check_seeds(query.seeds, query.negative_seeds)
        check_weights(query.weights)
        check_targets(query.targets)
    except QueryInvalid as fault:
        raise InvalidInput(Reason(fault.reason), str(fault), field=fault.field) from fault


def average(catalogue: Catalogue, query: ProfileQuery) -> BuiltProfile:
    """Averages the seeds of a checked query.

    Raises:
        NotFound: The catalogue lacks a seed.
    """
    groups = [catalogue.features_of(seed) for seed in query.seeds]
    negatives = [catalogue.features_of(seed) for seed in query.negative_seeds]
    _refuse_unknown("seeds", query.seeds, groups)
    _refuse_unknown("negative_seeds", query.negative_seeds, negatives)
    profile = average_profile(
        catalogue.standardiser,
        [group for group in groups if group is not None],
        shares=[seed.weight for seed in query.seeds],
        negatives=[group for group in negatives if group is not None],
        weights=query.weights,
        targets=query.targets,
    )
    return BuiltProfile(profile, catalogue.version)


def check_ids(ids: Sequence[str]) -> None:
    """Checks how many ids there are.

    Raises:
        InvalidInput: There are none, or too many.
    """
    if not 1 <= len(ids) <= MAX_IDS:
        raise InvalidInput(
            Reason.ID_COUNT,
            f"track_ids must be 1 to {MAX_IDS}; got {len(ids)}",
            field="track_ids",
        )


def _refuse_unknown(field: str, seeds: Sequence[Seed], groups: Sequence[Raw | None]) -> None:
    unknown = [seed for seed, group in zip(seeds, groups, strict=True) if group is None]
    if unknown:
        names = ",".join(seed.name for seed in unknown)
        message = str(SeedUnknown(unknown))
        raise NotFound(Reason.SEED_UNKNOWN, message, field=field, metadata={"seeds": names})
