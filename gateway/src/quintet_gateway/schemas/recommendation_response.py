"""The answers with a recommended list, under `/api/v1` and in the original system's shape."""

from collections.abc import Iterable
from typing import Any

from pydantic import Field
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_contract.seeds import SeedKind
from quintet_servicekit.degradation import Part
from quintet_servicekit.messages import NAME_OF, seed_of

from quintet_gateway.schemas.catalogue import (
    ResponseModel,
    Track,
    Versions,
    track_json,
    versions_json,
)
from quintet_gateway.schemas.reasons import Reasons, Tracks, known_or_bare, reasons_json
from quintet_gateway.seeds import FIELDS


class RankedTrack(ResponseModel):
    """One recommended track."""

    rank: int
    score: float
    similarity: float
    channels: list[str]
    track: Track
    reasons: Reasons | None = Field(description="null if the request has `reasons: false`")


class SeedUsed(ResponseModel):
    """A seed as used: a track in full, or the artist or genre named."""

    track: Track | None = None
    artist_id: str | None = None
    genre: str | None = None
    weight: float


class Statistic(ResponseModel):
    """An attribute over the seeds, in raw units."""

    mean: float
    spread: float


class Pool(ResponseModel):
    """Number of tracks left after each stage."""

    initial: int
    after_filtering: int
    candidates: int
    after_relinking: int


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
    degraded: list[Part]


class LegacyRankedTrack(ResponseModel):
    """A recommended track in the shape of the original system."""

    track_id: str
    track_name: str
    artists: list[str]
    album_name: str
    popularity: int
    score: float


class LegacyRankedResponse(ResponseModel):
    """The ranked list in the shape of the original system."""

    recommendations: list[LegacyRankedTrack]


def ranked_json(
    track: ranker_pb2.RankedTrack, reasons: dict[str, Any] | None, tracks: Tracks
) -> dict[str, Any]:
    """Write one recommended track as JSON."""
    return {
        "rank": track.rank,
        "score": track.score,
        "similarity": track.similarity,
        "channels": list(track.channels),
        "track": track_json(known_or_bare(tracks, track.track_id)),
        "reasons": reasons,
    }


def seed_json(message: profile_pb2.Seed, tracks: Tracks) -> dict[str, Any]:
    """Write a seed as used: a track in full, or the artist or genre named."""
    seed = seed_of(message)
    if seed.kind is SeedKind.TRACK:
        return {"track": track_json(known_or_bare(tracks, seed.name)), "weight": seed.weight}
    return {FIELDS[seed.kind]: seed.name, "weight": seed.weight}


def profile_json(profile: profile_pb2.Profile | None) -> dict[str, dict[str, float]]:
    """Write the statistics of a profile by attribute."""
    return {
        attribute: {"mean": item.mean, "spread": item.spread}
        for item in (profile.statistics if profile is not None else ())
        if (attribute := NAME_OF.get(item.attribute))
    }


def recommendations_json(
    ranking: ranker_pb2.RecommendTracksResponse,
    tracks: Tracks,
    seeds: Iterable[profile_pb2.Seed],
    profile: profile_pb2.Profile | None,
) -> dict[str, Any]:
    """Write the answer as JSON, without its ids and `degraded`, which the route adds."""
    pool = ranking.pool
    return {
        "tracks": [
            ranked_json(track, reasons, tracks)
            for track, reasons in zip(ranking.tracks, reasons_json(ranking, tracks), strict=True)
        ],
        "seeds": [seed_json(seed, tracks) for seed in seeds],
        "profile": profile_json(profile),
        "versions": versions_json(ranking.versions),
        "pool": {
            "initial": pool.initial,
            "after_filtering": pool.after_filtering,
            "candidates": pool.candidates,
            "after_relinking": pool.after_relinking,
        },
    }


def legacy_ranked_json(track: ranker_pb2.RankedTrack, tracks: Tracks) -> dict[str, Any]:
    """Write one recommended track in the shape of the original system."""
    found = known_or_bare(tracks, track.track_id)
    return {
        "track_id": found.id,
        "track_name": found.title,
        "artists": [artist.name for artist in found.artists],
        "album_name": found.album,
        "popularity": found.popularity,
        "score": track.score,
    }
