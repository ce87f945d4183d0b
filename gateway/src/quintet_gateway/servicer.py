"""The feedback service over gRPC: convert protobuf for the recorder and back."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from quintet.feedback.v1 import feedback_pb2, feedback_pb2_grpc
from quintet_contract.limits import EVENT_KINDS
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.tokens import CALLER
from quintet_text.track_ids import id_of, track_id_of

from quintet_gateway.access import ANYONE
from quintet_gateway.feedback import (
    Cursor,
    Event,
    EventBatch,
    Recorder,
    check_artist,
    check_event_id,
    check_events,
    check_listener,
    export_record,
)

NAME: Final = feedback_pb2.DESCRIPTOR.services_by_name["FeedbackService"].full_name
# A message of 1,000 records stays below gRPC's default limit of 4 MiB.
_MAX_PAGE: Final = 1000


class FeedbackServicer(feedback_pb2_grpc.FeedbackServiceServicer):
    """Serve events, bans of artists, exports and deletions."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def RecordEvents(
        self, request: feedback_pb2.RecordEventsRequest, _context: Any
    ) -> feedback_pb2.RecordEventsResponse:
        """Record events."""
        events = [event_of(event, number) for number, event in enumerate(request.events)]
        job = EventBatch(events, (CALLER.get() or ANYONE).name)
        check_events(events, job.place, "occur_time")
        recorded = await self._recorder.record(job)
        return feedback_pb2.RecordEventsResponse(
            accepted=recorded.accepted,
            duplicates=recorded.duplicates,
            degraded=recorded.degraded,
        )

    async def UndoEvent(
        self, request: feedback_pb2.UndoEventRequest, _context: Any
    ) -> feedback_pb2.UndoEventResponse:
        """Undo an event of the caller."""
        check_event_id(request.event_id)
        await self._recorder.undo((CALLER.get() or ANYONE).name, request.event_id)
        return feedback_pb2.UndoEventResponse()

    async def ExportListener(
        self, request: feedback_pb2.ExportListenerRequest, _context: Any
    ) -> feedback_pb2.ExportListenerResponse:
        """Export one page of a listener's records."""
        check_listener(request.listener, "listener")
        if request.page_size < 0:
            raise InvalidInput(
                Reason.PAGE_SIZE_RANGE,
                f"page_size must not be negative; got {request.page_size}",
                field="page_size",
            )
        size = min(request.page_size or _MAX_PAGE, _MAX_PAGE)
        page = await self._recorder.export(request.listener, cursor_of(request.page_token), size)
        return feedback_pb2.ExportListenerResponse(
            records=[record_of(export_record(*each)) for each in page.records],
            next_page_token="" if page.next is None else token_of(page.next),
        )

    async def DeleteListener(
        self, request: feedback_pb2.DeleteListenerRequest, _context: Any
    ) -> feedback_pb2.DeleteListenerResponse:
        """Delete a listener's events, memory and playlists, and unlink their lists."""
        check_listener(request.listener, "listener")
        deleted = await self._recorder.delete(request.listener)
        return feedback_pb2.DeleteListenerResponse(
            deleted_events=deleted.events,
            unlinked_recommendations=deleted.recommendations,
            deleted_playlists=deleted.playlists,
            deleted_signals=deleted.signals,
        )

    async def BanArtist(
        self, request: feedback_pb2.BanArtistRequest, _context: Any
    ) -> feedback_pb2.BanArtistResponse:
        """Ban an artist for a listener."""
        await self._set_ban(request.listener, request.artist_id, banned=True)
        return feedback_pb2.BanArtistResponse()

    async def AllowArtist(
        self, request: feedback_pb2.AllowArtistRequest, _context: Any
    ) -> feedback_pb2.AllowArtistResponse:
        """Lift a listener's ban of an artist."""
        await self._set_ban(request.listener, request.artist_id, banned=False)
        return feedback_pb2.AllowArtistResponse()

    async def _set_ban(self, listener: str, artist_id: str, *, banned: bool) -> None:
        check_listener(listener, "listener")
        artist = id_of("artist", artist_id)
        check_artist(artist)
        await self._recorder.ban(listener, artist, banned=banned)


def event_of(event: feedback_pb2.Event, number: int) -> Event:
    """Read an event; an unknown kind becomes empty, which `check_events` rejects.

    Raises:
        InvalidInput: Its time is outside the years 1 to 9999.
    """
    try:
        moment = event.occur_time.ToDatetime(UTC) if event.HasField("occur_time") else None
    except (ValueError, OverflowError) as fault:
        field = f"events[{number}].occur_time"
        raise InvalidInput(Reason.EVENT_RANGE, f"{field} must be a time", field=field) from fault
    return Event(
        event.event_id,
        event.recommendation_id,
        track_id_of(event.track_id),
        EVENT_KINDS[event.kind - 1] if 1 <= event.kind <= len(EVENT_KINDS) else "",
        event.position if event.HasField("position") else None,
        event.dwell_ms if event.HasField("dwell_ms") else None,
        event.listener,
        moment,
    )


