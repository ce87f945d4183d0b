"""Requests and answers of radio and paths in plain Python; no FAISS, no LightGBM."""

from dataclasses import dataclass, field

from quintet_contract.limits import DEFAULT_PATH, DEFAULT_PATH_PER_ARTIST
from quintet_contract.signals import NO_PREFERENCES, Preferences
from quintet_explain import StepFact

from quintet_engine.query import (
    DEFAULT_LANGUAGE,
    Filters,
    Ranking,
    Seasonal,
    Variants,
)
from quintet_engine.radio_session import Session, WeightedSeed


@dataclass(frozen=True)
class Transition:
    """How a track follows the track before it.

    Attributes:
        distance: Mean of `sound` and `taste`, 0..1; `sound` alone without a taste space.
        sound: The angle between the two in the space of attributes, as a share of half a turn;
            0.5 if one of them was not analysed.
        taste: Likewise in the taste space; None without one.
        facts: In the order of the sentence; empty unless asked for.
        sentence: The facts in words; empty unless asked for.
    """

    distance: float
    sound: float
    taste: float | None
    facts: tuple[StepFact, ...] = ()
    sentence: str = ""


@dataclass(frozen=True)
class BatchRequest:
    """What a batch is made of besides the session.

    Attributes:
        limit: How many tracks, 1..100.
        excluded_tracks: Ids that this batch leaves out, with other releases of their recordings.
        excluded_artists: Artists that this batch leaves out.
        reasons: Whether to explain tracks and transitions.
        language: Of the sentences.
        features: Whether to return the feature values that tracks were ranked by.
        preferences: What the listener likes, from a memory; empty without a listener.
        discovery: The dial from familiar (0) to discover (1); None for the order of scores alone.
        known_tracks: Tracks whose artists the listener knows, besides those of the seeds.
        heard: Track ids that the listener heard: played only if no other track fits.
    """

    limit: int
    excluded_tracks: frozenset[str] = frozenset()
    excluded_artists: frozenset[str] = frozenset()
    reasons: bool = True
    language: str = DEFAULT_LANGUAGE
    features: bool = False
    preferences: Preferences = NO_PREFERENCES
    discovery: float | None = None
    known_tracks: tuple[str, ...] = ()
    heard: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Batch:
    """The next tracks of a session.

    Attributes:
        ranking: The tracks in the order to play them, and the versions that made them.
        transitions: How each track follows the one before; None for the first of a session.
        session: After these tracks.
        seeds: What the tracks were chosen by, the heaviest first.
        avoided: Track ids that they were chosen away from.
        relaxed: Rules that gave way.
        remaining: Allowed recordings left to play.
        exhausted: Whether the session has ended.
    """

    ranking: Ranking
    transitions: tuple[Transition | None, ...]
    session: Session
    seeds: tuple[WeightedSeed, ...]
    avoided: tuple[str, ...]
    relaxed: tuple[str, ...]
    remaining: int
    exhausted: bool


@dataclass(frozen=True)
class PathQuery:
    """A request for a path.

    Attributes:
        start: The first track's id.
        end: The last track's id.
        length: Tracks, both ends included, 3..50.
        filters: Conditions on the tracks between the ends.
        max_per_artist: Most tracks that share an artist between the ends, 1..50; 0 for no cap.
        variants: Whether other versions of the ends' songs may be on the path.
        seasonal: Whether songs of a season may be on the path if no end is of that season.
        reasons: Whether to state facts and sentences.
        language: Of the sentences.
    """

    start: str
    end: str
    length: int = DEFAULT_PATH
    filters: Filters = field(default_factory=Filters)
    max_per_artist: int = DEFAULT_PATH_PER_ARTIST
    variants: Variants = Variants.EXCLUDE
    seasonal: Seasonal = Seasonal.EXCLUDE
    reasons: bool = True
    language: str = DEFAULT_LANGUAGE


@dataclass(frozen=True)
class Path:
    """A path.

    Attributes:
        track_ids: The start first, the end last.
        transitions: How each track but the first follows the one before.
        after_filtering: Tracks that the filters left between the ends.
        model_version: The booster's version.
        index_version: The retrieval index's version.
        catalogue_version: The snapshot's version.
        degraded: Parts left out, such as "taste".
    """

    track_ids: tuple[str, ...]
    transitions: tuple[Transition, ...]
    after_filtering: int
    model_version: str
    index_version: str
    catalogue_version: str
    degraded: tuple[str, ...] = ()

    @property
    def greatest_step(self) -> float:
        """The greatest distance of a step, 0..1."""
        return max(step.distance for step in self.transitions)

    @property
    def mean_step(self) -> float:
        """The mean distance of the steps, 0..1."""
        return sum(step.distance for step in self.transitions) / len(self.transitions)


class PathInvalid(ValueError):
    """A path that cannot be, whatever the catalogue contains: both ends are one recording."""

    def __init__(self) -> None:
        super().__init__("end must be another recording than start; choose two different songs")
        self.field = "end"


class EndUnknown(LookupError):
    """An end that the catalogue does not have; `field` is start or end."""

    def __init__(self, field: str, track_id: str) -> None:
        super().__init__(f"The catalogue does not have track {track_id!r}; search for {field}.")
        self.field = field


class PathNotFound(LookupError):
    """No path exists; `field` names what to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
