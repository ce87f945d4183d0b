"""Convert gRPC requests of the profile service to domain objects, and answers back."""

import math
from typing import Any, Protocol

from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet_contract.attributes import AUDIO_FEATURES, WHOLE
from quintet_modelkit.features import COLUMN, AudioProfile, Raw
from quintet_servicekit.errors import NotFound, Reason
from quintet_servicekit.messages import NUMBER_OF, by_attribute, seed_of
from quintet_servicekit.metrics import SEEDS
from quintet_servicekit.tracing import stage

from quintet_profile.domain import FeatureCatalogue, ProfileQuery, build_profile, check_ids


class CatalogueSource(Protocol):
    """The catalogue served now."""

    @property
    def value(self) -> FeatureCatalogue:
        """The catalogue; raises `NotReady` before the first is loaded."""
        ...


class ProfileServicer(profile_pb2_grpc.ProfileServiceServicer):
    """The methods of ProfileService; each takes less than a millisecond, so none needs a thread."""

    def __init__(self, source: CatalogueSource) -> None:
        self._source = source

    async def BuildProfile(
        self, request: profile_pb2.BuildProfileRequest, _context: Any
    ) -> profile_pb2.BuildProfileResponse:
        """Build the profile of the seeds."""
        catalogue = self._source.value
        query = query_of(request)
        try:
            with stage("average"):
                profile = build_profile(catalogue, query)
        except NotFound as fault:
            # The ranker counts known seeds; after this error it is not called.
            SEEDS.labels("unknown").inc(len(fault.metadata["seeds"].split(",")))
            raise
        return profile_pb2.BuildProfileResponse(profile=message_of(profile, catalogue.version))

    async def BatchGetAudioFeatures(
        self, request: profile_pb2.BatchGetAudioFeaturesRequest, _context: Any
    ) -> profile_pb2.BatchGetAudioFeaturesResponse:
        """Look up raw audio features, in the order of the ids."""
        catalogue = self._source.value
        check_ids(request.track_ids)
        results = []
        for track_id in request.track_ids:
            raw = catalogue.track(track_id)
            features = None if raw is None else features_of(raw)
            results.append(profile_pb2.AudioFeaturesResult(track_id=track_id, features=features))
        return profile_pb2.BatchGetAudioFeaturesResponse(results=results)


def query_of(request: profile_pb2.BuildProfileRequest) -> ProfileQuery:
    """Read a request as a query.

    Raises:
        InvalidInput: An attribute is unknown or occurs twice.
    """
    weights = [(item.attribute, item.weight) for item in request.weights]
    targets = [(item.attribute, item.value) for item in request.targets]
    return ProfileQuery(
        tuple(seed_of(seed) for seed in request.seeds),
        tuple(seed_of(seed) for seed in request.negative_seeds),
        by_attribute("weights", Reason.WEIGHT_RANGE, weights),
        by_attribute("targets", Reason.TARGET_RANGE, targets),
    )


def message_of(profile: AudioProfile, catalogue_version: str) -> profile_pb2.Profile:
    """Write a profile as a message."""
    statistics = [
        profile_pb2.AttributeStatistic(
            attribute=number,
            mean=_known(profile.raw_mean[COLUMN[name]]),
            spread=_known(profile.raw_spread[COLUMN[name]]),
            known=profile.known[COLUMN[name]],
        )
        for name, number in NUMBER_OF.items()
    ]
    return profile_pb2.Profile(
        statistics=statistics,
        mean=profile.mean.tolist(),
        spread=profile.spread.tolist(),
        weights=profile.weights.tolist(),
        standardiser_version=profile.standardiser_version,
        catalogue_version=catalogue_version,
    )


def _known(value: float) -> float | None:
    """Leave a field out whose value is unknown."""
    return None if math.isnan(value) else float(value)


def features_of(raw: Raw) -> profile_pb2.AudioFeatures:
    """Write the known raw attributes (14,) as audio features; popularity is not one of them."""
    known = ((name, float(raw[COLUMN[name]])) for name in AUDIO_FEATURES)
    values: dict[str, Any] = {
        name: int(value) if name in WHOLE else value
        for name, value in known
        if not math.isnan(value)
    }
    return profile_pb2.AudioFeatures(**values)
