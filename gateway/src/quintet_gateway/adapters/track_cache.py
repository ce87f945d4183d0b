"""Tracks that search returned before, so that lists keep their names while it is down."""

from collections import OrderedDict
from collections.abc import Iterable

from quintet.search.v1 import search_pb2


class TrackCache:
    """Keep the tracks looked up last.

    Args:
        most: Tracks to keep; the least recently looked up is dropped first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tracks: OrderedDict[str, search_pb2.Track] = OrderedDict()

    def remember(self, answer: search_pb2.BatchGetTracksResponse) -> None:
        """Add the tracks of a lookup."""
        for result in answer.results:
            if result.HasField("track"):
                self._tracks[result.track_id] = result.track
                self._tracks.move_to_end(result.track_id)
        while len(self._tracks) > self._most:
            self._tracks.popitem(last=False)

    def recall(self, ids: Iterable[str]) -> dict[str, search_pb2.Track]:
        """Find the tracks that are kept, by id."""
        return {name: self._tracks[name] for name in ids if name in self._tracks}
