"""Typed answers: frozen, and open to fields that a newer gateway adds."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

ItemT = TypeVar("ItemT")


class Answer(BaseModel):
    """An answer, or a part of one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Answer, Generic[ItemT]):
    """One page of a longer answer."""

    next_page_token: str

    @property
    @abstractmethod
    def items(self) -> Sequence[ItemT]:
        """The items of this page."""


class ArtistName(Answer):
    """An artist of a track."""

    id: str
    name: str


class Track(Answer):
    """A track; text is empty where unknown."""

    id: str
    title: str
    artists: tuple[ArtistName, ...]
    album: str
    album_id: str  # links tracks of one album; albums have no route
    release_date: str  # YYYY, YYYY-MM or YYYY-MM-DD
    duration_ms: int  # milliseconds
    popularity: int | None  # 0 to 100; None if unknown
    explicit: bool
    genres: tuple[str, ...]
    isrc: str  # ISO 3901, identifies the recording
    cover_url: str
    preview_url: str  # an audio clip, mostly 30 s
    external_url: str  # where it can be heard
    provenance: str  # the data set it comes from
    licence: str  # the licence of that data set


class AudioFeatures(Answer):
    """How a track sounds, in the units of Spotify's Web API; None where not measured.

    Attributes:
        id: The track's id.
        duration_ms: Length in milliseconds.
        key: Pitch class, 0 for C to 11 for B.
        loudness: Decibels, at most about 0.
        mode: 1 for major, 0 for minor.
        tempo: Beats per minute.
        time_signature: Beats in a bar.
        acousticness: 0 to 1, as are the attributes below.
    """

    id: str
    duration_ms: int
    key: int | None
    loudness: float | None
    mode: int | None
    tempo: float | None
    time_signature: int | None
    acousticness: float | None
    danceability: float | None
    energy: float | None
    instrumentalness: float | None
    liveness: float | None
    speechiness: float | None
    valence: float | None


class ManyAudioFeatures(Answer):
    """Audio features in the order asked; None in place of an unknown id."""

    audio_features: tuple[AudioFeatures | None, ...]


class Match(Answer):
    """A matching track; `recommendable` if the catalogue has it, so that it can be a seed."""

    track: Track
    score: float  # comparable within one answer only
    recommendable: bool
    source: Literal["catalogue", "spotify"]


class SearchPage(Page[Match]):
    """One page of matches, best first."""

    tracks: tuple[Match, ...]
    total: int
    catalogue: str  # the version that answered, cat-…
    source: Literal["catalogue", "spotify", "both"]
    degraded: tuple[str, ...]  # what was unavailable, such as spotify

    @property
    def items(self) -> Sequence[Match]:
        return self.tracks


class Artist(Answer):
    """An artist of the catalogue."""

    id: str
    name: str
    genres: tuple[str, ...]
    popularity: int | None  # 0 to 100; None if unknown
    track_count: int


class ArtistsPage(Page[Artist]):
    """One page of artists, best first."""

    artists: tuple[Artist, ...]
    total: int

    @property
    def items(self) -> Sequence[Artist]:
        return self.artists


class Genre(Answer):
    """A genre of the catalogue."""

    name: str
    track_count: int


class GenresPage(Page[Genre]):
    """One page of genres by name."""

    genres: tuple[Genre, ...]

    @property
    def items(self) -> Sequence[Genre]:
        return self.genres


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


class Meaning(Answer):
    """A sentence in both languages."""

    en: str
    ko: str


class Correction(Answer):
    """A name as written in a prompt, and the name of the catalogue that is used for it."""

    written: str
    used: str


class PromptPart(Answer):
    """A part of a prompt, and what it adds to the query."""

    id: str  # names it in `removed` of the next call
    kind: str
    start: int  # in Unicode characters, as Python counts them
    end: int
    words: str
    meaning: Meaning
    query: dict[str, Any]
    applied: bool
    problem: str | None  # why it is not applied, such as "contradiction"
    correction: Correction | None
    removable: bool


class NotUnderstood(Answer):
    """Words of a prompt that no part covers."""

    start: int
    end: int
    words: str


class Prompt(Answer):
    """A wish in words as the query that was understood."""

    request_id: str
    text: str
    parts: tuple[PromptPart, ...]
    not_understood: tuple[NotUnderstood, ...]
    removed: tuple[str, ...]
    unknown_removed: tuple[str, ...]
    query: dict[str, Any] | None  # a body for recommendations; None if the catalogue is empty
    read_by: Literal["parser", "model"]
    model_problem: str
    catalogue_version: str
    recommendations: Recommendations | None


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


