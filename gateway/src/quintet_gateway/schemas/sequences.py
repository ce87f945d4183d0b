"""Bodies and answers of radio sessions and paths."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import AfterValidator, BaseModel, Field, model_validator
from quintet.ranker.v1 import path_pb2, radio_pb2, transition_pb2
from quintet_contract.limits import (
    DEFAULT_ARTIST_GAP,
    DEFAULT_HEARD_DAYS,
    DEFAULT_PATH,
    DEFAULT_PATH_PER_ARTIST,
    DEFAULT_RADIO_BATCH,
    MAX_ARTIST_GAP,
    MAX_EVENTS,
    MAX_PATH,
    MAX_RADIO_BATCH,
    MAX_SEEDS,
    MIN_PATH,
)
from quintet_contract.options import Heard
from quintet_servicekit.degradation import Part

from quintet_gateway.domain import ShownTracks
from quintet_gateway.memory import HeardRule
from quintet_gateway.schemas.catalogue import ResponseModel, Track, Versions, versions_json
from quintet_gateway.schemas.reasons import Reasons
from quintet_gateway.schemas.recommendation_request import (
    Filters,
    HeardDays,
    Language,
    ListenerName,
)
from quintet_gateway.schemas.recommendation_response import (
    Discovery,
    Pool,
    SeedUsed,
    discovery_json,
    pool_json,
    seed_json,
    shown_or_bare,
)
from quintet_gateway.seeds import SeedOrId, TrackName
from quintet_gateway.song_options import SEASONAL, SEASONAL_MEANING, VARIANTS, VARIANTS_MEANING
from quintet_gateway.validation import (
    STRICT,
    Integer,
    StrictBody,
    bounds,
    counted,
    rule_error,
    within,
)

_MAX_CURSOR: Final = 512 * 1024
_ACTIONS: Final = {
    "like": radio_pb2.RADIO_ACTION_LIKE,
    "skip": radio_pb2.RADIO_ACTION_SKIP,
    "finish": radio_pb2.RADIO_ACTION_FINISH,
}
_ORIGINS: Final = {
    radio_pb2.RADIO_SEED_ORIGIN_START: "start",
    radio_pb2.RADIO_SEED_ORIGIN_LIKED: "liked",
    radio_pb2.RADIO_SEED_ORIGIN_FINISHED: "finished",
}
_OF_THE_START: Final = ("seeds", "filters", "artist_gap", "variants", "seasonal")
_HEARD: Final = "Whether tracks that the listener heard within `heard_days` may be in it."
_RADIO_HEARD: Final = (
    "What happens to tracks that the listener heard within `heard_days`: exclude leaves them out, "
    "less plays them only if no other track fits, allow does nothing."
)
_RADIO_DISCOVERY: Final = (
    "The dial from familiar (0) to discover (1): of the last 50 tracks and these, at most "
    "1 - discovery, and at least 1 - 2 * discovery, are by artists of the seeds or of the "
    "listener's memory. Without it, by score alone."
)


class SequenceBody(StrictBody):
    """Options that radio and paths share."""

    heard: Literal["exclude", "less", "allow"] = Field(default="exclude", description=_HEARD)
    heard_days: HeardDays = DEFAULT_HEARD_DAYS
    reasons: bool = Field(default=True, description="false leaves sentences and facts out")
    language: Language = "en"
    listener: ListenerName = None

    def heard_rule(self) -> HeardRule:
        """Read what happens to tracks that the listener heard."""
        return HeardRule(Heard(self.heard), self.heard_days)


class RadioEvent(BaseModel):
    """What the listener did with a track of the session."""

    model_config = STRICT
    track_id: TrackName
    action: Literal["like", "skip", "finish"]


def _cursor(value: str | None) -> str | None:
    if value is not None and not 1 <= len(value) <= _MAX_CURSOR:
        raise rule_error(
            "CURSOR_INVALID", f"must be 1 to {_MAX_CURSOR} characters; got {len(value)}"
        )
    return value


class RadioBody(SequenceBody):
    """Seeds to start a session, or the cursor to continue it."""

    heard: Literal["exclude", "less", "allow"] = Field(default="exclude", description=_RADIO_HEARD)
    discovery: (
        Annotated[float, AfterValidator(within("DISCOVERY_RANGE", 0, 1)), bounds(0, 1)] | None
    ) = Field(default=None, description=_RADIO_DISCOVERY)
    seeds: Annotated[
        list[SeedOrId],
        AfterValidator(counted("SEED_COUNT", 0, MAX_SEEDS)),
        Field(description="To start: one to five. Absent with a cursor."),
    ] = Field(default=[])
    cursor: Annotated[
        str | None,
        AfterValidator(_cursor),
        Field(
            description="To continue: from the last answer.",
            json_schema_extra={"minLength": 1, "maxLength": _MAX_CURSOR},
        ),
    ] = None
    events: Annotated[
        list[RadioEvent],
        AfterValidator(counted("EVENT_COUNT", 0, MAX_EVENTS)),
        Field(description="What the listener did since the last request."),
    ] = Field(default=[])
    limit: Annotated[
        Integer,
        AfterValidator(within("LIMIT_RANGE", 1, MAX_RADIO_BATCH)),
        bounds(1, MAX_RADIO_BATCH),
    ] = DEFAULT_RADIO_BATCH
    filters: Filters = Field(default_factory=Filters)
    artist_gap: Annotated[
        Integer,
        AfterValidator(within("ARTIST_CAP_RANGE", 0, MAX_ARTIST_GAP)),
        bounds(0, MAX_ARTIST_GAP),
        Field(description="The least number of tracks between two that share an artist."),
    ] = DEFAULT_ARTIST_GAP
    variants: Literal["exclude", "allow"] = Field(default="exclude", description=VARIANTS_MEANING)
    seasonal: Literal["exclude", "allow"] = Field(default="exclude", description=SEASONAL_MEANING)

    @model_validator(mode="after")
    def _starts_or_continues(self) -> "RadioBody":
        if self.cursor is None and not self.seeds:
            raise rule_error(
                "SEED_COUNT", f"must be 1 to {MAX_SEEDS} to start, or send a cursor", "seeds"
            )
        if self.cursor is not None:
            for name in _OF_THE_START:
                if name in self.model_fields_set:
                    raise rule_error(
                        "REQUEST_MALFORMED",
                        "must be absent with a cursor, which contains it; "
                        "to change it, start a new session",
                        name,
                    )
        return self

    def message(self) -> radio_pb2.ContinueRadioRequest:
        """Write the request for the ranker, without the cursor."""
        request = radio_pb2.ContinueRadioRequest(
            events=[
                radio_pb2.RadioEvent(track_id=event.track_id, action=_ACTIONS[event.action])
                for event in self.events
            ],
            limit=self.limit,
            omit_reasons=not self.reasons,
            language=self.language,
            # Feature values are stored with the impressions, for training.
            include_features=True,
            discovery=self.discovery,
        )
        if self.cursor is None:
            options = radio_pb2.RadioOptions(
                seeds=[seed.message() for seed in self.seeds],
                filters=self.filters.message(),
                artist_gap=self.artist_gap,
                variants=VARIANTS[self.variants],
                seasonal=SEASONAL[self.seasonal],
            )
            request.options.CopyFrom(options)
        return request


class PathBody(SequenceBody):
    """Two tracks, and options for the path between them."""

    heard: Literal["exclude", "allow"] = Field(default="exclude", description=_HEARD)
    start: TrackName
    end: TrackName
    length: Annotated[
        Integer,
        AfterValidator(within("LIMIT_RANGE", MIN_PATH, MAX_PATH)),
        bounds(MIN_PATH, MAX_PATH),
        Field(description="Tracks, both ends included."),
    ] = DEFAULT_PATH
    filters: Filters = Field(default_factory=Filters)
    max_per_artist: Annotated[
        Integer,
        AfterValidator(within("ARTIST_CAP_RANGE", 0, MAX_PATH)),
        bounds(0, MAX_PATH),
        Field(description="Tracks per artist between the ends; 0 for no limit."),
    ] = DEFAULT_PATH_PER_ARTIST
    variants: Literal["exclude", "allow"] = Field(default="exclude", description=VARIANTS_MEANING)
    seasonal: Literal["exclude", "allow"] = Field(default="exclude", description=SEASONAL_MEANING)

    def message(self) -> path_pb2.FindPathRequest:
        """Write the request for the ranker."""
        return path_pb2.FindPathRequest(
            start_track_id=self.start,
            end_track_id=self.end,
            length=self.length,
            filters=self.filters.message(),
            max_per_artist=self.max_per_artist,
            variants=VARIANTS[self.variants],
            seasonal=SEASONAL[self.seasonal],
            omit_reasons=not self.reasons,
            language=self.language,
        )


class StepFact(ResponseModel):
    """One fact about a track and the track before it; docs/path.md lists the kinds."""

    kind: str
    relation: str
    value_before: float
    value: float
    mode_before: float
    mode: float
    name: str


class Transition(ResponseModel):
    """How a track follows the track before it."""

    distance: float = Field(description="0 (alike) to 1: the mean of sound and taste")
    sound_distance: float
    taste_distance: float | None = Field(description="null if the model has no taste space")
    sentence: str = Field(description="the facts in words; empty if `reasons` is false")
    facts: list[StepFact]


class RadioTrack(ResponseModel):
    """One track of a session."""

    rank: int = Field(description="the place in this answer, from 1")
    position: int = Field(description="the place in the session, from 1")
    score: float
    similarity: float | None = Field(description="null if it was not analysed")
    channels: list[str]
    known: bool = Field(description="by an artist that the dial counts as known; false without it")
    track: Track
    reasons: Reasons | None = Field(description="null if the request has `reasons: false`")
    transition: Transition | None = Field(description="null for the first track of a session")


class RadioSeed(SeedUsed):
    """Something that the radio chooses tracks by."""

    origin: Literal["start", "liked", "finished"]


class RadioResponse(ResponseModel):
    """The next tracks of a session, in the order to play them."""

    recommendation_id: str
    request_id: str
    tracks: list[RadioTrack]
    cursor: str
    exhausted: bool = Field(description="the session has ended")
    remaining: int = Field(description="allowed recordings that were not played yet")
    played: int = Field(description="tracks of the session so far")
    seeds: list[RadioSeed]
    avoided: list[str] = Field(description="ids of tracks that were skipped lately")
    relaxed: list[str] = Field(description="rules that gave way because few tracks are left")
    discovery: Discovery | None = Field(description="what the dial did; null without the dial")
    versions: Versions
    pool: Pool
    degraded: list[Part]


class PathTrack(ResponseModel):
    """One track of a path."""

    position: int
    track: Track
    transition: Transition | None = Field(description="null for the start")


class PathResponse(ResponseModel):
    """A path: the start first, the end last."""

    recommendation_id: str
    request_id: str
    tracks: list[PathTrack]
    greatest_step: float
    mean_step: float
    after_filtering: int
    versions: Versions
    degraded: list[Part]


def radio_json(
    batch: radio_pb2.ContinueRadioResponse, tracks: ShownTracks, language: str
) -> dict[str, Any]:
    """Write a batch for orjson, without its ids, `cursor` and `degraded`."""
    return {
        "tracks": [_radio_track(each, tracks) for each in batch.tracks],
        "exhausted": batch.exhausted,
        "remaining": batch.remaining,
        "played": batch.played,
        "seeds": [
            {**seed_json(each.seed, tracks), "origin": _ORIGINS[each.origin]}
            for each in batch.seeds
        ],
        "avoided": [*batch.avoided_track_ids],
        "relaxed": [*batch.relaxed],
        "discovery": discovery_json(batch, language) if batch.HasField("discovery") else None,
        "versions": versions_json(batch.versions),
        "pool": pool_json(batch.pool),
    }


def _radio_track(each: radio_pb2.RadioTrack, tracks: ShownTracks) -> dict[str, Any]:
    ranked = each.track
    return {
        "rank": ranked.rank,
        "position": each.position,
        "score": ranked.score,
        "similarity": ranked.similarity if ranked.HasField("similarity") else None,
        "channels": [*ranked.channels],
        "known": ranked.known,
        "track": orjson.Fragment(shown_or_bare(tracks, ranked.track_id)),
        "reasons": orjson.Fragment(ranked.reasons_json or b"null"),
        "transition": _transition(each.transition) if each.HasField("transition") else None,
    }


def path_json(path: path_pb2.FindPathResponse, tracks: ShownTracks) -> dict[str, Any]:
    """Write a path for orjson, without its ids and `degraded`."""
    return {
        "tracks": [
            {
                "position": each.position,
                "track": orjson.Fragment(shown_or_bare(tracks, each.track_id)),
                "transition": _transition(each.transition) if each.HasField("transition") else None,
            }
            for each in path.tracks
        ],
        "greatest_step": path.greatest_step,
        "mean_step": path.mean_step,
        "after_filtering": path.after_filtering,
        "versions": versions_json(path.versions),
    }


def _transition(step: transition_pb2.Transition) -> dict[str, Any]:
    written = orjson.loads(step.reasons_json) if step.reasons_json else {}
    facts: Sequence[Any] = written.get("facts", ())
    return {
        "distance": step.distance,
        "sound_distance": step.sound_distance,
        "taste_distance": step.taste_distance if step.HasField("taste_distance") else None,
        "sentence": written.get("sentence", ""),
        "facts": [*facts],
    }


_SONG: Final = "6rqhFgbbKwnb9MLmUQDhG6"
RADIO_EXAMPLES: Final[dict[str, Any]] = {
    "start": {"summary": "Start from a song", "value": {"seeds": [_SONG], "limit": 20}},
    "options": {
        "summary": "Every option of a start",
        "value": {
            "seeds": [_SONG, {"genre": "rock", "weight": 0.5}],
            "filters": {"min_energy": 0.2},
            "artist_gap": 6,
            "variants": "exclude",
            "seasonal": "exclude",
            "limit": 10,
            "heard": "less",
            "heard_days": 30,
            "discovery": 0.5,
            "reasons": True,
            "language": "en",
        },
    },
}
PATH_EXAMPLES: Final[dict[str, Any]] = {
    "ten songs": {
        "summary": "From one song to another in ten",
        "value": {"start": _SONG, "end": "7J1uxwnxfQLu4APicE5Rnj", "length": 10},
    },
}
