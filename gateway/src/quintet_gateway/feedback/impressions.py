"""Impressions: recommended lists, queued in memory and turned into rows of the database."""

import hashlib
import json
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
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

# Tracks of lists that wait with their reasons, some 4 KB for each: copying a list takes longer
# than storing half of it, and most are stored within a quarter of a second.
_WHOLE_TRACKS: Final = 5_000
M = TypeVar("M", bound=Message)
MEMORY: Final = "memory"
"""The key of stored options that counts what came from the listener's memory."""
_NOT_OPTIONS: Final = frozenset(
    {
        "seeds", "negative_seeds", "profile", "trial", "preferences", "known_track_ids",
        "heard_track_ids", "include_features", "filters",
    }
)  # fmt: skip
_OF_MEMORY: Final = frozenset({"excluded_track_ids", "excluded_artist_ids"})
# The arm of a list that another model answered than the experiment asked for.
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
    """One list as it was answered.

    Attributes:
        recommendation_id: Its id.
        listener: The listener as a keyed hash; empty if the request named none.
        shown_at: Time of the answer.
        surface: The path that answered.
        request: What the ranker was asked.
        response: What it answered; without reasons if it has to wait for long.
    """

    recommendation_id: str
    listener: str
    shown_at: datetime
    surface: str
    request: ranker_pb2.RecommendTracksRequest
    response: ranker_pb2.RecommendTracksResponse

    @property
    def size(self) -> int:
        """Share of the queue that it takes: its number of tracks, at least 1."""
        return max(1, len(self.response.tracks))

    def without_reasons(self) -> "ServedList":
        """Copy the list for a long wait: reasons take nine tenths of its memory."""
        return replace(self, response=without_reasons(self.response))


def without_reasons(
    response: ranker_pb2.RecommendTracksResponse,
) -> ranker_pb2.RecommendTracksResponse:
    """Copy what is recorded of an answer; the memory of a message is only freed as a whole.

    A copy that has reasons no more is returned as it is.
    """
    if not any(track.reasons_json for track in response.tracks[:1]):
        return response
    kept = ranker_pb2.RecommendTracksResponse(
        versions=response.versions,
        feature_names=response.feature_names,
        variant=response.variant,
        ranking_seconds=response.ranking_seconds,
        pool=response.pool,
    )
    for track in response.tracks:
        kept.tracks.add(
            track_id=track.track_id,
            score=track.score,
            channels=track.channels,
            features=track.features,
            origin=track.origin,
        )
    return kept


