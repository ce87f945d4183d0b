"""A list of recommendations, its reasons, and the versions that made it."""

from collections.abc import Mapping
from datetime import datetime

from quintet_client.models.answers import Answer
from quintet_client.models.catalogue import Track


class Versions(Answer):
    """Everything that decides an answer."""

    model: str
    index: str
    catalogue: str


class Model(Answer):
    """The model that the ranker serves, and the version it rejected last."""

    versions: Versions
    kind: str  # bootstrap, or trained on playlists
    feature_names: tuple[str, ...]
    feature_hash: str  # changes with names or order of features
    track_count: int
    create_time: datetime  # when it was trained
    load_time: datetime  # when the ranker began to serve it
    channels: tuple[str, ...]  # ways to retrieve candidates
    metrics: Mapping[str, float]  # from training, by name
    refused_version: str  # empty if none was rejected
    refused_reason: str


class ClosestSeed(Answer):
    """The seed track nearest to a recommended one; id empty without one that was analysed."""

    id: str
    title: str
    similarity: float | None  # cosine, -1 to 1; None without one, or for a track not analysed


class Contribution(Answer):
    """One feature's signed share of the score; numbers are null where not finite."""

    feature: str
    contribution: float | None
    value: float | None


class Comparison(Answer):
    """One attribute of a track against the seeds."""

    attribute: str
    value: float | None  # in the attribute's unit; None if unknown
    seeds_mean: float | None  # likewise, weighted by the seeds
    similarity_share: float  # signed share of the cosine


class FactReference(Answer):
    """The seed that a fact is about, or a track that stands for it in playlists."""

    seed: int  # place in the request, from 0
    kind: str  # track, artist or genre; member for a popular track of a seed artist or genre
    id: str
    name: str
    artist: str


class Fact(Answer):
    """One fact that explains a track; a newer gateway may send other kinds."""

    kind: str  # such as same_artist, playlists_together or attribute
    reference: FactReference | None  # None for a target
    weight: float  # signed share of all effects on the score, -1 to 1
    attribute: str  # empty for facts about no attribute
    relation: str  # such as more or alike_high; empty where the kind says it
    value: float  # the track's value, a count of playlists or a cosine
    other_value: float  # the reference's value, or the target
    name: str  # the artist or genre that the fact names


class Reasons(Answer):
    """Why a track is in the list: facts, the one that mattered most first, and their sentence."""

    sentence: str
    facts: tuple[Fact, ...] = ()
    closest_seed: ClosestSeed
    contributions: tuple[Contribution, ...]
    comparisons: tuple[Comparison, ...]


class RankedTrack(Answer):
    """One recommended track; `reasons` is None where the request left them out."""

    rank: int  # from 1
    score: float  # higher is better; comparable within one list only
    similarity: float | None  # cosine to the profile, -1 to 1; None if not analysed
    channels: tuple[str, ...]  # which channels retrieved it
    track: Track
    reasons: Reasons | None
    known: bool = False  # by an artist of the seeds or of the listener's memory


class SeedUsed(Answer):
    """A seed as used: a track in full, or the artist or genre named."""

    track: Track | None = None
    artist_id: str | None = None
    genre: str | None = None
    weight: float


class Statistic(Answer):
    """An attribute over the seeds, in raw units; None where no seed has a value."""

    mean: float | None
    spread: float | None  # standard deviation
    known: float = 1.0  # share of the seeds' weight that has a value


class Pool(Answer):
    """How many tracks were left after each stage."""

    initial: int
    after_filtering: int
    candidates: int
    after_relinking: int
    unknown_filtered: int = 0  # left out because a filtered attribute is unknown


class Discovery(Answer):
    """What the dial from familiar to discover did to the list."""

    value: float = 0.0  # the dial as used, 0 (familiar) to 1 (discover)
    new: int = 0  # tracks without a known artist
    known: int = 0  # tracks by artists of the seeds or of the listener's memory
    from_memory: bool = False  # whether a memory counted; otherwise the seeds' artists are known
    lacks_new: bool = False  # known artists filled places meant for new ones
    lacks_known: bool = False  # new artists filled places meant for known ones
    sentence: str = ""  # the same in words


class Recommendations(Answer):
    """The ranked list, with everything needed to explain and reproduce it."""

    recommendation_id: str  # feedback names it
    request_id: str
    tracks: tuple[RankedTrack, ...]
    seeds: tuple[SeedUsed, ...]
    profile: Mapping[str, Statistic]
    versions: Versions
    pool: Pool
    degraded: tuple[str, ...]  # parts that were unavailable
    discovery: Discovery = Discovery()  # without a sentence from a gateway older than the dial
