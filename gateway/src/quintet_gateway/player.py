"""Compose radio sessions and paths: memory, ranker, search; and the record.

As lists do, both leave out what the listener does not want, name the parts that they were made
without, and are recorded, so that feedback can name them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from quintet.ranker.v1 import path_pb2, radio_pb2, ranker_pb2
from quintet_access.pseudonyms import Pseudonyms
from quintet_contract.limits import RADIO_CURSOR_DAYS
from quintet_contract.options import Heard
from quintet_servicekit.degradation import Part
from quintet_servicekit.errors import InvalidInput, Reason
from quintet_servicekit.metrics import DEGRADED

from quintet_gateway.domain import ShownTracks
from quintet_gateway.feedback import Recorder
from quintet_gateway.memory import HeardRule, ListenerMemory, Remembered
from quintet_gateway.recommender import read_memory, with_catalogue_ids

RADIO: Final = "/api/v1/radio"
PATH: Final = "/api/v1/path"
_CURSOR_SECONDS: Final = RADIO_CURSOR_DAYS * 86_400.0


class PlayerServices(Protocol):
    """The calls behind radio and paths; each ends within the request's budget."""

    async def continue_radio(
        self, request: radio_pb2.ContinueRadioRequest
    ) -> radio_pb2.ContinueRadioResponse:
        """Choose the next tracks of a session."""

    async def find_path(self, request: path_pb2.FindPathRequest) -> path_pb2.FindPathResponse:
        """Find a path between two tracks."""

    async def shown_tracks(self, ids: Sequence[str]) -> ShownTracks:
        """Find any number of tracks as JSON, also while search is down those that are kept."""


@dataclass(frozen=True)
class PlayedBatch:
    """The next tracks of a session, recorded.

    Attributes:
        recommendation_id: The id that feedback names.
        batch: What the ranker answered; its cursor is not signed.
        cursor: The session for the next request, signed.
        tracks: Tracks as JSON, by id; only those kept if search is down.
        degraded: The parts that the batch was made without.
    """

    recommendation_id: str
    batch: radio_pb2.ContinueRadioResponse
    cursor: str
    tracks: ShownTracks
    degraded: list[str]


@dataclass(frozen=True)
class FoundPath:
    """A path, recorded; fields as those of `PlayedBatch`."""

    recommendation_id: str
    path: path_pb2.FindPathResponse
    tracks: ShownTracks
    degraded: list[str]


