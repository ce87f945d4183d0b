"""Tracks as search told them last, for when it is away."""

from collections import OrderedDict
from collections.abc import Iterable

from quintet.search.v1 import search_pb2


class TrackCache:
    """Remembers the tracks looked up last.

    Args:
        most: How many; the one looked up longest ago goes first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tracks: OrderedDict[str, search_pb2.Track] = OrderedDict()

    def remember(self, answer: search_pb2.BatchGetTracksResponse) -> None:
        """Keeps the tracks of an answer."""
        for result in answer.results:
            if result.HasField("track"):
                self._tracks[result.track_id] = result.track
                self._tracks.move_to_end(result.track_id)
        while len(self._tracks) > self._most:
            self._tracks.popitem(last=False)

    def recall(self, ids: Iterable[str]) -> dict[str, search_pb2.Track]:
        """Returns those of the tracks that are remembered, by id."""
        return {name: self._tracks[name] for name in ids if name in self._tracks}
