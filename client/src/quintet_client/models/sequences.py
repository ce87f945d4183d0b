"""Batches of a radio, and paths between two tracks."""

from typing import Literal

from quintet_client.models.answers import Answer
from quintet_client.models.catalogue import Track
from quintet_client.models.lists import Discovery, Pool, Reasons, SeedUsed, Versions


class StepFact(Answer):
    """One fact about a track and the track before it."""

    kind: str  # tempo, key, energy, artist, genre, taste
    relation: str
    value_before: float
    value: float
    mode_before: float
    mode: float
    name: str


class Transition(Answer):
    """How a track follows the track before it."""

    distance: float  # 0 (alike) to 1
    sound_distance: float
    taste_distance: float | None  # None if the model has no taste space
    sentence: str
    facts: tuple[StepFact, ...]


class RadioTrack(Answer):
    """One track of a radio session."""

    rank: int  # in this answer, from 1
    position: int  # in the session, from 1
    score: float
    similarity: float | None
    channels: tuple[str, ...]
    known: bool = False  # by an artist that the dial counts as known
    track: Track
    reasons: Reasons | None
    transition: Transition | None  # None for the first of a session


class RadioSeed(SeedUsed):
    """Something that the radio chooses tracks by."""

    origin: Literal["start", "liked", "finished"]


class RadioBatch(Answer):
    """The next tracks of a radio session, in the order to play them."""

    recommendation_id: str  # feedback names it
    request_id: str
    tracks: tuple[RadioTrack, ...]
    cursor: str  # for the next call
    exhausted: bool  # the session has ended
    remaining: int  # allowed recordings that were not played yet
    played: int
    seeds: tuple[RadioSeed, ...]
    avoided: tuple[str, ...]  # tracks skipped lately
    relaxed: tuple[str, ...]  # rules that gave way because few tracks are left
    discovery: Discovery | None = None  # None without the dial
    versions: Versions
    pool: Pool
    degraded: tuple[str, ...]


class PathTrack(Answer):
    """One track of a path."""

    position: int
    track: Track
    transition: Transition | None  # None for the start


class SongPath(Answer):
    """A path between two songs: the start first, the end last."""

    recommendation_id: str  # feedback names it
    request_id: str
    tracks: tuple[PathTrack, ...]
    greatest_step: float
    mean_step: float
    after_filtering: int
    versions: Versions
    degraded: tuple[str, ...]
