"""Seeds on the gateway's side: read from bodies and query parameters, written to protobuf and JSON.

A client names seeds in three ways: the body of `/api/v1/recommendations` (ids, or objects with a
weight), the parameters of `/v1/recommendations` (`seed_artists`, `seed_genres`, `seed_tracks`) and
the body of `/recommend_ranked` (track ids). All become `quintet.profile.v1.Seed`.
"""

import math
from collections.abc import Iterable, Mapping
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
from quintet_contract.limits import MAX_SEEDS, MAX_WEIGHT
from quintet_contract.seeds import Seed, SeedKind
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.messages import seed_message, seed_of
from quintet_text.track_ids import id_of, track_id_of

from quintet_gateway.validation import NAME_SCHEMA, STRICT, named, rule_error

FIELDS: Final[Mapping[SeedKind, str]] = {
    SeedKind.TRACK: "track_id",
    SeedKind.ARTIST: "artist_id",
    SeedKind.GENRE: "genre",
}
"""The field that names a seed of each kind, in bodies, answers and stored impressions."""


Name = Annotated[str, AfterValidator(named("SEED_COUNT")), Field(json_schema_extra=NAME_SCHEMA)]
"""A track id, an artist id or a genre."""
TrackName = Annotated[Name, AfterValidator(track_id_of)]
"""A track id; its URI or web address counts as the id."""
ArtistName = Annotated[Name, AfterValidator(lambda value: id_of("artist", value))]
"""An artist id; its URI or web address counts as the id."""


def _check_weight(value: float) -> float:
    if not (math.isfinite(value) and 0 < value <= MAX_WEIGHT):
        raise rule_error("WEIGHT_RANGE", f"must be above 0 and up to {MAX_WEIGHT:g}; got {value:g}")
    return value


class SeedBody(BaseModel):
    """What to start from: exactly one of track_id, artist_id and genre."""

    model_config = STRICT
    track_id: TrackName | None = None
    artist_id: ArtistName | None = None
    genre: Name | None = None
    weight: Annotated[float, AfterValidator(_check_weight)] = 1.0

    @model_validator(mode="after")
    def _names_one_thing(self) -> "SeedBody":
        if (self.track_id, self.artist_id, self.genre).count(None) != 2:
            raise rule_error("SEED_COUNT", "must have exactly one of track_id, artist_id and genre")
        return self

    def message(self) -> profile_pb2.Seed:
        """Write the seed for profile service and ranker."""
        kind = next(kind for kind, field in FIELDS.items() if getattr(self, field) is not None)
        return seed_message(Seed(kind, getattr(self, FIELDS[kind]), self.weight))


SeedOrId = Annotated[
    SeedBody,
    BeforeValidator(lambda value: {"track_id": value} if isinstance(value, str) else value),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "string",
                    **NAME_SCHEMA,
                    "description": "A track id, an ISRC, a MusicBrainz or Spotify id, or "
                    "source:NAME:ITEM",
                },
                {
                    "type": "object",
                    "description": "Exactly one of track_id, artist_id and genre",
                    "properties": {
                        "track_id": {"type": "string", **NAME_SCHEMA},
                        "artist_id": {"type": "string", **NAME_SCHEMA},
                        "genre": {"type": "string", **NAME_SCHEMA},
                        "weight": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_WEIGHT},
                    },
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A seed in a body: an object, or a track id alone."""


def seeds_of_parameters(
    artists: Iterable[str], genres: Iterable[str], tracks: Iterable[str]
) -> list[profile_pb2.Seed]:
    """Read the seeds of `/v1/recommendations`, which has one parameter for each kind.

    Raises:
        InvalidInput: There are none or more than `MAX_SEEDS` of all kinds together.
    """
    seeds = [
        *(profile_pb2.Seed(artist_id=id_of("artist", name)) for name in artists),
        *(profile_pb2.Seed(genre=name) for name in genres),
        *track_seeds(tracks),
    ]
    if not 1 <= len(seeds) <= MAX_SEEDS:
        raise InvalidInput(
            Reason.SEED_COUNT,
            "invalid request: seed_artists, seed_genres and seed_tracks take 1 to "
            f"{MAX_SEEDS} seeds in all; got {len(seeds)}",
            field="seeds",
        )
    return seeds


def track_seeds(track_ids: Iterable[str]) -> list[profile_pb2.Seed]:
    """Write track ids as seeds of equal weight."""
    return [profile_pb2.Seed(track_id=track_id_of(name)) for name in track_ids]


def stored_seeds(request: ranker_pb2.RecommendTracksRequest) -> list[dict[str, Any]]:
    """Write the seeds of a request as JSON, as impressions store and experiments hash them."""
    return [_stored(seed) for seed in request.seeds] + [
        _stored(seed) | {"negative": True} for seed in request.negative_seeds
    ]


def _stored(message: profile_pb2.Seed) -> dict[str, Any]:
    seed = seed_of(message)
    return {FIELDS[seed.kind]: seed.name, "weight": seed.weight}
