"""Convert gRPC requests of the memory service to domain objects, and answers back."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from quintet.memory.v1 import memory_pb2, memory_pb2_grpc
from quintet_contract.limits import HALF_LIFE_DAYS
from quintet_contract.signals import DAY, Preferences
from quintet_servicekit.thread_pool import BoundedThreadPool

from quintet_memory.domain import (
    Exclusions,
    Memory,
    check_days,
    check_known_limit,
    check_listener,
)

_OPINIONS: Final = {
    "like": memory_pb2.OPINION_LIKE,
    "save": memory_pb2.OPINION_SAVE,
    "dislike": memory_pb2.OPINION_DISLIKE,
}


class Memories(Protocol):
    """Where memories are read; the call blocks."""

    def get(self, listener: str) -> Memory:
        """Read the memory of a listener; raises `NotReady` while the database is down."""
        ...

    def exclusions(self, listener: str, since: int, *, heard: bool, known: int = 0) -> Exclusions:
        """Read what a list leaves out; raises `NotReady` while the database is down."""
        ...

    def preferences(self, listener: str) -> Preferences:
        """Read what ranking uses; raises `NotReady` while the database is down."""
        ...


class MemoryServicer(memory_pb2_grpc.MemoryServiceServicer):
    """The methods of MemoryService.

    Args:
        memories: Where memories are read.
        threads: Where reading blocks.
        now: The time, in seconds since 1970.
    """

    def __init__(
        self,
        memories: Memories,
        threads: BoundedThreadPool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._memories = memories
        self._threads = threads
        self._now = now

    async def GetMemory(
        self, request: memory_pb2.GetMemoryRequest, _context: Any
    ) -> memory_pb2.GetMemoryResponse:
        """Read the memory of a listener."""
        check_listener(request.listener)
        memory = await self._threads.run(partial(self._memories.get, request.listener))
        tracks = memory.tracks
        return memory_pb2.GetMemoryResponse(
            revision=memory.revision,
            track_ids=[track.track_id for track in tracks],
            heard_times=[track.heard_at for track in tracks],
            plays=[track.plays for track in tracks],
            skips=[track.skips for track in tracks],
            opinions=[
                _OPINIONS.get(track.opinion, memory_pb2.OPINION_UNSPECIFIED) for track in tracks
            ],
            banned_artist_ids=memory.banned,
            as_of_time=memory.as_of,
            half_life_days=HALF_LIFE_DAYS,
        )

    async def GetExclusions(
        self, request: memory_pb2.GetExclusionsRequest, _context: Any
    ) -> memory_pb2.GetExclusionsResponse:
        """Read what a list should leave out."""
        check_days(request.heard_days)
        check_known_limit(request.known_limit)
        check_listener(request.listener)
        since = int(self._now()) - request.heard_days * DAY
        found = await self._threads.run(
            partial(
                self._memories.exclusions,
                request.listener,
                since,
                heard=request.heard_days > 0,
                known=request.known_limit,
            )
        )
        return memory_pb2.GetExclusionsResponse(
            revision=found.revision,
            disliked_track_ids=found.disliked,
            banned_artist_ids=found.banned,
            heard_track_ids=found.heard,
            known_track_ids=found.known,
        )

    async def GetPreferences(
        self, request: memory_pb2.GetPreferencesRequest, _context: Any
    ) -> memory_pb2.GetPreferencesResponse:
        """Read what ranking uses of a memory."""
        check_listener(request.listener)
        found = await self._threads.run(partial(self._memories.preferences, request.listener))
        return memory_pb2.GetPreferencesResponse(
            preferences=memory_pb2.Preferences(
                track_ids=found.track_ids,
                plays=found.plays,
                skips=found.skips,
                opinions=found.opinions,
                days=found.days,
                skipped=found.skipped,
            )
        )
