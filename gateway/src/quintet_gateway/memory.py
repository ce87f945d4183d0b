"""What the memory of a listener does to a list: leaves out, moves down, and pulls."""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from quintet.memory.v1 import memory_pb2
from quintet.ranker.v1 import ranker_pb2
from quintet_access.pseudonyms import Pseudonyms
from quintet_contract.limits import DEFAULT_HEARD_DAYS, MAX_KNOWN_TRACKS
from quintet_contract.options import Heard


class MemoryReader(Protocol):
    """The call that reads a memory; it ends within the request's budget."""

    async def exclusions(
        self, request: memory_pb2.GetExclusionsRequest
    ) -> memory_pb2.GetExclusionsResponse:
        """Read what a list for a listener leaves out."""

    async def preferences(
        self, request: memory_pb2.GetPreferencesRequest
    ) -> memory_pb2.GetPreferencesResponse:
        """Read what a listener likes."""


@dataclass(frozen=True)
class HeardRule:
    """What happens to tracks that the listener heard.

    Attributes:
        choice: Left out, moved down, or nothing.
        days: Days within which a play or a skip counts.
    """

    choice: Heard = Heard.EXCLUDE
    days: int = DEFAULT_HEARD_DAYS


LEAVE_OUT: Final = HeardRule()
"""The default: what was heard lately is left out."""
HEARD_MEANING: Final = (
    "What happens to tracks that the listener heard within `heard_days`: exclude leaves them out, "
    "less puts them at the end of the list, allow does nothing."
)
DISCOVERY_MEANING: Final = (
    "The dial from familiar (0) to discover (1): of the first n tracks at most "
    "(1 - discovery) * n, and at least (1 - 2 * discovery) * n, are by artists of the seeds or of "
    "the listener's memory."
)
HEARD_DAYS_MEANING: Final = "Days within which a play or a skip counts as heard."


@dataclass(frozen=True)
class Remembered:
    """What was read of a memory; empty for a listener without one.

    Attributes:
        exclusions: What a list leaves out.
        preferences: What the listener likes.
    """

    exclusions: memory_pb2.GetExclusionsResponse
    preferences: memory_pb2.Preferences


class ListenerMemory:
    """Applies the memory of listeners to requests and lists.

    Args:
        reader: Reads memories, by the keyed hash of a listener.
        pseudonyms: The installation's key for hashing listeners' ids.
    """

    def __init__(self, reader: MemoryReader, pseudonyms: Pseudonyms) -> None:
        self._reader = reader
        self._names = pseudonyms

    async def read(self, listener: str, rule: HeardRule) -> Remembered:
        """Read what a list leaves out, what the listener knows and likes, all at once.

        Raises:
            AppError: The memory service is down, late or full.
        """
        who = self._names.listener(listener)
        days = 0 if rule.choice is Heard.ALLOW else rule.days
        exclusions, liked = await asyncio.gather(
            self._reader.exclusions(
                memory_pb2.GetExclusionsRequest(
                    listener=who, heard_days=days, known_limit=MAX_KNOWN_TRACKS
                )
            ),
            self._reader.preferences(memory_pb2.GetPreferencesRequest(listener=who)),
        )
        return Remembered(exclusions, liked.preferences)


def apply(request: ranker_pb2.RecommendTracksRequest, memory: Remembered, rule: HeardRule) -> None:
    """Add a memory to a request: what is not wanted, known, heard and liked.

    An empty memory leaves the request, and so the list, as it is.
    """
    exclusions = memory.exclusions
    request.known_track_ids.extend(exclusions.known_track_ids)
    request.filters.excluded_track_ids.extend(exclusions.disliked_track_ids)
    request.filters.excluded_artist_ids.extend(exclusions.banned_artist_ids)
    if rule.choice is Heard.EXCLUDE:
        request.filters.excluded_track_ids.extend(exclusions.heard_track_ids)
    elif rule.choice is Heard.LESS:
        request.heard_track_ids.extend(exclusions.heard_track_ids)
    if memory.preferences.track_ids:
        request.preferences.CopyFrom(memory.preferences)


def move_down(ranking: ranker_pb2.RecommendTracksResponse) -> None:
    """Put the heard tracks of a list at its end; both parts stay in the order of the ranking."""
    tracks = sorted(ranking.tracks, key=lambda track: track.heard)
    del ranking.tracks[:]
    ranking.tracks.extend(tracks)
    for rank, track in enumerate(ranking.tracks, 1):
        track.rank = rank
