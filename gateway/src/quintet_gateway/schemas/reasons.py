"""Reasons as JSON, from the columns that the ranker sends."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from typing import Any

from pydantic import Field
from quintet.ranker.v1 import ranker_pb2
from quintet.search.v1 import search_pb2
from quintet_servicekit.messages import NAME_OF
from quintet_servicekit.reasons import KIND_NAMES, REFERENCE_NAMES, RELATION_NAMES, runs

from quintet_gateway.schemas.catalogue import ResponseModel


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


class FactReference(ResponseModel):
    """The seed that a fact is about, or a track that stands for it in playlists."""

    seed: int = Field(description="the place of the seed in the request, from 0")
    kind: str = Field(description="track, artist, genre; member: a popular track of the seed")
    id: str
    name: str
    artist: str


class Fact(ResponseModel):
    """One fact that explains a track; docs/concepts.md lists the kinds."""

    kind: str
    reference: FactReference | None = Field(description="null for a target")
    weight: float = Field(description="signed share of all effects on the score, -1 to 1")
    attribute: str
    relation: str
    value: float
    other_value: float
    name: str


class Reasons(ResponseModel):
    """Why a track is in the list: facts, and one sentence that states them in their order."""

    sentence: str
    facts: list[Fact]
    closest_seed: ClosestSeed
    contributions: list[Contribution]
    comparisons: list[Comparison]


Tracks = Mapping[str, search_pb2.Track]


def known_or_bare(tracks: Tracks, track_id: str) -> search_pb2.Track:
    """Find a track; if search did not return it, a track with only its id."""
    return tracks.get(track_id) or search_pb2.Track(id=track_id)


def reasons_json(
    ranking: ranker_pb2.RecommendTracksResponse, tracks: Tracks
) -> Iterator[dict[str, Any] | None]:
    """Write the reasons of each track as JSON; None for each if the list has no reasons."""
    if not ranking.HasField("reasons"):
        yield from (None for _ in ranking.tracks)
        return
    columns = ranking.reasons
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
    facts = _facts(columns)
    # Tracks have different numbers of contributions and facts; comparisons are as many for each.
    seeds = zip(columns.closest_seed_ids, columns.closest_seed_similarities, strict=True)
    by_track = zip(
        *(columns.sentences, seeds, runs(columns.contribution_counts), runs(columns.fact_counts)),
        strict=True,
    )
    for place, (sentence, seed, contribution_run, fact_run) in enumerate(by_track):
        yield {
            "sentence": sentence,
            "facts": [fact for fact in facts[fact_run] if fact is not None],
            "closest_seed": _closest_seed(*seed, tracks),
            "contributions": contributions[contribution_run],
            "comparisons": comparisons[place * width : (place + 1) * width],
        }


def _closest_seed(track_id: str, similarity: float, tracks: Tracks) -> dict[str, Any]:
    return {
        "id": track_id,
        "title": known_or_bare(tracks, track_id).title,
        "similarity": similarity,
    }


def _facts(columns: ranker_pb2.Reasons) -> list[dict[str, Any] | None]:
    """Write facts as JSON; None for a fact of a newer ranker."""
    references = [
        {
            "seed": each.seed,
            "kind": REFERENCE_NAMES.get(each.kind, ""),
            "id": each.id,
            "name": each.name,
            "artist": each.artist,
        }
        for each in columns.references
    ]
    table = zip(
        *(columns.fact_kinds[:], columns.fact_references[:], columns.fact_weights[:]),
        *(columns.fact_attributes[:], columns.fact_relations[:], columns.fact_values[:]),
        *(columns.fact_other_values[:], columns.fact_names[:]),
        strict=True,
    )
    return [
        {
            "kind": KIND_NAMES[kind],
            "reference": None if reference < 0 else references[reference],
            "weight": weight,
            "attribute": NAME_OF.get(attribute, ""),
            "relation": RELATION_NAMES.get(relation, ""),
            "value": value,
            "other_value": other,
            "name": name,
        }
        if kind in KIND_NAMES
        else None
        for kind, reference, weight, attribute, relation, value, other, name in table
    ]


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
