"""The engine's request and response in plain Python; no FAISS, no LightGBM."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from quintet_contract.attributes import RANGES
from quintet_contract.limits import DEFAULT_LIMIT as DEFAULT_LIMIT
from quintet_contract.limits import DEFAULT_MAX_PER_ARTIST as DEFAULT_MAX_PER_ARTIST
from quintet_contract.limits import (
    MAX_FILTER_ARTISTS,
    MAX_FILTER_GENRES,
    MAX_FILTER_SOURCES,
    MAX_KNOWN_TRACKS,
    MAX_PREFERENCES,
    MAX_RANKED_EXCLUDED_ARTISTS,
    MAX_RANKED_EXCLUDED_TRACKS,
    MAX_YEAR,
    MIN_YEAR,
)
from quintet_contract.limits import MAX_LIMIT as MAX_LIMIT
from quintet_contract.limits import MAX_SEEDS as MAX_SEEDS
from quintet_contract.options import Seasonal as Seasonal
from quintet_contract.options import SongVersion as SongVersion
from quintet_contract.options import Variants as Variants
from quintet_contract.seeds import QueryInvalid as QueryInvalid
from quintet_contract.seeds import Seed as Seed
from quintet_contract.seeds import SeedKind as SeedKind
from quintet_contract.seeds import SeedUnknown as SeedUnknown
from quintet_contract.seeds import (
    check_attribute,
    check_number,
    check_seeds,
    check_targets,
    check_weights,
)
from quintet_contract.signals import NO_PREFERENCES, Preferences
from quintet_explain import DEFAULT_LANGUAGE as DEFAULT_LANGUAGE
from quintet_explain import LANGUAGES, Fact
from quintet_modelkit.features import AudioProfile

BOOSTER: Final = "booster"
TASTE: Final = "taste"
INDEX: Final = "index"
LISTENING: Final = "listening"
"""Parts that a list can be made without; `Ranking.degraded` names those that were missing."""

MAX_PREFERENCE: Final = 1e6
"""Largest number of plays, skips or days of one track."""


@dataclass(frozen=True)
class Filters:
    """Hard conditions on every returned track.

    Attributes:
        ranges: Attribute → closed range (minimum or None, maximum or None).
        genres: Only tracks with at least one of these; all if empty.
        explicit: Only tracks with this flag; both if None.
        excluded_tracks: Track ids never returned, nor other releases of their recordings.
        excluded_artists: Artist ids never returned.
        sources: Only tracks that at least one of these sources of music has; all if empty.
        years: Closed range of years of release (first or None, last or None).
        excluded_genres: Only tracks without any of these.
        artists: Only tracks by at least one of these artist ids; all if empty.
        excluded_versions: Versions of songs never returned.
    """

    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    genres: tuple[str, ...] = ()
    explicit: bool | None = None
    excluded_tracks: frozenset[str] = frozenset()
    excluded_artists: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    years: tuple[int | None, int | None] = (None, None)
    excluded_genres: tuple[str, ...] = ()
    artists: tuple[str, ...] = ()
    excluded_versions: frozenset[SongVersion] = frozenset()

    @property
    def selects(self) -> bool:
        """Whether a condition needs every row checked: any but the excluded tracks and artists."""
        return bool(
            self.ranges
            or self.explicit is not None
            or self.genres
            or self.sources
            or self.years != (None, None)
            or self.excluded_genres
            or self.artists
            or self.excluded_versions
        )


@dataclass(frozen=True)
class Query:
    """One request for recommendations.

    Attributes:
        seeds: What to start from.
        negative_seeds: What to move away from; never returned either.
        profile: The seeds' profile from another process; computed if None, or if it was made by
            another standardiser.
        weights: Attribute to weight, 0..10.
        targets: Attribute to preferred value, all with the same weight.
        filters: Hard conditions.
        limit: How many tracks, 1..500.
        max_per_artist: Most tracks of one artist, 1..500; 0 for no cap.
        diversity: How much relevance to trade for variety (MMR), 0..1.
        flow: Whether to order the list by tempo and key between neighbours.
        variants: Whether other versions of the seeds' songs may be returned.
        seasonal: Whether songs of a season may be returned if no seed is of that season.
        reasons: Whether to explain each track.
        language: The language of the reasons' sentences, one of `LANGUAGES`.
        features: Whether to return the feature values that each track was ranked by.
        seed_pools: Whether to count the tracks near each seed, which takes a search per seed.
        discovery: The dial from familiar (0) to discover (1); None for the order of scores alone,
            by which models are measured.
        known_tracks: Tracks whose artists the listener knows, besides those of the seeds.
        preferences: What the listener likes, from a memory; empty without a listener.
        heard: Track ids that the listener heard; `RankedTrack.heard` marks them.
    """

    seeds: tuple[Seed, ...]
    negative_seeds: tuple[Seed, ...] = ()
    profile: AudioProfile | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)
    filters: Filters = field(default_factory=Filters)
    limit: int = DEFAULT_LIMIT
    max_per_artist: int = DEFAULT_MAX_PER_ARTIST
    diversity: float = 0.0
    flow: bool = False
    variants: Variants = Variants.EXCLUDE
    seasonal: Seasonal = Seasonal.EXCLUDE
    reasons: bool = True
    features: bool = False
    seed_pools: bool = False
    language: str = DEFAULT_LANGUAGE
    discovery: float | None = None
    known_tracks: tuple[str, ...] = ()
    preferences: Preferences = NO_PREFERENCES
    heard: frozenset[str] = frozenset()


class AudioComparison(NamedTuple):
    """One attribute of a track against the seeds: value, mean, signed term of the cosine."""

    attribute: str
    value: float
    seeds_mean: float
    similarity_share: float


class FeatureContribution(NamedTuple):
    """One feature's signed contribution to the score (TreeSHAP), and its value."""

    feature: str
    contribution: float
    value: float


