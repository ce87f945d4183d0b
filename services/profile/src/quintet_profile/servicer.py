"""protobuf to domain and back; no decisions."""

from collections.abc import Iterable
from typing import Any, Final

from quintet.profile.v1 import profile_pb2, profile_pb2_grpc
from quintet_modelkit.features import ATTRIBUTES, COLUMN, Raw
from quintet_modelkit.seeds import Seed, SeedKind
from quintet_servicekit.errors import InvalidInput, Reason

from quintet_profile.domain import (
    BuiltProfile,
    ProfileQuery,
    Run,
    Source,
    build_profile,
    check_ids,
)

# The enum numbers the attributes from 1 in the order of `ATTRIBUTES`; a test compares the names.
_FIRST: Final = 1
_KINDS: Final = {
    "track_id": SeedKind.TRACK,
    "artist_id": SeedKind.ARTIST,
    "genre": SeedKind.GENRE,
}


class ProfileServicer(profile_pb2_grpc.ProfileServiceServicer):
    """Answers BuildProfile and BatchGetAudioFeatures."""

    def __init__(self, source: Source, run: Run) -> None:
        self._source = source
        self._run = run

    async def BuildProfile(
        self, request: profile_pb2.BuildProfileRequest, _context: Any
    ) -> profile_pb2.BuildProfileResponse:
        """Averages seeds."""
        return response_of(await build_profile(self._source, self._run, query_of(request)))

    async def BatchGetAudioFeatures(
        self, request: profile_pb2.BatchGetAudioFeaturesRequest, _context: Any
    ) -> profile_pb2.BatchGetAudioFeaturesResponse:
        """Looks raw audio features up, in the order asked."""
        check_ids(request.track_ids)
        catalogue = self._source.value
        results = [
            _result(name, catalogue.features_of(Seed(SeedKind.TRACK, name)))
            for name in request.track_ids
        ]
        return profile_pb2.BatchGetAudioFeaturesResponse(results=results)


def query_of(request: profile_pb2.BuildProfileRequest) -> ProfileQuery:
    """Reads a request.

    Raises:
        InvalidInput: An attribute is not known or named twice.
    """
    return ProfileQuery(
        seeds=[_seed(seed) for seed in request.seeds],
        negative_seeds=[_seed(seed) for seed in request.negative_seeds],
        weights=_by_attribute(
            "weights", Reason.WEIGHT_RANGE, ((w.attribute, w.weight) for w in request.weights)
        ),
        targets=_by_attribute(
            "targets", Reason.TARGET_RANGE, ((t.attribute, t.value) for t in request.targets)
        ),
    )


def response_of(built: BuiltProfile) -> profile_pb2.BuildProfileResponse:
    """Writes a profile."""
    profile = built.profile
    statistics = [
        profile_pb2.AttributeStatistic(
            attribute=profile_pb2.Attribute.ValueType(column + _FIRST),
            mean=profile.raw_mean[column],
            spread=profile.raw_spread[column],
        )
        for column in range(len(ATTRIBUTES))
    ]
    return profile_pb2.BuildProfileResponse(
        profile=profile_pb2.Profile(
            statistics=statistics,
            mean=profile.mean.tolist(),
            spread=profile.spread.tolist(),
            weights=profile.weights.tolist(),
            standardiser_version=profile.standardiser_version,
            catalogue_version=built.catalogue_version,
        )
    )


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


def _result(name: str, rows: Raw | None) -> profile_pb2.AudioFeaturesResult:
    if rows is None:
        return profile_pb2.AudioFeaturesResult(track_id=name)
    row = rows[0]

    def real(attribute: str) -> float:
        return float(row[COLUMN[attribute]])

    def whole(attribute: str) -> int:
        return round(float(row[COLUMN[attribute]]))

    features = profile_pb2.AudioFeatures(
        acousticness=real("acousticness"),
        danceability=real("danceability"),
        duration_ms=real("duration_ms"),
        energy=real("energy"),
        instrumentalness=real("instrumentalness"),
        key=whole("key"),
        liveness=real("liveness"),
        loudness=real("loudness"),
        mode=whole("mode"),
        speechiness=real("speechiness"),
        tempo=real("tempo"),
        time_signature=whole("time_signature"),
        valence=real("valence"),
    )
    return profile_pb2.AudioFeaturesResult(track_id=name, features=features)
