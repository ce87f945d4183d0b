"""What is remembered of a listener at a time, and the rules for requests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from quintet_contract.limits import MAX_HEARD_DAYS, MAX_KNOWN_TRACKS
from quintet_contract.signals import SignalRow, TrackMemory, summarise
from quintet_servicekit.errors import InvalidInput, Reason

_HASH_DIGITS: Final = 64


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

    Args:
        revision: Of the memory in the database.
        rows: Its signals, the oldest first.
        banned: Ids of banned artists.
        as_of: Now, in seconds since 1970.
    """
    return Memory(revision, as_of, summarise(rows, as_of), tuple(banned))


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
