"""Reasons as answers show them; the ranker writes their JSON, which is passed through."""

from pydantic import Field

from quintet_gateway.schemas.catalogue import ResponseModel


class ClosestSeed(ResponseModel):
    """The analysed seed track nearest to a recommended one; id empty and similarity null if none.

    They are for every track that was not analysed.
    """

    id: str
    title: str
    similarity: float | None


class Contribution(ResponseModel):
    """One booster feature's signed share of the score."""

    feature: str
    contribution: float
    value: float | None


class Comparison(ResponseModel):
    """One attribute of a track against the seeds."""

    attribute: str
    value: float | None
    seeds_mean: float | None
    similarity_share: float


class FactReference(ResponseModel):
    """What a fact is about: a seed, a track that stands for it, or one of the memory."""

    seed: int = Field(description="the place of the seed in the request, from 0; -1 for no seed")
    kind: str = Field(
        description="track, artist, genre; member: a popular track of the seed; listened: a track "
        "that the listener liked or played"
    )
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
