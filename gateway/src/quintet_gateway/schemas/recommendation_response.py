"""The answers with a recommended list, under `/api/v1` and in the original system's shape."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, cycle, pairwise
from typing import Any

from pydantic import Field
from quintet.profile.v1 import profile_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
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
from quintet_gateway.seeds import FIELDS


class ClosestSeed(ResponseModel):
    """The seed track nearest to a recommended one; id empty without track seeds."""

    id: str
    title: str
    similarity: float


class Contribution(ResponseModel):
    """One booster feature's signed share of the score."""

    feature: str
    contribution: float
    value: float


class Comparison(ResponseModel):
    """One attribute of a track against the seeds."""

    attribute: str
    value: float
    seeds_mean: float
    similarity_share: float


class Reasons(ResponseModel):
    """Why a track is in the list."""

    sentence: str
    closest_seed: ClosestSeed
    contributions: list[Contribution]
    comparisons: list[Comparison]


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


Tracks = Mapping[str, search_pb2.Track]


def known_or_bare(tracks: Tracks, track_id: str) -> search_pb2.Track:
    """Find a track; if search did not return it, a track with only its id."""
    return tracks.get(track_id) or search_pb2.Track(id=track_id)


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
            for track, reasons in zip(ranking.tracks, _reasons(ranking, tracks), strict=True)
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


def _reasons(
    ranking: ranker_pb2.RecommendTracksResponse, tracks: Tracks
) -> Iterator[dict[str, Any] | None]:
    """Write the reasons of each track as JSON; an older ranker sends them in the tracks."""
    if ranking.HasField("reason_columns"):
        yield from _reasons_of_columns(ranking.reason_columns, tracks)
        return
    for track in ranking.tracks:
        yield _reasons_of(track.reasons, tracks) if track.HasField("reasons") else None


def _reasons_of(reasons: ranker_pb2.Reasons, tracks: Tracks) -> dict[str, Any]:
    given, compared = reasons.contributions, reasons.comparisons
    return _reasons_json(
        reasons.sentence,
        _closest_seed(reasons.closest_seed_id, reasons.closest_seed_similarity, tracks),
        _contributions(
            (c.feature for c in given), (c.contribution for c in given), (c.value for c in given)
        ),
        _comparisons(
            (NAME_OF.get(c.attribute) for c in compared),
            (c.value for c in compared),
            (c.seeds_mean for c in compared),
            (c.similarity_share for c in compared),
        ),
    )


def _reasons_of_columns(
    columns: ranker_pb2.ReasonColumns, tracks: Tracks
) -> Iterator[dict[str, Any]]:
    # A slice copies a repeated field into a list, which Python reads many times faster.
    contributions = _contributions(
        columns.features[:], columns.contributions[:], columns.contribution_values[:]
    )
    names = [NAME_OF.get(number) for number in columns.attributes]
    # Attributes of a newer ranker are left out below, so a track has fewer comparisons.
    width = len(names) - names.count(None)
    comparisons = _comparisons(
        cycle(names), columns.values[:], columns.seeds_means[:], columns.similarity_shares[:]
    )
    seeds = zip(columns.closest_seed_ids, columns.closest_seed_similarities, strict=True)
    # Tracks have different numbers of contributions; comparisons are as many for each.
    ends = pairwise(accumulate(columns.contribution_counts, initial=0))
    told = zip(columns.sentences, seeds, ends, strict=True)
    for place, (sentence, seed, (begin, end)) in enumerate(told):
        yield _reasons_json(
            sentence,
            _closest_seed(*seed, tracks),
            contributions[begin:end],
            comparisons[place * width : (place + 1) * width],
        )


def _reasons_json(
    sentence: str,
    closest_seed: dict[str, Any],
    contributions: list[dict[str, Any]],
    comparisons: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "sentence": sentence,
        "closest_seed": closest_seed,
        "contributions": contributions,
        "comparisons": comparisons,
    }


def _closest_seed(track_id: str, similarity: float, tracks: Tracks) -> dict[str, Any]:
    return {
        "id": track_id,
        "title": known_or_bare(tracks, track_id).title,
        "similarity": similarity,
    }


def _contributions(
    features: Iterable[str], contributions: Iterable[float], values: Iterable[float]
) -> list[dict[str, Any]]:
    return [
        {"feature": feature, "contribution": contribution, "value": value}
        for feature, contribution, value in zip(features, contributions, values, strict=True)
    ]


def _comparisons(
    attributes: Iterable[str | None],
    values: Iterable[float],
    seeds_means: Iterable[float],
    shares: Iterable[float],
) -> list[dict[str, Any]]:
    """Write comparisons as JSON, without attributes of a newer ranker."""
    numbers = zip(values, seeds_means, shares, strict=True)
    return [
        {"attribute": name, "value": value, "seeds_mean": mean, "similarity_share": share}
        for name, (value, mean, share) in zip(attributes, numbers, strict=False)
        if name is not None
    ]