class Recorded(Answer):
    """How many events were new; all are on the gateway's disk.

    `degraded` contains "database" if they wait on disk because it is unavailable.
    """

    accepted: int
    duplicates: int  # events that were stored before
    degraded: tuple[str, ...] = ()


class Undone(Answer):
    """An event that counts no longer."""

    event_id: str
    undone: bool


class Ban(Answer):
    """Whether a listener has banned an artist."""

    listener: str
    artist_id: str
    banned: bool


class Deleted(Answer):
    """How much of a listener's data was deleted."""

    deleted_events: int
    unlinked_recommendations: int
    deleted_playlists: int
    deleted_signals: int = 0  # rows of the memory; servers before it do not send the field


class HistoryReport(Answer):
    """What the import of a history found; read = stored + duplicate + quarantined."""

    rows_read: int
    rows_stored: int
    rows_duplicate: int
    rows_quarantined: int
    sources: Mapping[str, int]  # rows by what the files were recognised as
    kinds: Mapping[str, int]  # signals by kind
    matched: Mapping[str, int]  # rows by how their track was found
    sessions: int
    banned_artists: int
    passed_over: int
    files_ignored: int
    unchanged: bool
    unmatched: tuple[str, ...]  # up to 50 songs that the catalogue does not have


class HistoryUpload(Answer):
    """The state of an uploaded history; `report` is None before the end."""

    upload_id: str
    state: Literal["receiving", "queued", "running", "done", "failed"]
    bytes: int
    received: int
    part_bytes: int
    share: float  # of the import, 0 to 1
    failure: str
    reason: str  # unmatched, empty, unreadable or interrupted; empty without a failure
    worker_running: bool
    worker_command: str
    report: HistoryReport | None


class ArtistPlaces(Answer):
    """An artist's share of all places in lists."""

    name: str
    share: float  # 0 to 1


class ModelReceived(Answer):
    """How the lists of one model were received; low and high bound the share approved."""

    model: str
    lists: int
    approved: int  # lists with a like, a save or a playlist_add
    low: float  # 95 % interval of the share
    high: float


class Insights(Answer):
    """A summary of the lists of some hours."""

    since: datetime
    lists: int
    impressions: int  # tracks on all lists, repeated ones included
    tracks_shown: int  # distinct tracks
    artists: tuple[ArtistPlaces, ...]
    events: Mapping[str, int]
    models: tuple[ModelReceived, ...]


class ExperimentRule(Answer):
    """When trials decide."""

    alpha: float  # error rate of the sequential test
    min_effect: float
    most_trials: int
    unit: str  # "listener" or "list": what one trial is


class Preference(Answer):
    """The share that the challenger would win of equal traffic; a half is no preference."""

    seen: float
    low: float  # 95 % interval
    high: float


class Latency(Answer):
    """Milliseconds of ranking."""

    median: float
    p95: float


class Shadow(Answer):
    """How the challenger's lists compare that were not shown to listeners."""

    requests: int
    rank_correlation: float | None  # -1 to 1
    overlap: float | None  # share of tracks in both lists, 0 to 1
    champion_ms: Latency | None
    challenger_ms: Latency | None


class Experiment(Answer):
    """An experiment and the results of its trials."""

    experiment_id: str
    running: bool
    mode: str
    percent: float  # of requests that take part
    champion: str
    challenger: str
    challenger_held: bool
    challenger_refused: str
    started_at: datetime
    ended_at: datetime | None
    reason: str
    rule: ExperimentRule
    lists: Mapping[str, int]
    other_lists: int
    wins: int  # of the challenger
    losses: int
    ties: int
    verdict: str
    p_value: float  # valid at any time (sequential test)
    preference: Preference
    shadow: Shadow


class ExperimentAnswer(Answer):
    """The experiment that runs, else the one that ended last, else None."""

    experiment: Experiment | None


class Moved(Answer):
    """How far one quantity has moved; `ks` is None for quantities without an order."""

    psi: float  # population stability index, 0 for no change
    ks: float | None  # Kolmogorov-Smirnov distance, 0 to 1


class Drift(Answer):
    """The last result of `quintet drift`."""

    time: datetime
    model: str
    baseline: int  # tracks of the reference lists
    recent: int  # tracks recommended lately
    enough: bool  # whether recent suffices to judge
    drifted: tuple[str, ...]
    quantities: Mapping[str, Moved]
    features: Mapping[str, Moved]


class DagRun(Answer):
    """A run of a DAG; start is None while it waits, end while it runs."""

    run_id: str
    state: str
    start: datetime | None
    end: datetime | None
    link: str


