"""protobuf to domain and back; no decisions."""

from collections.abc import Iterable
from typing import Any, Final, Protocol

from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet_modelkit.features import ATTRIBUTES, COLUMN, AudioProfile, Raw
from quintet_modelkit.seeds import Seed, SeedKind
from quintet_servicekit.errors import InvalidInput, NotFound, Reason
from quintet_servicekit.metrics import SEEDS
from quintet_servicekit.tracing import stage

from quintet_profile.domain import FeatureCatalogue, ProfileQuery, build_profile, check_ids

# The enum numbers the attributes from 1 in the order of `ATTRIBUTES`; a test compares the names.
_FIRST: Final = 1
_KINDS: Final = {
    "track_id": SeedKind.TRACK,
    "artist_id": SeedKind.ARTIST,
    "genre": SeedKind.GENRE,
}
_WHOLE: Final = ("key", "mode", "time_signature")
_FEATURES: Final = tuple(name for name in ATTRIBUTES if name != "popularity")


class CatalogueSource(Protocol):
    """Gives the catalogue served now."""

    @property
    def value(self) -> FeatureCatalogue:
        """The catalogue; raises `NotReady` before the first."""
        ...


class ProfileServicer(profile_pb2_grpc.ProfileServiceServicer):
    """Answers BuildProfile and BatchGetAudioFeatures, in well under a millisecond each."""

    def __init__(self, source: CatalogueSource) -> None:
        self._source = source

    async def BuildProfile(
        self, request: profile_pb2.BuildProfileRequest, _context: Any
    ) -> profile_pb2.BuildProfileResponse:
        """Builds the profile of the seeds."""
        catalogue = self._source.value
        query = query_of(request)
        try:
            with stage("average"):
                profile = build_profile(catalogue, query)
        except NotFound as fault:
            # Known ones are counted by the ranker, which is then not asked.
            SEEDS.labels("unknown").inc(len(fault.metadata["seeds"].split(",")))
            raise
        return profile_pb2.BuildProfileResponse(profile=message_of(profile, catalogue.version))

    async def BatchGetAudioFeatures(
        self, request: profile_pb2.BatchGetAudioFeaturesRequest, _context: Any
    ) -> profile_pb2.BatchGetAudioFeaturesResponse:
        """Returns raw audio features in the order asked."""
        catalogue = self._source.value
        check_ids(request.track_ids)
        results = []
        for track_id in request.track_ids:
            raw = catalogue.track(track_id)
            features = None if raw is None else features_of(raw)
            results.append(profile_pb2.AudioFeaturesResult(track_id=track_id, features=features))
        return profile_pb2.BatchGetAudioFeaturesResponse(results=results)


def query_of(request: profile_pb2.BuildProfileRequest) -> ProfileQuery:
    """Reads a request.

    Raises:
        InvalidInput: An attribute is not one of the fourteen or is named twice.
    """
    weights = [(item.attribute, item.weight) for item in request.weights]
    targets = [(item.attribute, item.value) for item in request.targets]
    return ProfileQuery(
        tuple(_seed(seed) for seed in request.seeds),
        tuple(_seed(seed) for seed in request.negative_seeds),
        _by_attribute("weights", Reason.WEIGHT_RANGE, weights),
        _by_attribute("targets", Reason.TARGET_RANGE, targets),
    )


def message_of(profile: AudioProfile, catalogue_version: str) -> profile_pb2.Profile:
    """Writes a profile."""
    statistics = [
        profile_pb2.AttributeStatistic(
            attribute=profile_pb2.Attribute.ValueType(_FIRST + index),
            mean=profile.raw_mean[index],
            spread=profile.raw_spread[index],
        )
        for index in range(len(ATTRIBUTES))
    ]
    return profile_pb2.Profile(
        statistics=statistics,
        mean=profile.mean.tolist(),
        spread=profile.spread.tolist(),
        weights=profile.weights.tolist(),
        standardiser_version=profile.standardiser_version,
        catalogue_version=catalogue_version,
    )


def features_of(raw: Raw) -> profile_pb2.AudioFeatures:
    """Writes raw attributes (14,) as audio features; popularity is not one of them."""
    values: dict[str, Any] = {
        name: int(raw[COLUMN[name]]) if name in _WHOLE else float(raw[COLUMN[name]])
        for name in _FEATURES
    }
    return profile_pb2.AudioFeatures(**values)


def _seed(seed: profile_pb2.Seed) -> Seed:
    chosen = seed.WhichOneof("kind")
    name = str(getattr(seed, chosen)) if chosen else ""
    kind = _KINDS[chosen] if chosen else SeedKind.TRACK
    return Seed(kind, name, seed.weight if seed.HasField("weight") else 1.0)


def _by_attribute(
    field: str, reason: Reason, items: Iterable[tuple[int, float]]
) -> dict[str, float]:
    values: dict[str, float] = {}
    for index, (number, value) in enumerate(items):
        if not _FIRST <= number < _FIRST + len(ATTRIBUTES):
            raise InvalidInput(
                reason,
                f"{field}[{index}].attribute must be one of the fourteen; got {number}",
                field=f"{field}[{index}].attribute",
            )
        name = ATTRIBUTES[number - _FIRST]
        if name in values:
            raise InvalidInput(reason, f"{field} names {name} twice", field=f"{field}.{name}")
        values[name] = value
    return values