@dataclass(frozen=True)
class Reasons:
    """Why one track is in the list.

    Attributes:
        sentence: The facts as one plain sentence, in the query's language.
        facts: In the order of the sentence; the one that mattered most comes first.
        closest_seed: Track id of the nearest seed track; empty without track seeds.
        closest_similarity: Cosine to it, -1..1; None without one, or if either was not analysed.
        contributions: Strongest first.
        comparisons: One per attribute.
        closest_title: Title of the nearest seed track.
    """

    sentence: str
    facts: tuple[Fact, ...]
    closest_seed: str
    closest_similarity: float | None
    contributions: tuple[FeatureContribution, ...]
    comparisons: tuple[AudioComparison, ...]
    closest_title: str = ""


class Explanation(Protocol):
    """Why one track is in the list, as bytes or as objects; each is made on demand."""

    @property
    def json(self) -> bytes:
        """The reasons as the HTTP API shows them: an object in UTF-8."""
        ...

    @property
    def reasons(self) -> Reasons:
        """The reasons as objects."""
        ...


class RankedTrack(NamedTuple):
    """One recommended track: id, score, cosine to the profile, channels that found it, reasons.

    `similarity` is None if the track was not analysed, or if none of the seeds was.
    `features` are the values it was ranked by, little-endian float32 in the order of the ranking's
    `feature_names`; empty unless the query asked for them. `known` says whether it is by a known
    artist; False if the query has no `discovery`. `heard` says whether the query's `heard` has it,
    in any release. `row` is its row in the catalogue that ranked it, -1 outside of an engine.
    """

    track_id: str
    score: float
    similarity: float | None
    channels: tuple[str, ...]
    explanation: Explanation | None = None
    features: bytes = b""
    known: bool = False
    heard: bool = False
    row: int = field(default=-1, compare=False)

    @property
    def reasons(self) -> Reasons | None:
        """Why the track is in the list; None if the query did not ask for it."""
        return None if self.explanation is None else self.explanation.reasons


@dataclass(frozen=True)
class Discovery:
    """What the dial from familiar to discover did to a list.

    Attributes:
        value: The dial, 0 to 1.
        new: Tracks without any known artist.
        known: Tracks by at least one known artist.
        from_memory: Whether the tracks of a memory counted; otherwise the seeds' artists are known.
        lacks_new: More tracks are by known artists than the dial allows: no other track was left.
        lacks_known: Fewer tracks are by known artists than the dial asks for: no more were found.
    """

    value: float
    new: int
    known: int
    from_memory: bool = False
    lacks_new: bool = False
    lacks_known: bool = False


@dataclass(frozen=True)
class Pool:
    """How many tracks remain: in the index, after filters, as candidates, after deduplication.

    `unknown_filtered` tracks were left out because a filtered attribute is unknown of them.
    """

    initial: int
    after_filtering: int
    candidates: int
    after_relinking: int
    unknown_filtered: int = 0


@dataclass(frozen=True)
class SeedPool:
    """How many tracks near one seed remain at each stage."""

    seed: Seed
    initial: int
    after_filtering: int
    after_relinking: int


@dataclass(frozen=True)
class Ranking:
    """The engine's response.

    Attributes:
        tracks: Best first, at most `limit`.
        pool: Sizes over all seeds.
        seed_pools: Sizes for each seed, in the order of the query; empty unless it asked for them.
        model_version: The booster's version.
        index_version: The retrieval index's version.
        catalogue_version: The snapshot's version.
        degraded: Parts left out or replaced, such as "booster"; empty if all worked.
        feature_names: The names of the tracks' features; empty unless the query asked for them.
        discovery: What the dial did; None if the query has none.
    """

    tracks: tuple[RankedTrack, ...]
    pool: Pool
    seed_pools: tuple[SeedPool, ...]
    model_version: str
    index_version: str
    catalogue_version: str
    degraded: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    discovery: Discovery | None = None


