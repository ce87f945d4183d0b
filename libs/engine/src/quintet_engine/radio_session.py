"""A radio session and the rule by which its seeds follow the listener; no catalogue is needed.

A session is a value: `marked` and `continued` return the next one. The caller keeps it, so that no
process has to remember anything between two batches.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from quintet_contract.limits import (
    DEFAULT_ARTIST_GAP,
    MAX_ARTIST_GAP,
    MAX_EVENTS,
    MAX_RADIO_EXCLUDED,
    MAX_SEEDS,
)
from quintet_contract.options import RadioAction
from quintet_contract.seeds import check_number

from quintet_engine.query import Filters, Query, QueryInvalid, Seasonal, Seed, SeedKind, Variants
from quintet_engine.query import check as check_query

Hashes = NDArray[np.uint32]
LIKE_WEIGHT: Final = 1.0
"""The weight of a track just liked; the seeds of the start share the same."""
FINISH_WEIGHT: Final = 0.3
HALF_LIFE: Final = 30
"""Tracks played after which a like or a finish weighs half as much."""
AVOIDED_FOR: Final = 30
"""Tracks played during which a skipped track is avoided."""
ARTIST_PAUSE: Final = 20
"""Tracks that the artists of a skipped track pause for; the second skip pauses them twice as long,
and so on."""
MOST_MARKS: Final = 200
"""Likes, finishes and skips of a session that count, each kind; the latest."""
_LEAST_WEIGHT: Final = 0.01


class Origin(StrEnum):
    """Why something is a seed of a session."""

    START = "start"
    LIKED = "liked"
    FINISHED = "finished"


class Mark(NamedTuple):
    """A track that the listener liked, finished or skipped, after so many tracks were played."""

    track_id: str
    position: int


class Event(NamedTuple):
    """What the listener did with a track."""

    track_id: str
    action: RadioAction


class WeightedSeed(NamedTuple):
    """A seed with its present weight, and why it is one."""

    seed: Seed
    origin: Origin


def hash_of(track_id: str) -> int:
    """Shorten a track's id to the 32 bits (CRC-32) that a session keeps of it.

    Another track with the same 32 bits counts as played too. Among 100,000 tracks a session of
    1,000 meets one in 43 sessions, and misses that track.
    """
    return zlib.crc32(track_id.encode())


@dataclass(frozen=True)
class Session:
    """A radio session.

    Attributes:
        seeds: What it started from.
        filters: Conditions that every track meets.
        artist_gap: The least number of tracks between two that share an artist.
        variants: Whether other versions of the seeds' songs may be played.
        seasonal: Whether songs of a season may be played if no seed is of that season.
        played: uint32 (t,), `hash_of` each track played, in order.
        recent: Ids of the last tracks played, up to `MAX_ARTIST_GAP`, the latest last.
        likes: Tracks liked, the latest last.
        finishes: Tracks heard to their end, likewise.
        skips: Tracks skipped, likewise.
    """

    seeds: tuple[Seed, ...]
    filters: Filters = field(default_factory=Filters)
    artist_gap: int = DEFAULT_ARTIST_GAP
    variants: Variants = Variants.EXCLUDE
    seasonal: Seasonal = Seasonal.EXCLUDE
    played: Hashes = field(default_factory=lambda: np.empty(0, np.uint32))
    recent: tuple[str, ...] = ()
    likes: tuple[Mark, ...] = ()
    finishes: tuple[Mark, ...] = ()
    skips: tuple[Mark, ...] = ()

    @property
    def length(self) -> int:
        """How many tracks were played."""
        return len(self.played)

    @cached_property
    def _known(self) -> frozenset[int]:
        return frozenset(self.played.tolist())

    def marked(self, events: Sequence[Event]) -> "Session":
        """Note what the listener did; of one track the latest event counts.

        A like lifts a skip of the same track, and a skip a like or a finish. A finish changes
        neither.

        Raises:
            QueryInvalid: There are too many events.
            EventUnknown: One names a track that the session did not play.
        """
        if len(events) > MAX_EVENTS:
            raise QueryInvalid(
                "EVENT_COUNT", "events", f"events must be at most {MAX_EVENTS}; got {len(events)}"
            )
        kept: Mapping[RadioAction, dict[str, int]] = {
            RadioAction.LIKE: dict(self.likes),
            RadioAction.FINISH: dict(self.finishes),
            RadioAction.SKIP: dict(self.skips),
        }
        for place, (track_id, action) in enumerate(events):
            if hash_of(track_id) not in self._known:
                raise EventUnknown(place, track_id)
            lifted = {
                RadioAction.LIKE: (RadioAction.SKIP,),
                RadioAction.SKIP: (RadioAction.LIKE, RadioAction.FINISH),
            }.get(action, ())
            for other in lifted:
                kept[other].pop(track_id, None)
            kept[action].pop(track_id, None)
            kept[action][track_id] = self.length
        likes, finishes, skips = (
            tuple(Mark(*item) for item in kept[action].items())[-MOST_MARKS:]
            for action in (RadioAction.LIKE, RadioAction.FINISH, RadioAction.SKIP)
        )
        return replace(self, likes=likes, finishes=finishes, skips=skips)

    def continued(self, track_ids: Sequence[str]) -> "Session":
        """Append tracks that are played next."""
        hashes = np.array([hash_of(name) for name in track_ids], dtype=np.uint32)
        recent = (*self.recent, *track_ids)[-MAX_ARTIST_GAP:]
        return replace(self, played=np.concatenate((self.played, hashes)), recent=recent)

    def weighted_seeds(self) -> list[WeightedSeed]:
        """Weigh what the next tracks are chosen by: at most `MAX_SEEDS`, the heaviest first.

        The seeds of the start share a weight of 1. A like adds a seed of weight 1 and a finish one
        of 0.3; both halve every `HALF_LIFE` tracks. The heaviest stay, among them always the
        heaviest seed of the start; the seeds of the start that stay share their weight of 1.
        """
        total = sum(seed.weight for seed in self.seeds)
        starts = [
            WeightedSeed(replace(seed, weight=seed.weight / total), Origin.START)
            for seed in self.seeds
        ]
        liked = {mark.track_id for mark in self.likes}
        followed = [
            *self._followed(self.likes, LIKE_WEIGHT, Origin.LIKED, frozenset()),
            *self._followed(self.finishes, FINISH_WEIGHT, Origin.FINISHED, liked),
        ]
        anchor = min(starts, key=_by_weight)
        others = sorted(
            (*(each for each in starts if each is not anchor), *followed), key=_by_weight
        )
        chosen = (anchor, *others[: MAX_SEEDS - 1])
        share = sum(each.seed.weight for each in chosen if each.origin is Origin.START)
        shared = [
            each._replace(seed=replace(each.seed, weight=each.seed.weight / share))
            if each.origin is Origin.START
            else each
            for each in chosen
        ]
        return sorted(shared, key=_by_weight)

    def _followed(
        self,
        marks: Sequence[Mark],
        weight: float,
        origin: Origin,
        without: frozenset[str] | set[str],
    ) -> list[WeightedSeed]:
        """Weigh marks by their age, the latest first among equals."""
        found = []
        for track_id, position in reversed(marks):
            aged = weight * 0.5 ** ((self.length - position) / HALF_LIFE)
            if aged >= _LEAST_WEIGHT and track_id not in without:
                found.append(WeightedSeed(Seed(SeedKind.TRACK, track_id, aged), origin))
        return found

    def avoided(self) -> list[str]:
        """List the tracks that the next ones are chosen away from, the latest skip first."""
        recent = [name for name, at in reversed(self.skips) if self.length - at < AVOIDED_FOR]
        return recent[:MAX_SEEDS]


class EventUnknown(ValueError):
    """An event names a track that the session did not play."""

    def __init__(self, place: int, track_id: str) -> None:
        super().__init__(f"this session did not play track {track_id!r}")
        self.place = place
        self.track_id = track_id


def _by_weight(each: WeightedSeed) -> float:
    # A sort is stable: among equal weights the order of the request, then the latest mark.
    return -each.seed.weight


def check(session: Session) -> None:
    """Check what a session starts from.

    Raises:
        QueryInvalid: A rule is broken; field and allowed range are named.
    """
    check_number("artist_gap", "ARTIST_CAP_RANGE", session.artist_gap, 0, MAX_ARTIST_GAP)
    check_query(Query(session.seeds, filters=session.filters))
    for label, names in (
        ("excluded_track_ids", session.filters.excluded_tracks),
        ("excluded_artist_ids", session.filters.excluded_artists),
        ("artist_ids", session.filters.artists),
    ):
        if len(names) > MAX_RADIO_EXCLUDED:
            raise QueryInvalid(
                "FILTER_RANGE",
                label,
                f"{label} of a radio session must be at most {MAX_RADIO_EXCLUDED}; "
                f"got {len(names)}",
            )
