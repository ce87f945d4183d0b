"""The answers with a recommended list, under `/api/v1` and in the original system's shape."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from pydantic import Field
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import radio_pb2, ranker_pb2
from quintet_contract.seeds import SeedKind
from quintet_explain import DEFAULT_LANGUAGE, novelty_sentence
from quintet_servicekit.degradation import Part
from quintet_servicekit.messages import NAME_OF, seed_of

from quintet_gateway.domain import ShownTracks
from quintet_gateway.schemas.catalogue import (
    ResponseModel,
    Track,
    Versions,
    bare_track,
    track_of,
    versions_json,
)
from quintet_gateway.schemas.reasons import Reasons
from quintet_gateway.seeds import FIELDS

_RANKED: Final = (
    b'{"rank":%d,"score":%b,"similarity":%b,"channels":%b,"known":%b,"track":%b,"reasons":%b}'
)
"""One recommended track, as `RankedTrack` describes it."""


class RankedTrack(ResponseModel):
    """One recommended track; `similarity` is null if it was not analysed, or none of the seeds."""

    rank: int
    score: float
    similarity: float | None
    channels: list[str]
    known: bool = Field(
        description="Whether it is by an artist of the seeds or of the listener's memory"
    )
    track: Track
    reasons: Reasons | None = Field(description="null if the request has `reasons: false`")


class SeedUsed(ResponseModel):
    """A seed as used: a track in full, or the artist or genre named."""

    track: Track | None = None
    artist_id: str | None = None
    genre: str | None = None
    weight: float


class Statistic(ResponseModel):
    """An attribute over the seeds, in raw units; null where no seed has a value.

    `known` is how much of it is known: the share of the seeds' weight that has a value, 0 to 1.
    """

    mean: float | None
    spread: float | None
    known: float


class Pool(ResponseModel):
    """Number of tracks left after each stage.

    `unknown_filtered` tracks were left out because a filtered attribute is unknown of them.
    """

    initial: int
    after_filtering: int
    candidates: int
    after_relinking: int
    unknown_filtered: int


class Discovery(ResponseModel):
    """What the dial from familiar to discover did to the list.

    Known are the artists of the seeds, and with `from_memory` also those of the tracks in the
    listener's memory. `lacks_new`: known artists filled places meant for new ones, since no other
    track fits. `lacks_known`: the other way round.
    """

    value: float
    new: int
    known: int
    from_memory: bool
    lacks_new: bool
    lacks_known: bool
    sentence: str = Field(description="The same in words, such as '12 of 50 are new to you.'")


class RecommendationsResponse(ResponseModel):
    """The ranked list, with everything needed to explain and reproduce it."""

    recommendation_id: str
    request_id: str
    tracks: list[RankedTrack]
    seeds: list[SeedUsed]
    profile: dict[str, Statistic] = Field(
        description="empty if the profile service was unavailable"
    )
    versions: Versions
    pool: Pool
    discovery: Discovery
    degraded: list[Part]


class LegacyRankedTrack(ResponseModel):
    """A recommended track in the shape of the original system."""

    track_id: str
    track_name: str
    artists: list[str]
    album_name: str
    popularity: int | None
    score: float


class LegacyRankedResponse(ResponseModel):
    """The ranked list in the shape of the original system."""

    recommendations: list[LegacyRankedTrack]


def ranked_json(ranking: ranker_pb2.RecommendTracksResponse, tracks: ShownTracks) -> bytes:
    """Write the recommended tracks as one JSON array, from the bytes of tracks and reasons.

    Neither a model nor a dictionary is built for each track: that took longer than all other work
    of a request here.
    """
    # A list, since each reading of protobuf's own list makes an object for every track again.
    listed = ranking.tracks[:]
    # One call writes all numbers; orjson separates them by commas alone.
    scores = _numbers([track.score for track in listed])
    similarities = _numbers(
        [track.similarity if track.HasField("similarity") else None for track in listed]
    )
    found = tracks.json
    rows = [
        _RANKED
        % (
            track.rank,
            score,
            similarity,
            # A slice, since protobuf's own list is read more slowly.
            orjson.dumps(track.channels[:]),
            b"true" if track.known else b"false",
            found.get(track.track_id) or bare_track(track.track_id),
            track.reasons_json or b"null",
        )
        for track, score, similarity in zip(listed, scores, similarities, strict=True)
    ]
    return b"[%b]" % b",".join(rows)


def _numbers(values: Sequence[float | None]) -> list[bytes]:
    return orjson.dumps(values)[1:-1].split(b",") if values else []


def shown_or_bare(tracks: ShownTracks, track_id: str) -> bytes:
    """Find the JSON of a track; that of its id alone if search did not return it."""
    return tracks.json.get(track_id) or bare_track(track_id)


def seed_json(message: profile_pb2.Seed, tracks: ShownTracks) -> dict[str, Any]:
    """Write a seed as used: a track in full, or the artist or genre named."""
    seed = seed_of(message)
    if seed.kind is SeedKind.TRACK:
        written = orjson.Fragment(shown_or_bare(tracks, seed.name))
        return {"track": written, "weight": seed.weight}
    return {FIELDS[seed.kind]: seed.name, "weight": seed.weight}


def profile_json(profile: profile_pb2.Profile | None) -> dict[str, dict[str, float | None]]:
    """Write the statistics of a profile by attribute."""
    return {
        attribute: {
            "mean": item.mean if item.HasField("mean") else None,
            "spread": item.spread if item.HasField("spread") else None,
            "known": item.known if item.HasField("known") else 1.0,
        }
        for item in (profile.statistics if profile is not None else ())
        if (attribute := NAME_OF.get(item.attribute))
    }


def discovery_json(
    ranking: ranker_pb2.RecommendTracksResponse | radio_pb2.ContinueRadioResponse, language: str
) -> dict[str, float | int | bool | str]:
    """Write what the dial did to a list or a batch."""
    made = ranking.discovery
    return {
        "value": made.value,
        "new": made.new_count,
        "known": made.known_count,
        "from_memory": made.from_memory,
        "lacks_new": made.lacks_new,
        "lacks_known": made.lacks_known,
        "sentence": novelty_sentence(
            made.new_count,
            len(ranking.tracks),
            language,
            from_memory=made.from_memory,
            lacks_new=made.lacks_new,
            lacks_known=made.lacks_known,
        ),
    }


def pool_json(pool: ranker_pb2.PoolSizes) -> dict[str, int]:
    """Write the number of tracks at each stage."""
    return {
        "initial": pool.initial,
        "after_filtering": pool.after_filtering,
        "candidates": pool.candidates,
        "after_relinking": pool.after_relinking,
        "unknown_filtered": pool.unknown_filtered,
    }


def recommendations_json(
    ranking: ranker_pb2.RecommendTracksResponse,
    tracks: ShownTracks,
    request: ranker_pb2.RecommendTracksRequest,
    profile: profile_pb2.Profile | None,
) -> dict[str, Any]:
    """Write the answer for orjson, without its ids and `degraded`, which the route adds."""
    return {
        "tracks": orjson.Fragment(ranked_json(ranking, tracks)),
        "seeds": [seed_json(seed, tracks) for seed in request.seeds],
        "profile": profile_json(profile),
        "versions": versions_json(ranking.versions),
        "pool": pool_json(ranking.pool),
        "discovery": discovery_json(ranking, request.language or DEFAULT_LANGUAGE),
    }


def legacy_ranked_json(track: ranker_pb2.RankedTrack, tracks: ShownTracks) -> dict[str, Any]:
    """Write one recommended track in the shape of the original system."""
    found = track_of(shown_or_bare(tracks, track.track_id))
    return {
        "track_id": found.id,
        "track_name": found.title,
        "artists": [artist.name for artist in found.artists],
        "album_name": found.album,
        "popularity": found.popularity if found.HasField("popularity") else None,
        "score": track.score,
    }
