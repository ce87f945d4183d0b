"""Tracks as JSON, made once for each version of the catalogue and passed through as bytes.

An answer names some fifty tracks. Writing each as JSON for every answer, after a call to search,
took longer than all other work of the gateway. So the JSON of a track is kept, and search is asked
only for tracks that are not kept.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

import orjson
from quintet.search.v1 import search_pb2
from quintet_servicekit.metrics import CACHE

from quintet_gateway.domain import ShownTracks
from quintet_gateway.recommender import UNAVAILABLE
from quintet_gateway.schemas.catalogue import track_json

Lookup = Callable[[Sequence[str]], Awaitable[Sequence[search_pb2.BatchGetTracksResponse]]]
"""Looks any number of tracks up at search."""

# What an entry takes besides its JSON: the id, two objects and a place in the dictionary.
_OVERHEAD: Final = 250
# The share of entries dropped at once: the oldest of a dictionary cannot be dropped one by one in
# constant time, since it keeps the places of those dropped before.
_DROPPED_SHARE: Final = 16
# Tries to get tracks of one version while catalogues are being swapped.
_ROUNDS: Final = 3


class TrackFragments:
    """The JSON of tracks, of one version of the catalogue at a time.

    Args:
        lookup: Looks tracks up that are not kept.
        most_bytes: Bytes to keep at most; 0 keeps nothing.
        most_tracks: Tracks to keep at most; those used least recently are dropped first.
    """

    def __init__(self, lookup: Lookup, most_bytes: int, most_tracks: int) -> None:
        self._lookup = lookup
        self._most_bytes, self._most_tracks = most_bytes, most_tracks
        self._version = ""
        # None for an id that the catalogue does not have. The order is that of the last use.
        self._kept: dict[str, bytes | None] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes that are kept, what Python adds to each track included."""
        return self._bytes

    async def get(self, ids: Iterable[str]) -> ShownTracks:
        """Find tracks, all of one version; not complete if search does not answer.

        Raises:
            AppError: Search rejects the request.
        """
        distinct = list(dict.fromkeys(ids))
        for _ in range(_ROUNDS):
            version, known = self._version, self._known(distinct)
            missing = [name for name in distinct if name not in known]
            CACHE.labels("tracks", "hit").inc(len(known))
            if not missing:
                return _shown(version, known)
            CACHE.labels("tracks", "miss").inc(len(missing))
            try:
                answers = await self._lookup(missing)
            except UNAVAILABLE:
                return _shown(version, known, complete=False)
            fresh = {name: one for answer in answers for name, one in self.add(answer).items()}
            versions = {answer.catalogue_version for answer in answers}
            # Tracks of two versions must not stand beside each other: if search has changed its
            # catalogue meanwhile, all are asked for again.
            if versions == {version} or (len(versions) == 1 and not known):
                return _shown(versions.pop(), known | fresh)
        return _shown(self._version, self._known(distinct), complete=False)

    def add(self, answer: search_pb2.BatchGetTracksResponse) -> dict[str, bytes | None]:
        """Keep the tracks of a lookup, and return their JSON by the id asked for."""
        made = {
            result.track_id: _written(result.track) if result.HasField("track") else None
            for result in answer.results
        }
        self._keep(answer.catalogue_version, made)
        return made

    def put(self, version: str, tracks: Iterable[search_pb2.Track]) -> None:
        """Keep tracks of a version of the catalogue."""
        self._keep(version, {track.id: _written(track) for track in tracks})

    def has_room(self, tracks: int) -> bool:
        """Check whether so many more tracks of the usual size fit."""
        usual = self._bytes / max(1, len(self._kept))
        return (
            self._bytes + tracks * usual <= self._most_bytes
            and len(self._kept) + tracks <= self._most_tracks
        )

    def _known(self, ids: Iterable[str]) -> dict[str, bytes | None]:
        """Find the tracks that are kept, and note their use."""
        kept = self._kept
        found = {name: kept.pop(name) for name in ids if name in kept}
        kept.update(found)
        return found

    def _keep(self, version: str, made: Mapping[str, bytes | None]) -> None:
        # A search service of an older release does not name its version: nothing would ever
        # reveal that what is kept is out of date.
        if not version or not self._most_bytes:
            return
        if version != self._version:
            self._version, self._kept, self._bytes = version, {}, 0
        for name, one in made.items():
            if name not in self._kept:
                self._kept[name] = one
                self._bytes += _size(one)
        while not self.has_room(0):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        count = max(1, len(self._kept) // _DROPPED_SHARE)
        for name in list(islice(self._kept, count)):
            self._bytes -= _size(self._kept.pop(name))


def _written(track: search_pb2.Track) -> bytes:
    # A copy, since orjson leaves room at the end of what it writes: 90,000 tracks took 700 MB.
    return bytes(memoryview(orjson.dumps(track_json(track))))


def _size(one: bytes | None) -> int:
    return _OVERHEAD + len(one or b"")


def _shown(version: str, known: Mapping[str, bytes | None], complete: bool = True) -> ShownTracks:
    found = {name: one for name, one in known.items() if one is not None}
    return ShownTracks(version, found, complete)
