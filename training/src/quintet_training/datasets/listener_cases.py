"""Questions about one listener: songs that a session or list began with in, those after them out.

Evaluation measures by them and training learns from them. Each has the memory as it was before the
session began or the list was shown.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from quintet_contract.limits import (
    DEFAULT_HEARD_DAYS,
    HEARD_KINDS,
    RECENT_HEARD,
    RECENT_OPINIONS,
)
from quintet_contract.signals import (
    DAY,
    Preferences,
    SignalRow,
    preferences_of,
    summarise,
)
from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.exclusions import releases_and_versions

from quintet_training.datasets.sessions import GAP_SECONDS

NEXT: Final = 20
"""Songs after the seeds that are looked for, at most."""
SEEDS: Final = 5
MOST_CASES: Final = 200
"""Sessions of a listener that are asked about: the latest."""
LEAST_KNOWN: Final = 10
"""Tracks that a memory must have before a session or list is asked about."""


@dataclass(frozen=True)
class ListenerCase:
    """One question about a listener.

    Attributes:
        seeds: int64 (s,), the first songs of the session or playlist, or the seeds of the list.
        truth: int64 (t,), songs that came after them, 1 to `NEXT`, none of them excluded.
        excluded: int64 (e,), heard within the default window before: no method may return them.
        preferences: What the memory had before.
        at: When the session began or the list was shown, in seconds since 1970; 0 if unknown.
    """

    seeds: Rows
    truth: Rows
    excluded: Rows
    preferences: Preferences
    at: int = 0


class LikedList(NamedTuple):
    """A recommended list: when, by which seed tracks, and its tracks liked, saved or added."""

    at: int
    seeds: Sequence[str]
    liked: Sequence[str]


def session_cases(
    signals: Sequence[SignalRow],
    catalogue: Catalogue,
    listens: Sequence[SignalRow] | None = None,
) -> list[ListenerCase]:
    """Ask about the latest sessions of a listener, each with the memory as it was before.

    Args:
        signals: All signals of the listener, the oldest first.
        catalogue: Tracks that it lacks are left out.
        listens: The signals that sessions are made of; all by default.
    """
    memory = _Past(signals)
    cases = []
    for session in reversed(_sessions(signals if listens is None else listens)):
        case = _session_case(session, memory, catalogue)
        if case is not None:
            cases.append(case)
        if len(cases) == MOST_CASES:
            break
    return cases[::-1]


def list_cases(
    signals: Sequence[SignalRow], lists: Sequence[LikedList], catalogue: Catalogue
) -> list[ListenerCase]:
    """Ask about the latest lists of a listener, each with the memory as it was before.

    Args:
        signals: All signals of the listener, the oldest first.
        lists: The lists, in any order; those without a seed track are left out.
        catalogue: Tracks that it lacks are left out.
    """
    memory, row_of = _Past(signals), catalogue.snapshot.row_of
    cases = []
    for shown in sorted(lists)[-MOST_CASES:]:
        seeds, liked = (
            np.array([row_of[name] for name in dict.fromkeys(names) if name in row_of], np.int64)
            for names in (shown.seeds, shown.liked)
        )
        wanted = liked[~np.isin(liked, seeds)]
        case = _case(seeds[:SEEDS], wanted, shown.at, memory, catalogue)
        if case is not None:
            cases.append(case)
    return cases


class _Past:
    """The signals of a listener, to be cut at any time."""

    def __init__(self, signals: Sequence[SignalRow]) -> None:
        self._heard = [row for row in signals if row[1] in HEARD_KINDS]
        self._opinions = [row for row in signals if row[1] not in HEARD_KINDS]

    def before(self, at: int) -> Preferences:
        """Compute the preferences of what was in the memory before a time, in seconds."""
        parts = []
        for rows, most in ((self._heard, RECENT_HEARD), (self._opinions, RECENT_OPINIONS)):
            end = bisect_left(rows, at, key=_time)
            parts.append(rows[max(end - most, 0) : end])
        return preferences_of(summarise(merge(*parts, key=_time), at), at)

    def heard(self, since: int, until: int) -> set[str]:
        """List the tracks heard from a time on, and before another."""
        start, end = (bisect_left(self._heard, at, key=_time) for at in (since, until))
        return {row[0] for row in self._heard[start:end]}


def _time(row: SignalRow) -> int:
    return row[2]


def _sessions(signals: Sequence[SignalRow]) -> list[list[SignalRow]]:
    """Split listens into sessions by gaps; counts of plays without times are no listens."""
    listens = [row for row in signals if row[1] in HEARD_KINDS and row[3] == 1]
    breaks = [
        place + 1
        for place, (one, two) in enumerate(pairwise(listens))
        if two[2] - one[2] > GAP_SECONDS
    ]
    return [listens[a:b] for a, b in pairwise([0, *breaks, len(listens)]) if a < b]


def _session_case(
    session: Sequence[SignalRow], memory: _Past, catalogue: Catalogue
) -> ListenerCase | None:
    """Make the question about one session; None if too little of it can be asked about."""
    row_of = catalogue.snapshot.row_of
    # A skip is no song that the listener wanted next.
    played = dict.fromkeys(row[0] for row in session if row[1] == "play" and row[0] in row_of)
    rows = np.array([row_of[name] for name in played], dtype=np.int64)
    count = min(SEEDS, len(rows) // 2)
    return _case(rows[:count], rows[count:], session[0][2], memory, catalogue)


def _case(
    seeds: Rows, wanted: Rows, at: int, memory: _Past, catalogue: Catalogue
) -> ListenerCase | None:
    """Make a question; None without a seed, a wanted song, or enough of a memory before it."""
    row_of = catalogue.snapshot.row_of
    names = memory.heard(at - DEFAULT_HEARD_DAYS * DAY, at)
    heard = np.array([row_of[name] for name in names if name in row_of], dtype=np.int64)
    excluded = np.unique(releases_and_versions(heard, heard[:0], catalogue)).astype(np.int64)
    truth = wanted[~np.isin(wanted, excluded)][:NEXT]
    if not len(seeds) or not len(truth):
        return None
    before = memory.before(at)
    if len(before.track_ids) < LEAST_KNOWN:
        return None
    return ListenerCase(seeds, truth, excluded[~np.isin(excluded, seeds)], before, at)