def check(query: Query, max_seeds: int = MAX_SEEDS) -> None:
    """Check a query against every rule that needs no catalogue.

    Raises:
        QueryInvalid: A rule is broken; field and allowed range are named.
    """
    check_seeds(query.seeds, query.negative_seeds, max_seeds)
    check_number("limit", "LIMIT_RANGE", query.limit, 1, MAX_LIMIT)
    check_number("max_per_artist", "ARTIST_CAP_RANGE", query.max_per_artist, 0, MAX_LIMIT)
    check_number("diversity", "DIVERSITY_RANGE", query.diversity, 0.0, 1.0)
    if query.discovery is not None:
        check_number("discovery", "DISCOVERY_RANGE", query.discovery, 0.0, 1.0)
    if len(query.known_tracks) > MAX_KNOWN_TRACKS:
        raise QueryInvalid(
            "FILTER_RANGE",
            "known_track_ids",
            f"known_track_ids must be at most {MAX_KNOWN_TRACKS}; got {len(query.known_tracks)}",
        )
    check_weights(query.weights)
    check_targets(query.targets)
    _check_filters(query.filters)
    _check_listener(query)
    if query.language not in LANGUAGES:
        allowed = ", ".join(LANGUAGES)
        message = f"language must be one of {allowed}; got {query.language!r}"
        raise QueryInvalid("REQUEST_MALFORMED", "language", message)


def _check_filters(filters: Filters) -> None:
    for name, (low, high) in filters.ranges.items():
        check_attribute("filters", "FILTER_RANGE", name)
        for label, bound in (("min", low), ("max", high)):
            if bound is not None:
                check_number(f"{label}_{name}", "FILTER_RANGE", bound, *RANGES[name])
        if low is not None and high is not None and low > high:
            raise QueryInvalid(
                "FILTER_RANGE",
                f"min_{name}",
                f"min_{name} ({low:g}) must not be above max_{name} ({high:g})",
            )
    _check_years(filters.years)
    for label, names, most in (
        ("excluded_track_ids", filters.excluded_tracks, MAX_RANKED_EXCLUDED_TRACKS),
        ("excluded_artist_ids", filters.excluded_artists, MAX_RANKED_EXCLUDED_ARTISTS),
        ("sources", filters.sources, MAX_FILTER_SOURCES),
        ("excluded_genres", filters.excluded_genres, MAX_FILTER_GENRES),
        ("artist_ids", filters.artists, MAX_FILTER_ARTISTS),
    ):
        if len(names) > most:
            raise QueryInvalid(
                "FILTER_RANGE", label, f"{label} must be at most {most}; got {len(names)}"
            )


def _check_years(years: tuple[int | None, int | None]) -> None:
    first, last = years
    for label, year in (("min_year", first), ("max_year", last)):
        if year is not None:
            check_number(label, "FILTER_RANGE", year, MIN_YEAR, MAX_YEAR)
    if first is not None and last is not None and first > last:
        raise QueryInvalid(
            "FILTER_RANGE", "min_year", f"min_year ({first}) must not be above max_year ({last})"
        )


def _check_listener(query: Query) -> None:
    """Check what is known of the listener, as another process sent it."""
    columns = query.preferences
    sizes = {
        name: len(getattr(columns, name))
        for name in ("track_ids", "plays", "skips", "opinions", "days", "skipped")
    }
    if len(set(sizes.values())) > 1 or sizes["track_ids"] > MAX_PREFERENCES:
        said = ", ".join(f"{size} {name}" for name, size in sizes.items())
        raise QueryInvalid(
            "REQUEST_MALFORMED",
            "preferences",
            f"preferences must have one value per track in each column, for at most "
            f"{MAX_PREFERENCES} tracks; got {said}",
        )
    lowest = {"plays": 0.0, "skips": 0.0, "opinions": -1.0, "days": 0.0}
    for name, low in lowest.items():
        values = getattr(columns, name)
        high = 1.0 if name == "opinions" else MAX_PREFERENCE
        # NaN compares as false, so it is rejected too.
        if not all(low <= value <= high for value in values):
            raise QueryInvalid(
                "REQUEST_MALFORMED",
                f"preferences.{name}",
                f"preferences.{name} must be {low:g} to {high:g}",
            )
    if len(query.heard) > MAX_RANKED_EXCLUDED_TRACKS:
        raise QueryInvalid(
            "FILTER_RANGE",
            "heard_track_ids",
            f"heard_track_ids must be at most {MAX_RANKED_EXCLUDED_TRACKS}; got {len(query.heard)}",
        )
