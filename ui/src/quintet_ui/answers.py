"""What the gateway answers (docs/api.md), as far as the page reads it."""

from typing import NotRequired, TypedDict


class Artist(TypedDict):
    """An artist of a track."""

    id: str
    name: str


class Track(TypedDict):
    """A track; text is empty where unknown."""

    id: str
    title: str
    artists: list[Artist]
    album: str
    album_id: str
    release_date: str
    duration_ms: int
    popularity: int
    explicit: bool
    genres: list[str]
    isrc: str
    cover_url: str
    preview_url: str
    external_url: str


class ClosestSeed(TypedDict):
    """The seed track nearest to a recommended one."""

    id: str
    title: str
    similarity: float


class Contribution(TypedDict):
    """What one feature added to the score."""

    feature: str
    contribution: float
    value: float


class Comparison(TypedDict):
    """One attribute of a track against the seeds."""

    attribute: str
    value: float
    seeds_mean: float
    similarity_share: float


class Reasons(TypedDict):
    """Why a track is in the list."""

    sentence: str
    closest_seed: ClosestSeed
    contributions: list[Contribution]
    comparisons: list[Comparison]


class Ranked(TypedDict):
    """One recommended track."""

    rank: int
    score: float
    similarity: float
    channels: list[str]
    track: Track
    reasons: Reasons | None


class SeedUsed(TypedDict):
    """A seed as used."""

    track: NotRequired[Track]
    weight: float


class Recommendations(TypedDict):
    """A ranked and explained list."""

    recommendation_id: str
    tracks: list[Ranked]
    seeds: list[SeedUsed]
    profile: dict[str, dict[str, float]]
    versions: dict[str, str]
    pool: dict[str, int]
    degraded: list[str]
