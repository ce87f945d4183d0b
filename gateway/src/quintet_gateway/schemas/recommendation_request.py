"""The body of a request for recommendations: strict about names, types and ranges."""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_contract.attributes import ATTRIBUTES, AUDIO_FEATURES, RANGES
from quintet_contract.limits import (
    DEFAULT_DISCOVERY,
    DEFAULT_HEARD_DAYS,
    DEFAULT_LIMIT,
    DEFAULT_MAX_PER_ARTIST,
    MAX_EXCLUDED_ARTISTS,
    MAX_EXCLUDED_TRACKS,
    MAX_FILTER_ARTISTS,
    MAX_FILTER_GENRES,
    MAX_FILTER_SOURCES,
    MAX_HEARD_DAYS,
    MAX_LIMIT,
    MAX_SEEDS,
    MAX_WEIGHT,
    MAX_YEAR,
    MIN_YEAR,
)
from quintet_contract.options import Heard, SongVersion
from quintet_contract.patterns import LISTENER_PATTERN, LISTENER_RULE, fits
from quintet_servicekit.messages import NUMBER_OF, VERSION_NUMBERS
from quintet_text.track_ids import id_of, track_id_of

from quintet_gateway.memory import DISCOVERY_MEANING, HEARD_DAYS_MEANING, HEARD_MEANING, HeardRule
from quintet_gateway.seeds import SeedBody, SeedOrId, TrackName
from quintet_gateway.song_options import SEASONAL, SEASONAL_MEANING, VARIANTS, VARIANTS_MEANING
from quintet_gateway.validation import (
    STRICT,
    Integer,
    StrictBody,
    attribute_values,
    bounds,
    counted,
    rule_error,
    within,
)

_WEIGHT_RANGES: Final = dict.fromkeys(AUDIO_FEATURES, (0.0, MAX_WEIGHT))


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


Year = Annotated[
    Integer, AfterValidator(within("FILTER_RANGE", MIN_YEAR, MAX_YEAR)), bounds(MIN_YEAR, MAX_YEAR)
]
VersionName = Literal[
    "live",
    "remix",
    "acoustic",
    "instrumental",
    "demo",
    "cover",
    "karaoke",
    "speed",
    "extended",
    "rerecorded",
]


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
    genres: Annotated[list[str], AfterValidator(counted("FILTER_RANGE", 0, MAX_FILTER_GENRES))] = []
    explicit: bool | None = None
    excluded_track_ids: Annotated[
        list[str], AfterValidator(counted("FILTER_RANGE", 0, MAX_EXCLUDED_TRACKS))
    ] = []
    excluded_artist_ids: Annotated[
        list[str], AfterValidator(counted("FILTER_RANGE", 0, MAX_EXCLUDED_ARTISTS))
    ] = []
    sources: Annotated[
        list[str],
        AfterValidator(counted("FILTER_RANGE", 0, MAX_FILTER_SOURCES)),
        Field(description="Only tracks that one of these sources of own music has, by name"),
    ] = []
    min_year: Year | None = None
    max_year: Year | None = None
    excluded_genres: Annotated[
        list[str], AfterValidator(counted("FILTER_RANGE", 0, MAX_FILTER_GENRES))
    ] = []
    artist_ids: Annotated[
        list[str], AfterValidator(counted("FILTER_RANGE", 0, MAX_FILTER_ARTISTS))
    ] = []
    excluded_versions: Annotated[
        list[VersionName], AfterValidator(counted("FILTER_RANGE", 0, len(VERSION_NUMBERS)))
    ] = []

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> "Filters":
        # Most requests have no filters, and every request is checked.
        for name in (*ATTRIBUTES, "year") if self.model_fields_set else ():
            low, high = self.range_of(name)
            if low is not None and high is not None and low > high:
                raise rule_error(
                    "FILTER_RANGE",
                    f"must not be above max_{name}; got {low:g} and {high:g}",
                    f"min_{name}",
                )
        return self

    def range_of(self, name: str) -> tuple[float | None, float | None]:
        """Read the bounds of an attribute or of the year; None on an open side."""
        return getattr(self, f"min_{name}"), getattr(self, f"max_{name}")

    def message(self) -> ranker_pb2.Filters:
        """Write the filters for the ranker."""
        if not self.model_fields_set:
            return ranker_pb2.Filters()
        filters = ranker_pb2.Filters(
            genres=self.genres,
            explicit=self.explicit,
            excluded_track_ids=map(track_id_of, self.excluded_track_ids),
            excluded_artist_ids=(id_of("artist", name) for name in self.excluded_artist_ids),
            sources=self.sources,
            min_year=self.min_year,
            max_year=self.max_year,
            excluded_genres=self.excluded_genres,
            artist_ids=(id_of("artist", name) for name in self.artist_ids),
            excluded_versions=(
                VERSION_NUMBERS[SongVersion(each)] for each in self.excluded_versions
            ),
        )
        # A range is sent if one end is set; the other stays open.
        for name, number in NUMBER_OF.items():
            low, high = self.range_of(name)
            if low is not None or high is not None:
                filters.ranges.add(attribute=number, min=low, max=high)
        return filters


