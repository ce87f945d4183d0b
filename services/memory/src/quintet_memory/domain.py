"""Summarise a listener's signals to a memory: per track what was heard, when, and the opinion."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from quintet_contract.limits import HALF_LIFE_DAYS, MAX_HEARD_DAYS, MAX_KNOWN_TRACKS, OPINION_KINDS
from quintet_servicekit.errors import InvalidInput, Reason

DAY: Final = 86_400
_HALF_LIFE: Final = HALF_LIFE_DAYS * DAY
_HASH_DIGITS: Final = 64
# Two services that scrobble one listen give times that differ by their clocks.
_SAME_LISTEN_SECONDS: Final = 120
SignalRow = tuple[str, str, int, int, str]
"""(track id, kind, seconds since 1970, count, source), as the store reads it."""


@dataclass
class TrackMemory:
    """What is remembered of one track.

    Attributes:
        track_id: The track.
        heard_at: When it was played or skipped last, in seconds since 1970; 0 for never.
        plays: Plays, each aged to the time that the memory is of.
        skips: Skips, aged likewise.
        opinion: One of `OPINION_KINDS`; empty for none.
        opinion_at: When the opinion was given.
    """

    track_id: str
    heard_at: int = 0
    plays: float = 0.0
    skips: float = 0.0
    opinion: str = ""
    opinion_at: int = 0

    @property
    def touched_at(self) -> int:
        """When the listener heard or judged it last."""
        return max(self.heard_at, self.opinion_at)


@dataclass(frozen=True)
class Memory:
    """The memory of a listener at a time.

    Attributes:
        revision: Of the memory in the database; empty for none.
        as_of: The time that plays and skips are aged to, in seconds since 1970.
        tracks: The track heard or judged last first.
        banned: Ids of banned artists.
    """

    revision: str
    as_of: int
    tracks: Sequence[TrackMemory]
    banned: Sequence[str]


@dataclass(frozen=True)
class Exclusions:
    """What a list for a listener leaves out.

    Attributes:
        revision: Of the memory in the database; empty for none.
        disliked: Tracks whose latest opinion is a dislike, the latest first.
        banned: Ids of banned artists.
        heard: Tracks heard within the window, the latest first.
        known: Tracks heard or judged at any time, the latest first.
    """

    revision: str = ""
    disliked: Sequence[str] = ()
    banned: Sequence[str] = ()
    heard: Sequence[str] = ()
    known: Sequence[str] = ()


EMPTY: Final = Memory("", 0, (), ())
"""The memory of a listener who has none."""


def memory_of(
    revision: str, rows: Iterable[SignalRow], banned: Sequence[str], as_of: int
) -> Memory:
    """Summarise signals to a memory.

    A play or skip weighs `0.5 ** (age / HALF_LIFE_DAYS)` at its age in days; one in the future, by
    a wrong clock, weighs 1. Listens of one track within `_SAME_LISTEN_SECONDS` from different
    sources are one. Of one track the latest opinion counts.

    Args:
        revision: Of the memory in the database.
        rows: Its signals, the oldest first.
        banned: Ids of banned artists.
        as_of: Now, in seconds since 1970.
    """
    tracks: dict[str, TrackMemory] = {}
    sources: dict[str, str] = {}
    for track_id, kind, at, count, source in rows:
        track = tracks.get(track_id)
        if track is None:
            track = tracks[track_id] = TrackMemory(track_id)
        if kind in OPINION_KINDS:
            track.opinion, track.opinion_at = kind, at
            continue
        repeated = (
            sources.get(track_id, source) != source and at - track.heard_at <= _SAME_LISTEN_SECONDS
        )
        track.heard_at, sources[track_id] = at, source
        if repeated:
            continue
        weight = count * 0.5 ** (max(as_of - at, 0) / _HALF_LIFE)
        if kind == "skip":
            track.skips += weight
        else:
            track.plays += weight
    latest = sorted(tracks.values(), key=lambda track: (-track.touched_at, track.track_id))
    return Memory(revision, as_of, latest, tuple(banned))


def check_listener(listener: str) -> None:
    """Check that a text can be the keyed hash of a listener.

    Raises:
        InvalidInput: It is not 64 hexadecimal digits.
    """
    if len(listener) != _HASH_DIGITS or not set(listener) <= set("0123456789abcdef"):
        raise InvalidInput(
            Reason.LISTENER_INVALID,
            "listener must be the keyed hash of a listener's id: 64 hexadecimal digits",
            field="listener",
        )


def check_days(days: int) -> None:
    """Check the days within which a heard track counts.

    Raises:
        InvalidInput: They are out of range.
    """
    if not 0 <= days <= MAX_HEARD_DAYS:
        raise InvalidInput(
            Reason.FILTER_RANGE,
            f"heard_days must be 0 to {MAX_HEARD_DAYS}; got {days}",
            field="heard_days",
        )


def check_known_limit(most: int) -> None:
    """Check how many known tracks are wanted.

    Raises:
        InvalidInput: The number is out of range.
    """
    if not 0 <= most <= MAX_KNOWN_TRACKS:
        raise InvalidInput(
            Reason.FILTER_RANGE,
            f"known_limit must be 0 to {MAX_KNOWN_TRACKS}; got {most}",
            field="known_limit",
        )
