"""What a listener's signals add up to: per track plays, skips and opinion, aged to one time.

The memory service, `batch-recommend`, training and evaluation all sum signals here, so that a list
is the same wherever it is made.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from quintet_contract.limits import (
    HALF_LIFE_DAYS,
    MAX_PREFERENCES,
    OPINION_KINDS,
    RECENT_PREFERENCES,
)

DAY: Final = 86_400
_HALF_LIFE: Final = HALF_LIFE_DAYS * DAY
# Two services that scrobble one listen give times that differ by their clocks.
_SAME_LISTEN_SECONDS: Final = 120
OPINION_WEIGHT: Final = 2.0
"""A like, save or dislike weighs as much as three plays or skips: log2(1 + 3)."""
SignalRow = tuple[str, str, int, int, str]
"""(track id, kind, seconds since 1970, count, source), as the store reads it."""


@dataclass(slots=True)
class TrackMemory:
    """What is remembered of one track.

    Attributes:
        track_id: The track.
        heard_at: When it was played or skipped last, in seconds since 1970; 0 for never.
        plays: Plays, each aged to the time that the memory is of.
        skips: Skips, aged likewise.
        opinion: One of `OPINION_KINDS`; empty for none.
        opinion_at: When the opinion was given.
        skipped: Whether it was skipped when it was heard last.
    """

    track_id: str
    heard_at: int = 0
    plays: float = 0.0
    skips: float = 0.0
    opinion: str = ""
    opinion_at: int = 0
    skipped: bool = False

    @property
    def touched_at(self) -> int:
        """When the listener heard or judged it last."""
        return max(self.heard_at, self.opinion_at)


@dataclass(frozen=True)
class Preferences:
    """What ranking uses of a memory: one value per track in each column.

    Attributes:
        track_ids: The tracks heard or judged last, then those that say most.
        plays: Aged plays of each.
        skips: Aged skips of each.
        opinions: An aged like or save, above 0 to 1; -1 for a dislike; 0 for none.
        days: Days since the listener heard or judged each last.
        skipped: Whether each was skipped when it was heard last.
    """

    track_ids: Sequence[str] = ()
    plays: Sequence[float] = ()
    skips: Sequence[float] = ()
    opinions: Sequence[float] = ()
    days: Sequence[float] = ()
    skipped: Sequence[bool] = ()

    def __bool__(self) -> bool:
        """Report whether there is any."""
        return bool(self.track_ids)


NO_PREFERENCES: Final = Preferences()
"""The preferences of a listener without a memory."""


def aged(at: int, as_of: int) -> float:
    """Weigh a signal by its age: half for every `HALF_LIFE_DAYS`; 1 for one in the future."""
    return float(0.5 ** (max(as_of - at, 0) / _HALF_LIFE))


def summarise(rows: Iterable[SignalRow], as_of: int) -> list[TrackMemory]:
    """Sum signals by track.

    Listens of one track within `_SAME_LISTEN_SECONDS` from different sources are one. Of one track
    the latest opinion counts.

    Args:
        rows: Signals, the oldest first.
        as_of: The time to age them to, in seconds since 1970.

    Returns:
        The tracks, the one heard or judged last first.
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
        track.skipped = kind == "skip"
        # As `aged`, whose call would take as long as all else here.
        weight = count * 0.5 ** (max(as_of - at, 0) / _HALF_LIFE)
        if kind == "skip":
            track.skips += weight
        else:
            track.plays += weight
    return sorted(tracks.values(), key=lambda track: (-track.touched_at, track.track_id))


def preferences_of(tracks: Sequence[TrackMemory], as_of: int) -> Preferences:
    """Select what ranking uses: the tracks heard or judged last, and those that say most.

    Args:
        tracks: As `summarise` returns them.
        as_of: The time that they are aged to.
    """
    latest, others = tracks[:RECENT_PREFERENCES], tracks[RECENT_PREFERENCES:]
    opinions = {each.track_id: _opinion(each, as_of) for each in tracks if each.opinion}
    said = [
        # The id decides where two say as much: the same memory gives the same list.
        (abs(liking(each.plays, each.skips, opinions.get(each.track_id, 0.0))), each.track_id, each)
        for each in others
    ]
    most = sorted(said, key=itemgetter(0, 1), reverse=True)[: MAX_PREFERENCES - len(latest)]
    kept = [*latest, *(each for *_, each in most)]
    return Preferences(
        [each.track_id for each in kept],
        [each.plays for each in kept],
        [each.skips for each in kept],
        [opinions.get(each.track_id, 0.0) for each in kept],
        [max(as_of - each.touched_at, 0) / DAY for each in kept],
        [each.skipped for each in kept],
    )


def liking(plays: float, skips: float, opinion: float) -> float:
    """Weigh what a listener did with a track: above 0 if it was liked, below 0 if unwanted.

    log2(1 + plays) - log2(1 + skips) + `OPINION_WEIGHT` · opinion: the hundredth play says less
    than the first. No number of plays turns a dislike into a like, so plays do not count then.
    """
    played = math.log2(1 + plays) if opinion >= 0 else 0.0
    return played - math.log2(1 + skips) + OPINION_WEIGHT * opinion


def _opinion(track: TrackMemory, as_of: int) -> float:
    # A dislike counts until it is lifted.
    return -1.0 if track.opinion == "dislike" else aged(track.opinion_at, as_of)