class DagRuns(Answer):
    """A DAG and its last runs, the newest first."""

    dag_id: str
    runs: tuple[DagRun, ...]


class Operations(Answer):
    """The last drift report and the last runs of DAGs."""

    drift: Drift | None
    airflow: Literal["on", "off", "away", "refused"]
    dags: tuple[DagRuns, ...]


class TrafficCounts(Answer):
    """Answers of the gateway, without those to probes and to the operator's page."""

    requests: int
    client_errors: int  # status 400 to 499
    server_errors: int  # status 500 to 599
    median_ms: float | None  # estimated from a histogram; None without answers
    p95_ms: float | None


class TrafficInterval(TrafficCounts):
    """Answers of one interval."""

    begin: datetime


class TrafficRoute(TrafficCounts):
    """Answers of one route in the whole period."""

    route: str


class Traffic(Answer):
    """Answers of a period; intervals without answers are left out, the busiest route is first."""

    seconds: int  # length of an interval
    total: TrafficCounts
    intervals: tuple[TrafficInterval, ...]
    routes: tuple[TrafficRoute, ...]


class ApprovalCount(Answer):
    """Approval of one model's lists of one hour or day."""

    begin: datetime
    model: str
    lists: int
    approved: int  # lists with a like, a save or a playlist_add


class FeedbackCount(Answer):
    """Feedback of one kind in one hour or day."""

    begin: datetime
    kind: str
    count: int


class Trend(Answer):
    """Approval by model, and feedback by kind, over time."""

    unit: Literal["hour", "day"]
    approval: tuple[ApprovalCount, ...]
    feedback: tuple[FeedbackCount, ...]


class OperationEvent(Answer):
    """Something that happened to the installation, such as a restart or a promotion."""

    time: datetime
    kind: str
    subject: str  # the service, version, model or kind of import
    detail: str


class OperatorOverview(Answer):
    """The installation now and over some hours; a part is None while it is unavailable."""

    time: datetime
    hours: int
    services: Mapping[str, str]
    model: Model | None
    quality: Mapping[str, float]  # of its evaluation, as the registry has it
    traffic: Traffic | None
    insights: Insights | None
    trend: Trend | None
    experiment: Experiment | None  # None also without any
    operations: Operations
    events: tuple[OperationEvent, ...]  # the newest first
    unavailable: tuple[str, ...]  # database, ranker


class RecordedTrack(Answer):
    """One place of a recorded list."""

    position: int  # from 1
    track_id: str
    title: str  # empty if the track has left the catalogue
    artists: tuple[str, ...]
    score: float
    channels: tuple[str, ...]
    origin: str  # champion or challenger, in an interleaved list
    features: Mapping[str, float | None]
    reasons: Reasons | None


class RecordedEvent(Answer):
    """Feedback on a recorded list."""

    kind: str
    track_id: str
    position: int | None
    dwell_ms: int | None
    occurred_at: datetime
    received_at: datetime


class RecordedList(Answer):
    """A recorded list with everything that made it, but for who it was for."""

    recommendation_id: str
    shown_at: datetime
    surface: str  # the path that answered
    has_listener: bool
    seeds: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any]
    pool: Mapping[str, int]
    versions: Versions
    experiment_id: str
    arm: str
    tracks: tuple[RecordedTrack, ...]
    feedback: tuple[RecordedEvent, ...]
    reasons_from: Literal["replay", "other_versions", "no_options", "unavailable"]


class RegisteredModel(Answer):
    """A model of the registry."""

    number: str
    model: str  # the version of its bundle, as in Versions.model
    kind: str
    catalogue: str
    aliases: tuple[str, ...]  # such as champion
    create_time: datetime
    promote_time: datetime | None  # when it became champion last
    metrics: Mapping[str, float]


class ModelRequest(Answer):
    """A promotion or a rollback that was asked for; times are empty before they come."""

    id: int
    action: Literal["promote", "rollback"]
    number: str  # the model to promote, or the champion to roll back from
    state: Literal["queued", "running", "done", "failed"]
    message: str
    requested_at: str
    started_at: str
    ended_at: str


class RegisteredModels(Answer):
    """The registry's models, the newest first, and the latest requests."""

    registry: Literal["up", "unavailable", "off", "unknown"]
    previous_champion: str  # empty if there is none to roll back to
    models: tuple[RegisteredModel, ...]
    worker_running: bool
    worker_command: str
    requests: tuple[ModelRequest, ...]


class Readiness(Answer):
    """Whether all services are SERVING; which are not, and how they are."""

    ready: bool
    services: Mapping[str, str]
    not_ready: tuple[str, ...]