class Player:
    """Composes the upstream services into radio sessions and paths.

    Args:
        services: Ranker and search.
        recorder: Issues recommendation ids and stores what was answered.
        memory: Applies the memory of listeners.
        names: Signs cursors.
    """

    def __init__(
        self,
        services: PlayerServices,
        recorder: Recorder,
        memory: ListenerMemory,
        names: Pseudonyms,
    ) -> None:
        self._services = services
        self._recorder = recorder
        self._memory = memory
        self._names = names

    async def radio(
        self,
        request: radio_pb2.ContinueRadioRequest,
        cursor: str,
        listener: str,
        heard: HeardRule,
    ) -> PlayedBatch:
        """Start a session, or continue that of a cursor.

        Args:
            request: Options or events, without a cursor.
            cursor: From the last answer; empty to start.
            listener: Who listens; empty if nobody was named.
            heard: What happens to tracks that the listener heard.

        Raises:
            AppError: The request breaks a rule, the cursor is invalid, or the ranker is down.
        """
        if cursor:
            request.cursor = self._session_of(cursor)
        remembered, is_read = await read_memory(self._memory, listener, heard)
        request.excluded_track_ids.extend(_unwanted(remembered, heard))
        request.excluded_artist_ids.extend(remembered.exclusions.banned_artist_ids)
        if request.HasField("discovery"):
            request.known_track_ids.extend(remembered.exclusions.known_track_ids)
        if heard.choice is Heard.LESS:
            request.heard_track_ids.extend(remembered.exclusions.heard_track_ids)
        if remembered.preferences.track_ids:
            request.preferences.CopyFrom(remembered.preferences)
        batch = await self._services.continue_radio(request)
        ids = [each.track.track_id for each in batch.tracks]
        seeds = [each.seed for each in batch.seeds]
        named = [seed.track_id for seed in seeds if seed.HasField("track_id")]
        tracks = await self._services.shown_tracks([*named, *ids])
        listed = ranker_pb2.RecommendTracksRequest(
            seeds=seeds, filters=request.options.filters, limit=max(len(ids), 1)
        )
        ranking = ranker_pb2.RecommendTracksResponse(
            tracks=[each.track for each in batch.tracks],
            versions=batch.versions,
            pool=batch.pool,
            degraded=batch.degraded,
            feature_names=batch.feature_names,
        )
        missing = self._missing(tracks, is_read)
        return PlayedBatch(
            self._recorded(listener, RADIO, with_catalogue_ids(listed, tracks), ranking),
            batch,
            self._names.sign_cursor(batch.cursor),
            tracks,
            list(dict.fromkeys([*batch.degraded, *missing])),
        )

    async def path(
        self, request: path_pb2.FindPathRequest, listener: str, heard: HeardRule
    ) -> FoundPath:
        """Find a path.

        Args:
            request: Ends and options.
            listener: Who listens; empty if nobody was named.
            heard: What happens to tracks that the listener heard.

        Raises:
            AppError: The request breaks a rule, there is no path, or the ranker is down.
        """
        asked = ranker_pb2.Filters()
        asked.CopyFrom(request.filters)
        remembered, is_read = await read_memory(self._memory, listener, heard)
        request.filters.excluded_track_ids.extend(_unwanted(remembered, heard))
        request.filters.excluded_artist_ids.extend(remembered.exclusions.banned_artist_ids)
        path = await self._services.find_path(request)
        ids = [track.track_id for track in path.tracks]
        tracks = await self._services.shown_tracks(ids)
        # The record shows a path as a list for its two ends.
        listed = ranker_pb2.RecommendTracksRequest(filters=asked, limit=len(ids))
        for name in (request.start_track_id, request.end_track_id):
            listed.seeds.add(track_id=name, weight=1.0)
        ranking = ranker_pb2.RecommendTracksResponse(
            tracks=[
                ranker_pb2.RankedTrack(track_id=track.track_id, rank=track.position)
                for track in path.tracks
            ],
            versions=path.versions,
            pool=ranker_pb2.PoolSizes(after_filtering=path.after_filtering),
            degraded=path.degraded,
            ranking_seconds=path.ranking_seconds,
        )
        missing = self._missing(tracks, is_read)
        return FoundPath(
            self._recorded(listener, PATH, with_catalogue_ids(listed, tracks), ranking),
            path,
            tracks,
            list(dict.fromkeys([*path.degraded, *missing])),
        )

    def _session_of(self, cursor: str) -> bytes:
        content = self._names.read_cursor(cursor, _CURSOR_SECONDS)
        if not content:
            raise InvalidInput(
                Reason.CURSOR_INVALID,
                "cursor must be the cursor of an answer of this installation, unaltered and at "
                f"most {RADIO_CURSOR_DAYS} days old; start again from seeds",
                field="cursor",
            )
        return content

    def _missing(self, tracks: ShownTracks, is_read: bool) -> Iterable[Part]:
        missing = (
            *(() if tracks.complete else (Part.SEARCH,)),
            *(() if is_read else (Part.MEMORY,)),
            *self._recorder.degraded,
        )
        for part in missing:
            DEGRADED.labels(part).inc()
        return missing

    def _recorded(
        self,
        listener: str,
        surface: str,
        request: ranker_pb2.RecommendTracksRequest,
        ranking: ranker_pb2.RecommendTracksResponse,
    ) -> str:
        """Record what is answered; the result is its recommendation id."""
        recommendation_id = self._recorder.new_id()
        self._recorder.record_list(recommendation_id, listener, surface, request, ranking)
        return recommendation_id


def _unwanted(remembered: Remembered, heard: HeardRule) -> list[str]:
    """List the tracks that the listener disliked, and those heard lately unless allowed."""
    exclusions = remembered.exclusions
    lately = exclusions.heard_track_ids if heard.choice is Heard.EXCLUDE else ()
    return [*exclusions.disliked_track_ids, *lately]
