"""The methods of RadioService and PathService."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

import orjson
from quintet.ranker.v1 import (
    path_pb2,
    path_pb2_grpc,
    radio_pb2,
    radio_pb2_grpc,
    ranker_pb2,
    transition_pb2,
)
from quintet_contract.limits import (
    DEFAULT_PATH,
    DEFAULT_PATH_PER_ARTIST,
    DEFAULT_RADIO_BATCH,
    DEFAULT_RADIO_BATCHES,
    MAX_BANNED_ARTISTS,
    MAX_EVENTS,
    MAX_KNOWN_TRACKS,
    MAX_RADIO_BATCHES,
    MAX_SIGNALS,
)
from quintet_contract.options import RadioAction
from quintet_contract.seeds import check_number
from quintet_engine.query import DEFAULT_LANGUAGE, QueryInvalid, Seasonal, Variants
from quintet_engine.radio_session import Event, Origin, Session
from quintet_engine.sequence import Batch, BatchRequest, PathQuery, Transition
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.logs import note_answered
from quintet_servicekit.messages import seed_message
from quintet_servicekit.metrics import DEGRADED
from quintet_text.track_ids import id_of, track_id_of

from quintet_ranker.domain import Player, RecommendationAnswer
from quintet_ranker.domain.player import rejections
from quintet_ranker.servicer.cursors import cursor_of, read_cursor, session_of
from quintet_ranker.servicer.requests import (
    SEASONAL,
    SONG_VARIANTS,
    filters_of,
    preferences_of,
)
from quintet_ranker.servicer.responses import response_of

_ACTIONS: Final = {
    radio_pb2.RADIO_ACTION_LIKE: RadioAction.LIKE,
    radio_pb2.RADIO_ACTION_SKIP: RadioAction.SKIP,
    radio_pb2.RADIO_ACTION_FINISH: RadioAction.FINISH,
}
_ORIGINS: Final = {
    Origin.START: radio_pb2.RADIO_SEED_ORIGIN_START,
    Origin.LIKED: radio_pb2.RADIO_SEED_ORIGIN_LIKED,
    Origin.FINISHED: radio_pb2.RADIO_SEED_ORIGIN_FINISHED,
}


class RadioServicer(radio_pb2_grpc.RadioServiceServicer):
    """The methods of RadioService.

    Args:
        player: Continues sessions.
    """

    def __init__(self, player: Player) -> None:
        self._player = player

    async def ContinueRadio(
        self, request: radio_pb2.ContinueRadioRequest, _context: Any
    ) -> radio_pb2.ContinueRadioResponse:
        """Return the next tracks of a session."""
        return await self._continued(request)

    async def StreamRadio(
        self, request: radio_pb2.StreamRadioRequest, _context: Any
    ) -> AsyncIterator[radio_pb2.StreamRadioResponse]:
        """Return batch after batch, until the session or the number of batches ends."""
        count = request.batch_count if request.HasField("batch_count") else DEFAULT_RADIO_BATCHES
        with rejections():
            check_number("batch_count", "LIMIT_RANGE", count, 1, MAX_RADIO_BATCHES)
        following = radio_pb2.ContinueRadioRequest()
        following.CopyFrom(request.request)
        for _ in range(count):
            batch = await self._continued(following)
            yield radio_pb2.StreamRadioResponse(batch=batch)
            if batch.exhausted:
                return
            following.ClearField("options")
            following.ClearField("events")
            following.cursor = batch.cursor

    async def _continued(
        self, request: radio_pb2.ContinueRadioRequest
    ) -> radio_pb2.ContinueRadioResponse:
        batch = await self._player.play(
            radio_session_of(request), radio_events_of(request), batch_request_of(request)
        )
        response = _batch_message(batch)
        for part in response.degraded:
            DEGRADED.labels(part).inc()
        note_answered(
            model=response.versions.model_version, catalogue=response.versions.catalogue_version
        )
        return response


class PathServicer(path_pb2_grpc.PathServiceServicer):
    """The methods of PathService.

    Args:
        player: Finds paths.
    """

    def __init__(self, player: Player) -> None:
        self._player = player

    async def FindPath(
        self, request: path_pb2.FindPathRequest, _context: Any
    ) -> path_pb2.FindPathResponse:
        """Find a path from one track to another."""
        path, seconds = await self._player.path(path_query_of(request))
        response = path_pb2.FindPathResponse(
            greatest_step=path.greatest_step,
            mean_step=path.mean_step,
            versions=ranker_pb2.Versions(
                model_version=path.model_version,
                index_version=path.index_version,
                catalogue_version=path.catalogue_version,
            ),
            degraded=path.degraded,
            after_filtering=path.after_filtering,
            ranking_seconds=seconds,
        )
        for position, (name, step) in enumerate(
            zip(path.track_ids, (None, *path.transitions), strict=True), 1
        ):
            message = None if step is None else _transition_message(step)
            response.tracks.add(track_id=name, position=position, transition=message)
        for part in path.degraded:
            DEGRADED.labels(part).inc()
        note_answered(model=path.model_version, catalogue=path.catalogue_version)
        return response


def radio_session_of(request: radio_pb2.ContinueRadioRequest) -> Session:
    """Read the session of a request.

    Raises:
        InvalidInput: It has both a cursor and options, or neither, or the cursor is invalid.
    """
    if request.cursor and request.HasField("options"):
        raise InvalidInput(
            Reason.REQUEST_MALFORMED,
            "options must be unset with a cursor, which contains the session's options; "
            "to change them, start a new session without a cursor",
            field="options",
        )
    return read_cursor(request.cursor) if request.cursor else session_of(request.options)


def radio_events_of(request: radio_pb2.ContinueRadioRequest) -> list[Event]:
    """Read the events of a request.

    Raises:
        InvalidInput: There are too many, or one has no action.
    """
    # Before they are read: of a million events each would be converted first.
    with rejections():
        if len(request.events) > MAX_EVENTS:
            message = f"events must be at most {MAX_EVENTS}; got {len(request.events)}"
            raise QueryInvalid("EVENT_COUNT", "events", message)
    return list(_read_events(request.events))


def _read_events(events: Sequence[radio_pb2.RadioEvent]) -> Iterator[Event]:
    for place, event in enumerate(events):
        action = _ACTIONS.get(event.action)
        if action is None:
            raise InvalidInput(
                Reason.EVENT_RANGE,
                f"events[{place}].action must be one of {', '.join(RadioAction)}",
                field=f"events[{place}].action",
            )
        yield Event(track_id_of(event.track_id), action)


def batch_request_of(request: radio_pb2.ContinueRadioRequest) -> BatchRequest:
    """Read what the next batch needs, besides session and events; unset fields get their defaults.

    Raises:
        InvalidInput: Too many tracks or artists are excluded, or the preferences are malformed.
    """
    with rejections():
        for label, names, most in (
            ("excluded_track_ids", request.excluded_track_ids, MAX_SIGNALS),
            ("excluded_artist_ids", request.excluded_artist_ids, MAX_BANNED_ARTISTS),
            ("heard_track_ids", request.heard_track_ids, MAX_SIGNALS),
            ("known_track_ids", request.known_track_ids, MAX_KNOWN_TRACKS),
        ):
            if len(names) > most:
                message = f"{label} must be at most {most}; got {len(names)}"
                raise QueryInvalid("FILTER_RANGE", label, message)
    return BatchRequest(
        request.limit if request.HasField("limit") else DEFAULT_RADIO_BATCH,
        frozenset(map(track_id_of, request.excluded_track_ids)),
        frozenset(id_of("artist", name) for name in request.excluded_artist_ids),
        not request.omit_reasons,
        request.language or DEFAULT_LANGUAGE,
        request.include_features,
        preferences_of(request.preferences),
        request.discovery if request.HasField("discovery") else None,
        tuple(map(track_id_of, request.known_track_ids)),
        frozenset(map(track_id_of, request.heard_track_ids)),
    )


def path_query_of(request: path_pb2.FindPathRequest) -> PathQuery:
    """Read a request for a path; unset fields get their defaults.

    Raises:
        InvalidInput: An attribute of the filters is unknown or occurs twice.
    """
    return PathQuery(
        track_id_of(request.start_track_id),
        track_id_of(request.end_track_id),
        request.length if request.HasField("length") else DEFAULT_PATH,
        filters_of(request.filters),
        request.max_per_artist if request.HasField("max_per_artist") else DEFAULT_PATH_PER_ARTIST,
        SONG_VARIANTS.get(request.variants, Variants.EXCLUDE),
        SEASONAL.get(request.seasonal, Seasonal.EXCLUDE),
        not request.omit_reasons,
        request.language or DEFAULT_LANGUAGE,
    )


def _batch_message(batch: Batch) -> radio_pb2.ContinueRadioResponse:
    seeds = [seed_message(each.seed) for each in batch.seeds]
    # Radio shows tracks as RecommendTracks does, so they are written by the same code.
    ranked = response_of(RecommendationAnswer(batch.ranking, None, 0.0), seeds)
    first = batch.session.length - len(ranked.tracks)
    response = radio_pb2.ContinueRadioResponse(
        cursor=cursor_of(batch.session),
        exhausted=batch.exhausted,
        remaining=batch.remaining,
        played=batch.session.length,
        seeds=[
            radio_pb2.RadioSeed(seed=seed, origin=_ORIGINS[each.origin])
            for seed, each in zip(seeds, batch.seeds, strict=True)
        ],
        avoided_track_ids=batch.avoided,
        relaxed=batch.relaxed,
        versions=ranked.versions,
        degraded=ranked.degraded,
        feature_names=ranked.feature_names,
        pool=ranked.pool,
        discovery=ranked.discovery if ranked.HasField("discovery") else None,
    )
    for track, step in zip(ranked.tracks, batch.transitions, strict=True):
        message = None if step is None else _transition_message(step)
        response.tracks.add(track=track, transition=message, position=first + track.rank)
    return response


def _transition_message(step: Transition) -> transition_pb2.Transition:
    reasons = b""
    if step.sentence:
        facts = [fact._asdict() for fact in step.facts]
        reasons = orjson.dumps({"sentence": step.sentence, "facts": facts})
    return transition_pb2.Transition(
        distance=step.distance,
        sound_distance=step.sound,
        taste_distance=step.taste,
        reasons_json=reasons,
    )