Weights = Annotated[
    dict[str, float], AfterValidator(attribute_values("WEIGHT_RANGE", _WEIGHT_RANGES))
]
Targets = Annotated[dict[str, float], AfterValidator(attribute_values("TARGET_RANGE", RANGES))]
Limit = Annotated[
    Integer, AfterValidator(within("LIMIT_RANGE", 1, MAX_LIMIT)), bounds(1, MAX_LIMIT)
]


def _listener(name: str | None) -> str | None:
    if name is not None and not fits(LISTENER_PATTERN, name):
        raise rule_error("LISTENER_INVALID", f"must be {LISTENER_RULE}")
    return name


ListenerName = Annotated[
    str | None,
    AfterValidator(_listener),
    Field(
        description="The listener's id at the caller, such as a pseudonym; stored only as a "
        "keyed hash. It takes precedence over the header Quintet-Listener.",
        json_schema_extra={"pattern": LISTENER_PATTERN},
    ),
]
HeardDays = Annotated[
    Integer,
    AfterValidator(within("FILTER_RANGE", 1, MAX_HEARD_DAYS)),
    bounds(1, MAX_HEARD_DAYS),
    Field(description=HEARD_DAYS_MEANING),
]
Language = Annotated[
    Literal["en", "ko"], Field(description="The language of the reasons' sentences.")
]


class RecommendationsBody(StrictBody):
    """One to five seeds, with options for the list."""

    seeds: Annotated[list[SeedOrId], AfterValidator(counted("SEED_COUNT", 1, MAX_SEEDS))]
    negative_seeds: Annotated[
        list[SeedOrId], AfterValidator(counted("SEED_COUNT", 0, MAX_SEEDS))
    ] = Field(default=[])
    weights: Weights = Field(default={})
    targets: Targets = Field(default={})
    filters: Filters = Field(default_factory=Filters)
    limit: Limit = DEFAULT_LIMIT
    max_per_artist: Annotated[
        Integer, AfterValidator(within("ARTIST_CAP_RANGE", 0, MAX_LIMIT)), bounds(0, MAX_LIMIT)
    ] = DEFAULT_MAX_PER_ARTIST
    diversity: Annotated[float, AfterValidator(within("DIVERSITY_RANGE", 0, 1)), bounds(0, 1)] = 0.0
    discovery: Annotated[
        float,
        AfterValidator(within("DISCOVERY_RANGE", 0, 1)),
        bounds(0, 1),
        Field(description=DISCOVERY_MEANING),
    ] = DEFAULT_DISCOVERY
    flow: bool = False
    variants: Literal["exclude", "allow"] = Field(default="exclude", description=VARIANTS_MEANING)
    seasonal: Literal["exclude", "allow"] = Field(default="exclude", description=SEASONAL_MEANING)
    heard: Literal["exclude", "less", "allow"] = Field(default="exclude", description=HEARD_MEANING)
    heard_days: HeardDays = DEFAULT_HEARD_DAYS
    reasons: bool = True
    language: Language = "en"
    listener: ListenerName = None

    def heard_rule(self) -> HeardRule:
        """Read what happens to tracks that the listener heard."""
        return HeardRule(Heard(self.heard), self.heard_days)

    def ranker_request(self) -> ranker_pb2.RecommendTracksRequest:
        """Write the request for the ranker, without a profile."""
        return ranker_pb2.RecommendTracksRequest(
            seeds=[seed.message() for seed in self.seeds],
            negative_seeds=[seed.message() for seed in self.negative_seeds],
            weights=[
                profile_pb2.AttributeWeight(attribute=NUMBER_OF[name], weight=weight)
                for name, weight in self.weights.items()
            ],
            targets=[
                profile_pb2.AttributeTarget(attribute=NUMBER_OF[name], value=value)
                for name, value in self.targets.items()
            ],
            filters=self.filters.message(),
            limit=self.limit,
            max_per_artist=self.max_per_artist,
            diversity=self.diversity,
            discovery=self.discovery,
            flow=self.flow,
            variants=VARIANTS[self.variants],
            seasonal=SEASONAL[self.seasonal],
            omit_reasons=not self.reasons,
            # Feature values are stored with the impressions, for training.
            include_features=True,
            language=self.language,
        )


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
            "filters": {
                "min_energy": 0.2,
                "max_tempo": 140,
                "genres": ["rock"],
                "explicit": False,
                "min_year": 1990,
                "max_year": 1999,
                "excluded_genres": ["metal"],
                "excluded_versions": ["live", "remix"],
            },
            "limit": 50,
            "max_per_artist": 3,
            "diversity": 0.2,
            "discovery": 0.5,
            "flow": True,
            "variants": "exclude",
            "seasonal": "allow",
            "heard": "less",
            "heard_days": 30,
            "reasons": True,
            "language": "ko",
        },
    },
}


class RankedTracksBody(StrictBody):
    """The body of the original system: track ids and how many."""

    track_ids: Annotated[
        list[TrackName],
        AfterValidator(counted("SEED_COUNT", 1, MAX_SEEDS)),
        Field(json_schema_extra={"minItems": 1, "maxItems": MAX_SEEDS}),
    ]
    limit: Limit = DEFAULT_LIMIT

    def ranker_request(self) -> ranker_pb2.RecommendTracksRequest:
        """Write the request for the ranker; without reasons, which are not answered."""
        seeds = [SeedBody(track_id=name) for name in self.track_ids]
        return RecommendationsBody(seeds=seeds, limit=self.limit, reasons=False).ranker_request()
