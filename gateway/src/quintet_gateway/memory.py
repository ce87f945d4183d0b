"""What a list for a listener leaves out or moves down, by the memory of the listener."""

from collections.abc import Collection
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


class ListenerMemory:
    """Applies the memory of listeners to requests and lists.

    Args:
        reader: Reads memories, by the keyed hash of a listener.
        pseudonyms: The installation's key for hashing listeners' ids.
    """

    def __init__(self, reader: MemoryReader, pseudonyms: Pseudonyms) -> None:
        self._reader = reader
        self._names = pseudonyms

    async def read(self, listener: str, rule: HeardRule) -> memory_pb2.GetExclusionsResponse:
        """Read what a list for a listener leaves out, and which tracks the listener knows.

        Raises:
            AppError: The memory service is down, late or full.
        """
        request = memory_pb2.GetExclusionsRequest(
            listener=self._names.listener(listener),
            heard_days=0 if rule.choice is Heard.ALLOW else rule.days,
            known_limit=MAX_KNOWN_TRACKS,
        )
        return await self._reader.exclusions(request)


def apply(
    request: ranker_pb2.RecommendTracksRequest,
    memory: memory_pb2.GetExclusionsResponse,
    rule: HeardRule,
) -> None:
    """Add to a request what the listener does not want, and what the listener knows.

    An empty memory leaves the request, and so the list, as it is.
    """
    request.known_track_ids.extend(memory.known_track_ids)
    request.filters.excluded_track_ids.extend(memory.disliked_track_ids)
    request.filters.excluded_artist_ids.extend(memory.banned_artist_ids)
    if rule.choice is Heard.EXCLUDE:
        request.filters.excluded_track_ids.extend(memory.heard_track_ids)


def move_down(ranking: ranker_pb2.RecommendTracksResponse, heard: Collection[str]) -> None:
    """Put the heard tracks of a list at its end; both parts stay in the order of the ranking."""
    known = frozenset(heard)
    tracks = sorted(ranking.tracks, key=lambda track: track.track_id in known)
    del ranking.tracks[:]
    ranking.tracks.extend(tracks)
    for rank, track in enumerate(ranking.tracks, 1):
        track.rank = rank
