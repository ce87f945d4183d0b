"""Lists as they were shown: from the ranker's answer to rows of the database."""

import hashlib
import json
import math
import struct
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prometheus_client import Counter as Total
from prometheus_client import Gauge
from quintet.ranker.v1 import ranker_pb2
from quintet_store.experiments import CHALLENGER, CHAMPION, INTERLEAVE
from quintet_store.feedback import stamp

from quintet_gateway.seeds import stored_seeds

RECORDED: Final = Total("quintet_impressions_total", "Tracks shown and recorded")
DROPPED: Final = Total(
    "quintet_impressions_dropped_total", "Tracks shown and not recorded", ["cause"]
)
QUEUED: Final = Gauge("quintet_impressions_queued", "Tracks shown that wait to be recorded")

FALLBACK: Final = "fallback"
_ARMS: Final = {
    ranker_pb2.VARIANT_CHAMPION: CHAMPION,
    ranker_pb2.VARIANT_CHALLENGER: CHALLENGER,
    ranker_pb2.VARIANT_INTERLEAVE: INTERLEAVE,
}
_ORIGINS: Final = {
    ranker_pb2.ORIGIN_CHAMPION: CHAMPION,
    ranker_pb2.ORIGIN_CHALLENGER: CHALLENGER,
}


@dataclass(frozen=True)
class ServedList:
    """One list as it was given out; what the ranker said is kept as it came.

    Attributes:
        recommendation_id: Its id.
        listener: Who saw it, as a keyed hash; empty where nobody was named.
        shown_at: When.
        surface: The path that answered.
        request: What the ranker was asked.
        response: What it answered.
    """

    recommendation_id: str
    listener: str
    shown_at: datetime
    surface: str
    request: ranker_pb2.RecommendTracksRequest
    response: ranker_pb2.RecommendTracksResponse

    @property
    def size(self) -> int:
        """How much of the queue it takes: its tracks, and at least 1."""
        return max(1, len(self.response.tracks))


class ImpressionQueue:
    """Lists that wait to be recorded: bounded in tracks, shared by the loop and the writer.

    Args:
        most: Tracks that may wait; a list beyond is dropped and counted.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lists: deque[ServedList] = deque()
        self._size = 0
        self._ids: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._lists)

    def put(self, shown: ServedList) -> bool:
        """Adds a list and returns whether there was room."""
        with self._lock:
            if self._size + shown.size > self._most:
                DROPPED.labels("overflow").inc(shown.size)
                return False
            self._lists.append(shown)
            self._count(shown, 1)
            return True

    def take(self, most: int) -> list[ServedList]:
        """Removes and returns the oldest lists, up to about `most` tracks."""
        taken: list[ServedList] = []
        size = 0
        with self._lock:
            while self._lists and size < most:
                taken.append(self._lists.popleft())
                size += taken[-1].size
                self._count(taken[-1], -1)
        return taken

    def requeue(self, taken: Sequence[ServedList]) -> None:
        """Puts lists that could not be recorded back where they were."""
        with self._lock:
            self._lists.extendleft(reversed(taken))
            for shown in taken:
                self._count(shown, 1)

    def has(self, ids: set[str]) -> bool:
        """Returns whether a list of one of these ids waits."""
        with self._lock:
            return not ids.isdisjoint(self._ids)

    def listeners(self) -> dict[str, str]:
        """Returns recommendation id to listener of the lists that wait."""
        with self._lock:
            return {shown.recommendation_id: shown.listener for shown in self._lists}

    def drop(self, cause: str) -> int:
        """Drops what waits, counts it, and returns how many tracks it was."""
        size = sum(shown.size for shown in self.take(self._most))
        DROPPED.labels(cause).inc(size)
        return size

    def _count(self, shown: ServedList, sign: int) -> None:
        self._size += sign * shown.size
        self._ids[shown.recommendation_id] += sign
        if not self._ids[shown.recommendation_id]:
            del self._ids[shown.recommendation_id]
        QUEUED.set(self._size)


@dataclass(frozen=True)
class ImpressionRows:
    """ImpressionRows of feature_sets, recommendations and impressions."""

    sets: list[dict[str, Any]]
    lists: list[dict[str, Any]]
    shown: list[dict[str, Any]]


def impression_rows(taken: Sequence[ServedList]) -> ImpressionRows:
    """Returns lists as rows; an id that comes twice keeps its first list."""
    sets: dict[str, list[str]] = {}
    lists: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for one in taken:
        if one.recommendation_id in lists:
            continue
        names, values = _features(one.response)
        digest = hashlib.sha256(json.dumps(names).encode()).hexdigest() if names else ""
        if names:
            sets[digest] = names
        versions = one.response.versions
        lists[one.recommendation_id] = {
            "recommendation_id": one.recommendation_id,
            "listener": one.listener,
            "shown_at": stamp(one.shown_at),
            "surface": one.surface,
            "seeds": stored_seeds(one.request),
            "model_version": versions.model_version,
            "index_version": versions.index_version,
            "catalogue_version": versions.catalogue_version,
            "feature_hash": digest,
            "experiment_id": one.request.trial.experiment_id,
            "arm": experiment_arm(one.request, one.response),
        }
        rows += [
            {
                "recommendation_id": one.recommendation_id,
                "position": position,
                "track_id": track.track_id,
                "score": track.score,
                "channels": ",".join(track.channels),
                "features": packed,
                "origin": _ORIGINS.get(track.origin, ""),
            }
            for position, (track, packed) in enumerate(
                zip(one.response.tracks, values, strict=True), start=1
            )
        ]
    named = [{"feature_hash": digest, "names": names} for digest, names in sets.items()]
    return ImpressionRows(named, list(lists.values()), rows)


def experiment_arm(
    request: ranker_pb2.RecommendTracksRequest, response: ranker_pb2.RecommendTracksResponse
) -> str:
    """Returns who made a list of an experiment; empty outside of one.

    `fallback` where another answered than should have: such a list tells nothing of either.
    """
    if not request.HasField("trial"):
        return ""
    same = request.trial.variant == response.variant
    return _ARMS.get(response.variant, FALLBACK) if same else FALLBACK


def _features(response: ranker_pb2.RecommendTracksResponse) -> tuple[list[str], list[bytes]]:
    """Returns feature names and each track's values, packed as little-endian float32.

    A ranker that tells no feature values still tells some in its reasons: those are kept then,
    under the names that any track has, NaN where a track has none.
    """
    if response.feature_names:
        return list(response.feature_names), [track.features for track in response.tracks]
    told: list[Mapping[str, float]] = [
        {item.feature: item.value for item in track.reasons.contributions}
        for track in response.tracks
    ]
    names = sorted({name for values in told for name in values})
    return names, [
        struct.pack(f"<{len(names)}f", *(values.get(name, math.nan) for name in names))
        for values in told
    ]