def record_of(record: Mapping[str, Any]) -> feedback_pb2.ListenerRecord:
    """Write a record of an export."""
    if record["record"] == "recommendation":
        shown = feedback_pb2.ShownList(
            recommendation_id=record["recommendation_id"],
            surface=record["surface"],
            seeds=[json.dumps(seed, ensure_ascii=False) for seed in record["seeds"]],
            model_version=record["model_version"],
            index_version=record["index_version"],
            catalogue_version=record["catalogue_version"],
            feature_hash=record["feature_hash"],
        )
        shown.show_time.FromDatetime(datetime.fromisoformat(record["shown_at"]))
        return feedback_pb2.ListenerRecord(list=shown)
    if record["record"] == "impression":
        track = feedback_pb2.ShownTrack(
            recommendation_id=record["recommendation_id"],
            position=record["position"],
            track_id=record["track_id"],
            score=record["score"],
            channels=record["channels"],
            features=record["features"],
        )
        return feedback_pb2.ListenerRecord(track=track)
    if record["record"] in ("signal", "banned_artist", "saved_list"):
        return _memory_record(record)
    event = feedback_pb2.Event(
        event_id=record["event_id"],
        recommendation_id=record["recommendation_id"],
        track_id=record["track_id"],
        kind=feedback_pb2.EventKind.ValueType(EVENT_KINDS.index(record["kind"]) + 1),
        position=record["position"],
        dwell_ms=record["dwell_ms"],
    )
    event.occur_time.FromDatetime(datetime.fromisoformat(record["occurred_at"]))
    return feedback_pb2.ListenerRecord(event=event)


def _memory_record(record: Mapping[str, Any]) -> feedback_pb2.ListenerRecord:
    if record["record"] == "banned_artist":
        banned = feedback_pb2.BannedArtist(artist_id=record["artist_id"], source=record["source"])
        return feedback_pb2.ListenerRecord(banned_artist=banned)
    if record["record"] == "saved_list":
        saved = feedback_pb2.SavedList(
            list_id=record["list_id"], name=record["name"], track_ids=record["track_ids"]
        )
        saved.create_time.FromDatetime(datetime.fromisoformat(record["created_at"]))
        saved.update_time.FromDatetime(datetime.fromisoformat(record["updated_at"]))
        return feedback_pb2.ListenerRecord(saved_list=saved)
    signal = feedback_pb2.Signal(
        track_id=record["track_id"],
        kind=record["kind"],
        count=record["count"],
        source=record["source"],
        licence=record["licence"],
    )
    signal.occur_time.FromDatetime(datetime.fromisoformat(record["at"]))
    return feedback_pb2.ListenerRecord(signal=signal)


def token_of(cursor: Cursor) -> str:
    """Write a cursor of an export as a page token."""
    return base64.urlsafe_b64encode(json.dumps([cursor.stage, *cursor.key]).encode()).decode()


# The types of a cursor's key at each stage: lists, impressions, events, signals, banned artists,
# saved lists (`quintet_store.feedback`).
_KEYS: Final[tuple[tuple[type, ...], ...]] = (
    (str,),
    (str, int),
    (str, str),
    (str, str, int, str),
    (str, str),
    (str,),
)
# Positions are 32-bit integers in the database, times of signals 64-bit ones.
_MAX_INTS: Final = (0, 2**31 - 1, 0, 2**63 - 1, 0, 0)


def cursor_of(token: str) -> Cursor:
    """Read a page token; an empty one is the first page.

    Raises:
        InvalidInput: The token was not issued by `token_of`.
    """
    if not token:
        return Cursor()
    try:
        stage, *key = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
        kinds = _KEYS["012345".index(str(stage))]
    except (ValueError, TypeError, IndexError, RecursionError) as fault:
        raise _token_invalid() from fault
    most = _MAX_INTS[int(stage)]
    fits = len(key) == len(kinds) and all(
        _is_part(part, kind, most) for part, kind in zip(key, kinds, strict=True)
    )
    if key and not fits:
        raise _token_invalid()
    return Cursor(int(stage), tuple(key))


def _is_part(part: object, kind: type, most: int) -> bool:
    if type(part) is not kind:
        return False
    # PostgreSQL rejects NUL in texts and integers beyond its columns: both would be a 500.
    return part.isprintable() if isinstance(part, str) else 0 <= int(str(part)) <= most


def _token_invalid() -> InvalidInput:
    return InvalidInput(
        Reason.PAGE_TOKEN_INVALID,
        "page_token must be a next_page_token of this export, or empty for the first page",
        field="page_token",
    )