class ImpressionQueue:
    """Lists that wait for the database: bounded in tracks, shared by event loop and writer thread.

    The first `_WHOLE_TRACKS` wait as they are, which is all of them while the database answers.
    Lists beyond, and those that could not be stored, wait without their reasons.

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
        """Add a list, if there is room for its tracks."""
        with self._lock:
            # Bounded by tracks, not lists: memory grows with the feature values of tracks.
            if self._size + shown.size > self._most:
                DROPPED.labels("overflow").inc(shown.size)
                return False
            whole = self._size + shown.size <= _WHOLE_TRACKS
            self._lists.append(shown if whole else shown.without_reasons())
            self._count(shown, 1)
            return True

    def take(self, most: int) -> list[ServedList]:
        """Remove the oldest lists, up to about `most` tracks."""
        taken: list[ServedList] = []
        size = 0
        with self._lock:
            while self._lists and size < most:
                taken.append(self._lists.popleft())
                size += taken[-1].size
                self._count(taken[-1], -1)
        return taken

    def requeue(self, taken: Sequence[ServedList]) -> None:
        """Put lists that could not be stored back at the head of the queue."""
        with self._lock:
            # In their order, before newer lists; they may exceed the bound until they are written.
            self._lists.extendleft(shown.without_reasons() for shown in reversed(taken))
            for shown in taken:
                self._count(shown, 1)

    def has(self, ids: set[str]) -> bool:
        """Check whether a list with one of these ids waits."""
        with self._lock:
            return not ids.isdisjoint(self._ids)

    def listeners(self) -> dict[str, str]:
        """Map the recommendation ids that wait to their listeners."""
        with self._lock:
            return {shown.recommendation_id: shown.listener for shown in self._lists}

    def drop(self, cause: str) -> int:
        """Drop all lists, and count their tracks by cause."""
        size = sum(shown.size for shown in self.take(self._most))
        DROPPED.labels(cause).inc(size)
        return size

    def _count(self, shown: ServedList, sign: int) -> None:
        self._size += sign * shown.size
        self._ids[shown.recommendation_id] += sign
        # A counter keeps zeros, and ids never come back.
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
    """Turn lists into rows; of two lists with one id the first counts."""
    sets: dict[str, list[str]] = {}
    lists: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for one in taken:
        if one.recommendation_id in lists:
            continue
        names = list(one.response.feature_names)
        # Names are stored once per set, by their digest, not with each list.
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
            "options": stored_options(one.request),
            "pool": {field.name: int(n) for field, n in one.response.pool.ListFields()},
        }
        rows += [
            {
                "recommendation_id": one.recommendation_id,
                "position": position,
                "track_id": track.track_id,
                "score": track.score,
                # A slice, since joining reads protobuf's own list twice as slowly.
                "channels": ",".join(track.channels[:]),
                # Packed by the ranker, as little-endian float32.
                "features": track.features,
                "origin": _ORIGINS.get(track.origin, ""),
            }
            for position, track in enumerate(one.response.tracks, start=1)
        ]
    named = [{"feature_hash": digest, "names": names} for digest, names in sets.items()]
    return ImpressionRows(named, list(lists.values()), rows)


def experiment_arm(
    request: ranker_pb2.RecommendTracksRequest, response: ranker_pb2.RecommendTracksResponse
) -> str:
    """Name the arm of an experiment that a list counts for; empty outside of an experiment.

    `fallback` if another model answered than was asked: such a list is no evidence for either.
    """
    if not request.HasField("trial"):
        return ""
    same = request.trial.variant == response.variant
    return _ARMS.get(response.variant, FALLBACK) if same else FALLBACK


def stored_options(request: ranker_pb2.RecommendTracksRequest) -> dict[str, Any]:
    """Write the options of a request as JSON; of a listener's memory only how much it was.

    Seeds and trial have separate columns. The memory names tracks that a person heard and
    judged, which must not outlive the memory itself.
    """
    kept = _without(request, _NOT_OPTIONS)
    if request.HasField("filters"):
        kept.filters.CopyFrom(_without(request.filters, _OF_MEMORY))
    options: dict[str, Any] = MessageToDict(kept, preserving_proto_field_name=True)
    memory = {
        "excluded_tracks": len(request.filters.excluded_track_ids),
        "excluded_artists": len(request.filters.excluded_artist_ids),
        "known_tracks": len(request.known_track_ids),
        "heard_tracks": len(request.heard_track_ids),
        "preferences": int(request.HasField("preferences")),
    }
    return options | {MEMORY: {name: count for name, count in memory.items() if count}}


def request_of(
    options: Mapping[str, Any], seeds: Sequence[Mapping[str, Any]]
) -> ranker_pb2.RecommendTracksRequest:
    """Read a request from what `stored_options` and `stored_seeds` wrote, without any memory."""
    request = ranker_pb2.RecommendTracksRequest()
    ParseDict({name: value for name, value in options.items() if name != MEMORY}, request)
    for seed in seeds:
        named = {name: value for name, value in seed.items() if name != "negative"}
        target = request.negative_seeds if seed.get("negative") else request.seeds
        target.add(**named)
    return request


def _without(message: M, names: frozenset[str]) -> M:
    """Copy the fields of a message but for some, which are not even read."""
    kept = type(message)()
    for field, value in message.ListFields():
        if field.name in names:
            continue
        if isinstance(value, Message):
            getattr(kept, field.name).CopyFrom(value)
        elif isinstance(value, str | bytes | int | float):
            setattr(kept, field.name, value)
        else:
            getattr(kept, field.name).extend(value)
    return kept