class Progress(Answer):
    """Steps done and in all; a total of 0 means that it is not known yet."""

    done: int
    total: int


class MusicSource(Answer):
    """A source of a listener's own music; times are ISO 8601 in UTC, empty before the first."""

    name: str
    kind: str  # folder, subsonic, jellyfin, beets or reccobeats
    address: str
    credential: str  # where its secret is: env:NAME or file:PATH
    play_allowed: bool
    added_at: str
    started_at: str
    synced_at: str
    last_error: str  # of the last sync; empty if it succeeded
    present: int
    absent: int
    quarantined: int
    sync: Progress
    analysis: Progress


class LibraryRequest(Answer):
    """A request for work on a source."""

    id: int
    action: Literal["add", "sync", "analyse", "remove", "push"]
    source: str
    state: Literal["queued", "running", "done", "failed"]
    message: str
    requested_at: str
    started_at: str
    ended_at: str
    seconds_left: float | None


class Library(Answer):
    """All sources, the latest requests with the newest first, and whether a worker runs."""

    worker_running: bool
    worker_command: str
    sources: tuple[MusicSource, ...]
    requests: tuple[LibraryRequest, ...]


class Pushed(Answer):
    """The playlist that a saved list became at a source."""

    source: str
    playlist: str  # the source's own id of it, or the name of its file
    name: str
    tracks: int
    missing: int
    pushed_at: str


class SavedList(Answer):
    """A saved list without its tracks; times are ISO 8601 in UTC."""

    id: str
    name: str
    origin: Literal["api", "command", "mix"]
    tracks: int
    created_at: str
    updated_at: str
    pushes: tuple[Pushed, ...]


class Target(Answer):
    """A source that a list can be pushed to."""

    source: str
    kind: str


class SavedListsPage(Page[SavedList]):
    """One page of saved lists, the one changed last first, and where they can be pushed to."""

    lists: tuple[SavedList, ...]
    targets: tuple[Target, ...]

    @property
    def items(self) -> tuple[SavedList, ...]:
        """The lists of this page."""
        return self.lists


class SavedListTracks(SavedList):
    """A saved list with its tracks, and the latest requests to push it, the newest first."""

    track_ids: tuple[str, ...]
    worker_running: bool
    worker_command: str
    requests: tuple[LibraryRequest, ...]


class DeletedList(Answer):
    """A saved list that was deleted."""

    id: str


class Quarantined(Answer):
    """A file or song that could not be read or analysed."""

    item_id: str
    stage: Literal["sync", "analysis"]
    path: str
    reason: str
    quarantined_at: str


class QuarantinePage(Page[Quarantined]):
    """One page of a source's quarantine."""

    quarantined: tuple[Quarantined, ...]

    @property
    def items(self) -> Sequence[Quarantined]:
        """What could not be read or analysed."""
        return self.quarantined


class SourceGroup(Answer):
    """An artist or album as a media server has it, by the server's own id."""

    id: str
    name: str


class SourceMatch(Answer):
    """What an id of a source names, with the tracks of the catalogue that it stands for.

    Attributes:
        source: Name of the source.
        kind: What the id names.
        id: The source's own id.
        name: Of an album or artist; empty for a song.
        track_ids: Of the catalogue, 1 to 500.
    """

    source: str
    kind: Literal["song", "album", "artist"]
    id: str
    name: str
    track_ids: tuple[str, ...]


class TrackPlace(Answer):
    """A track as one source has it."""

    source: str
    kind: str
    item_id: str
    path: str
    present: bool
    playable: bool
    artists: tuple[SourceGroup, ...] = ()
    album: SourceGroup | None = None


class OwnTrack(Answer):
    """The sources of one track."""

    id: str
    has_cover: bool
    places: tuple[TrackPlace, ...]  # empty for a track that no source has
    recording_mbid: str = ""  # MusicBrainz id of the recording; empty if it is not known


class OwnTracks(Answer):
    """Tracks that sources have, or whose MusicBrainz recording is known; others are left out."""

    tracks: tuple[OwnTrack, ...]


class Binary(Answer):
    """Audio or a picture, whole or a part.

    Attributes:
        status: 200, 206 for a part, 304 if it is unchanged.
        headers: Of the answer, names in lower case.
        content: Its bytes.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = Field(repr=False)


class AccessToken(Answer):
    """An access token and the seconds that it lives."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int  # seconds


class CatalogueMap(Answer):
    """Every track as a point of a plane.

    Attributes:
        etag: Its version, for the next time.
        content: An Arrow IPC file with track_id, title, artist, genre, x and y.
    """

    etag: str
    content: bytes = Field(repr=False)
