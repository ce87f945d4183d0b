"""The body of a request for recommendations: strict about names, types and ranges."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    WithJsonSchema,
    model_validator,
)
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_contract.attributes import ATTRIBUTES, AUDIO_FEATURES, RANGES
from quintet_contract.limits import (
    DEFAULT_LIMIT,
    DEFAULT_MAX_PER_ARTIST,
    MAX_EXCLUDED_ARTISTS,
    MAX_EXCLUDED_TRACKS,
    MAX_FILTER_GENRES,
    MAX_LIMIT,
    MAX_NAME,
    MAX_SEEDS,
    MAX_WEIGHT,
)
from quintet_contract.patterns import LISTENER_PATTERN, LISTENER_RULE, fits
from quintet_servicekit.messages import NUMBER_OF

from quintet_gateway.schemas.bodies import STRICT, Body, Integer, refuse


def within(reason: str, low: float, high: float) -> Callable[[float], float]:
    """Returns a validator of a closed range that refuses by a reason and names both ends."""

    def check(value: float) -> float:
        # Compared as it is: a whole number of 400 digits has no float.
        if not low <= value <= high:
            raise refuse(reason, f"must be {low:g} to {high:g}; got {_told(value)}")
        return value

    return check


def _told(value: float) -> str:
    try:
        return f"{value:g}"
    except OverflowError:
        return "a number beyond all bounds"


def bounds(low: float, high: float) -> Any:
    """Returns what tells the OpenAPI page of a range that `within` checks."""
    return Field(json_schema_extra={"minimum": low, "maximum": high})


def _counted(reason: str, low: int, high: int) -> Callable[[list[Any]], list[Any]]:
    def check(value: list[Any]) -> list[Any]:
        if not low <= len(value) <= high:
            raise refuse(reason, f"must be {low} to {high}; got {len(value)}")
        return value

    return check


def _attribute_values(
    reason: str, ranges: Mapping[str, tuple[float, float]]
) -> Callable[[dict[str, float]], dict[str, float]]:
    def check(values: dict[str, float]) -> dict[str, float]:
        for name, value in values.items():
            if name not in ranges:
                raise refuse(reason, f"must be one of {', '.join(ranges)}", name)
            low, high = ranges[name]
            if not (math.isfinite(value) and low <= value <= high):
                raise refuse(reason, f"must be {low:g} to {high:g}; got {value:g}", name)
        return values

    return check


def _name(value: str) -> str:
    if not 1 <= len(value) <= MAX_NAME:
        raise refuse("SEED_COUNT", f"must be 1 to {MAX_NAME} characters; got {len(value)}")
    return value


Name = Annotated[
    str,
    AfterValidator(_name),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_NAME}),
]
_WEIGHED: Final = dict.fromkeys(AUDIO_FEATURES, (0.0, MAX_WEIGHT))


def _seed_weight(value: float) -> float:
    if not (math.isfinite(value) and 0 < value <= MAX_WEIGHT):
        raise refuse("WEIGHT_RANGE", f"must be above 0 and up to {MAX_WEIGHT:g}; got {value:g}")
    return value


class Seed(BaseModel):
    """What to start from: exactly one of track_id, artist_id and genre."""

    model_config = STRICT
    track_id: Name | None = None
    artist_id: Name | None = None
    genre: Name | None = None
    weight: Annotated[float, AfterValidator(_seed_weight)] = 1.0

    @model_validator(mode="after")
    def _names_one_thing(self) -> "Seed":
        if sum(each is not None for each in (self.track_id, self.artist_id, self.genre)) != 1:
            raise refuse("SEED_COUNT", "must have exactly one of track_id, artist_id and genre")
        return self

    def message(self) -> profile_pb2.Seed:
        """Returns the seed as the services take it."""
        seed = profile_pb2.Seed(weight=self.weight)
        if self.track_id is not None:
            seed.track_id = self.track_id
        elif self.artist_id is not None:
            seed.artist_id = self.artist_id
        else:
            seed.genre = self.genre or ""
        return seed


SeedOrId = Annotated[
    Seed,
    BeforeValidator(lambda value: {"track_id": value} if isinstance(value, str) else value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "description": "A track id"},
                {
                    "type": "object",
                    "description": "Exactly one of track_id, artist_id and genre",
                    "properties": {
                        "track_id": {"type": "string"},
                        "artist_id": {"type": "string"},
                        "genre": {"type": "string"},
                        "weight": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_WEIGHT},
                    },
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


def _bound(name: str) -> Callable[[float], float]:
    return within("FILTER_RANGE", *RANGES[name])


Unit = Annotated[float, AfterValidator(_bound("energy")), bounds(*RANGES["energy"])]
Milliseconds = Annotated[
    float, AfterValidator(_bound("duration_ms")), bounds(*RANGES["duration_ms"])
]
Key = Annotated[float, AfterValidator(_bound("key")), bounds(*RANGES["key"])]
Decibels = Annotated[float, AfterValidator(_bound("loudness")), bounds(*RANGES["loudness"])]
Percent = Annotated[float, AfterValidator(_bound("popularity")), bounds(*RANGES["popularity"])]
Beats = Annotated[float, AfterValidator(_bound("tempo")), bounds(*RANGES["tempo"])]
Bars = Annotated[float, AfterValidator(_bound("time_signature")), bounds(*RANGES["time_signature"])]


class Filters(BaseModel):
    """Hard conditions on every returned track: min_ and max_ of each attribute, and more."""

    model_config = STRICT
    min_acousticness: Unit | None = None
    max_acousticness: Unit | None = None
    min_danceability: Unit | None = None
    max_danceability: Unit | None = None
    min_duration_ms: Milliseconds | None = None
    max_duration_ms: Milliseconds | None = None
    min_energy: Unit | None = None
    max_energy: Unit | None = None
    min_instrumentalness: Unit | None = None
    max_instrumentalness: Unit | None = None
    min_key: Key | None = None
    max_key: Key | None = None
    min_liveness: Unit | None = None
    max_liveness: Unit | None = None
    min_loudness: Decibels | None = None
    max_loudness: Decibels | None = None
    min_mode: Unit | None = None
    max_mode: Unit | None = None
    min_popularity: Percent | None = None
    max_popularity: Percent | None = None
    min_speechiness: Unit | None = None
    max_speechiness: Unit | None = None
    min_tempo: Beats | None = None
    max_tempo: Beats | None = None
    min_time_signature: Bars | None = None
    max_time_signature: Bars | None = None
    min_valence: Unit | None = None
    max_valence: Unit | None = None
    genres: Annotated[
        list[str], AfterValidator(_counted("FILTER_RANGE", 0, MAX_FILTER_GENRES))
    ] = []
    explicit: bool | None = None
    excluded_track_ids: Annotated[
        list[str], AfterValidator(_counted("FILTER_RANGE", 0, MAX_EXCLUDED_TRACKS))
    ] = []
    excluded_artist_ids: Annotated[
        list[str], AfterValidator(_counted("FILTER_RANGE", 0, MAX_EXCLUDED_ARTISTS))
    ] = []

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> "Filters":
        for name in ATTRIBUTES:
            low, high = self.range_of(name)
            if low is not None and high is not None and low > high:
                raise refuse(
                    "FILTER_RANGE",
                    f"must not be above max_{name}; got {low:g} and {high:g}",
                    f"min_{name}",
                )
        return self

    def range_of(self, name: str) -> tuple[float | None, float | None]:
        """Returns the bounds asked for an attribute."""
        return getattr(self, f"min_{name}"), getattr(self, f"max_{name}")

    def message(self) -> ranker_pb2.Filters:
        """Returns the filters as the ranker takes them."""
        filters = ranker_pb2.Filters(
            genres=self.genres,
            explicit=self.explicit,
            excluded_track_ids=self.excluded_track_ids,
            excluded_artist_ids=self.excluded_artist_ids,
        )
        for name, number in NUMBER_OF.items():
            low, high = self.range_of(name)
            if low is not None or high is not None:
                filters.ranges.add(attribute=number, min=low, max=high)
        return filters


Weights = Annotated[dict[str, float], AfterValidator(_attribute_values("WEIGHT_RANGE", _WEIGHED))]
Targets = Annotated[dict[str, float], AfterValidator(_attribute_values("TARGET_RANGE", RANGES))]
Limit = Annotated[
    Integer, AfterValidator(within("LIMIT_RANGE", 1, MAX_LIMIT)), bounds(1, MAX_LIMIT)
]


def _listener(name: str) -> str:
    if not fits(LISTENER_PATTERN, name):
        raise refuse("LISTENER_INVALID", f"must be {LISTENER_RULE}")
    return name


class RecommendationsBody(Body):
    """One to five seeds, and how to go on from them."""

    seeds: Annotated[list[SeedOrId], AfterValidator(_counted("SEED_COUNT", 1, MAX_SEEDS))]
    negative_seeds: Annotated[
        list[SeedOrId], AfterValidator(_counted("SEED_COUNT", 0, MAX_SEEDS))
    ] = Field(default=[])
    weights: Weights = Field(default={})
    targets: Targets = Field(default={})
    filters: Filters = Field(default_factory=Filters)
    limit: Limit = DEFAULT_LIMIT
    max_per_artist: Annotated[
        Integer, AfterValidator(within("ARTIST_CAP_RANGE", 0, MAX_LIMIT)), bounds(0, MAX_LIMIT)
    ] = DEFAULT_MAX_PER_ARTIST
    diversity: Annotated[float, AfterValidator(within("DIVERSITY_RANGE", 0, 1)), bounds(0, 1)] = 0.0
    flow: bool = False
    reasons: bool = True
    listener: Annotated[
        str | None,
        AfterValidator(lambda name: None if name is None else _listener(name)),
        Field(
            description="Who asks, by an id that tells nothing; kept as a keyed hash.",
            json_schema_extra={"pattern": LISTENER_PATTERN},
        ),
    ] = None

    def profile_request(self) -> profile_pb2.BuildProfileRequest:
        """Returns what the profile service is asked."""
        return profile_pb2.BuildProfileRequest(
            seeds=[seed.message() for seed in self.seeds],
            negative_seeds=[seed.message() for seed in self.negative_seeds],
            weights=self._weights(),
            targets=self._targets(),
        )

    def ranker_request(
        self, profile: profile_pb2.Profile | None
    ) -> ranker_pb2.RecommendTracksRequest:
        """Returns what the ranker is asked."""
        return ranker_pb2.RecommendTracksRequest(
            seeds=[seed.message() for seed in self.seeds],
            negative_seeds=[seed.message() for seed in self.negative_seeds],
            profile=profile,
            weights=self._weights(),
            targets=self._targets(),
            filters=self.filters.message(),
            limit=self.limit,
            max_per_artist=self.max_per_artist,
            diversity=self.diversity,
            flow=self.flow,
            omit_reasons=not self.reasons,
            include_features=True,
            reason_columns=self.reasons,
        )

    def _weights(self) -> list[profile_pb2.AttributeWeight]:
        return [
            profile_pb2.AttributeWeight(attribute=NUMBER_OF[name], weight=weight)
            for name, weight in self.weights.items()
        ]

    def _targets(self) -> list[profile_pb2.AttributeTarget]:
        return [
            profile_pb2.AttributeTarget(attribute=NUMBER_OF[name], value=value)
            for name, value in self.targets.items()
        ]


BODY_EXAMPLES: Final[dict[str, Any]] = {
    "five songs": {
        "summary": "Five songs in, fifty out",
        "value": {
            "seeds": [
                "6rqhFgbbKwnb9MLmUQDhG6",
                "7J1uxwnxfQLu4APicE5Rnj",
                "5ghIJDpPoe3CfHMGu71E6T",
                "08mG3Y1vljYA6bvDt4Wqkj",
                "40riOy7x9W7GXjyGp4pjAv",
            ]
        },
    },
    "all options": {
        "summary": "Every option",
        "value": {
            "seeds": ["6rqhFgbbKwnb9MLmUQDhG6", {"genre": "rock", "weight": 2}],
            "negative_seeds": [],
            "weights": {"energy": 2.0},
            "targets": {"valence": 0.8},
            "filters": {"min_energy": 0.2, "max_tempo": 140, "genres": ["rock"], "explicit": False},
            "limit": 50,
            "max_per_artist": 3,
            "diversity": 0.2,
            "flow": True,
            "reasons": True,
        },
    },
}


class RankedTracksBody(Body):
    """The body of the original system: track ids and how many."""

    track_ids: Annotated[
        list[Name],
        AfterValidator(_counted("SEED_COUNT", 1, MAX_SEEDS)),
        Field(json_schema_extra={"minItems": 1, "maxItems": MAX_SEEDS}),
    ]
    limit: Limit = DEFAULT_LIMIT
