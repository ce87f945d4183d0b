"""Questions about one listener: the beginning of a session or playlist in, the songs after it out.

Every method gets the same seeds and must not return what was heard lately, as in serving. A method
that has a memory gets only what was in it before the session began.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import pairwise
from typing import Final

import numpy as np
from quintet_contract.limits import (
    DEFAULT_HEARD_DAYS,
    HEARD_KINDS,
    MAX_PREFERENCES,
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
from quintet_training.evaluation.baselines import STANDARDISED_COSINE, baselines

FIRST: Final = 50
"""Tracks of a list that are searched for the songs that came next: the default length."""
NEXT: Final = 20
"""Songs after the seeds that are looked for, at most."""
SEEDS: Final = 5
LEAST_CASES: Final = 10
"""Fewer sessions or playlists give no interval worth reading."""
MOST_CASES: Final = 200
"""Sessions that are asked about: the latest."""
LEAST_KNOWN: Final = 10
"""Tracks that a memory must have before a session is asked about."""


@dataclass(frozen=True)
class ListenerCase:
    """One question about a listener.

    Attributes:
        seeds: int64 (s,), the first songs of the session or playlist.
        truth: int64 (t,), songs that came after them, 1 to `NEXT`, none of them excluded.
        excluded: int64 (e,), heard within the default window before: no method may return them.
        preferences: What the memory had before.
    """

    seeds: Rows
    truth: Rows
    excluded: Rows
    preferences: Preferences


Method = Callable[[ListenerCase], Rows]
"""Gives at most `FIRST` rows, best first, for one question."""


def session_cases(signals: Sequence[SignalRow], catalogue: Catalogue) -> list[ListenerCase]:
    """Ask about the latest sessions of a listener, each with the memory as it was before.

    Args:
        signals: All signals of the listener, the oldest first.
        catalogue: Tracks that it lacks are left out.
    """
    memory = _Past(signals)
    cases = []
    for session in reversed(_sessions(signals)):
        case = _session_case(session, memory, catalogue)
        if case is not None:
            cases.append(case)
        if len(cases) == MOST_CASES:
            break
    return cases[::-1]


def playlist_cases(
    playlists: Sequence[Rows], asked: Sequence[int], known: Sequence[int], catalogue: Catalogue
) -> list[ListenerCase]:
    """Ask about the end of playlists; the memory is made of other playlists, as saves.

    Args:
        playlists: Distinct rows of each, in order.
        asked: Numbers of the playlists to ask about.
        known: Numbers of those that the listener is remembered by.
        catalogue: The catalogue.
    """
    counts = np.zeros(len(catalogue))
    for number in known:
        counts[playlists[number]] += 1
    # Tracks of most playlists first, ties by row.
    rows = np.argsort(-counts, kind="stable")[:MAX_PREFERENCES]
    rows = rows[counts[rows] > 0]
    saved = Preferences(
        catalogue.track_ids(rows),
        [0.0] * len(rows), [0.0] * len(rows), [1.0] * len(rows), [0.0] * len(rows),
        [False] * len(rows),
    )  # fmt: skip
    nothing = np.empty(0, np.int64)
    cases = []
    for number in asked:
        whole = np.asarray(playlists[number], np.int64)
        if len(whole) >= 2 * SEEDS:
            end = min(NEXT, len(whole) - SEEDS)
            cases.append(ListenerCase(whole[-end - SEEDS : -end], whole[-end:], nothing, saved))
    return cases[-MOST_CASES:]


def simple_methods(catalogue: Catalogue, seed: int) -> dict[str, Method]:
    """Build the baselines that need neither playlists nor a memory."""
    # Long enough that the first `FIRST` remain without what was heard within the window.
    found = baselines(catalogue, [], seed, limit=len(catalogue))
    names = ("popularity", "same_artist", STANDARDISED_COSINE)
    return {name: _without_excluded(found[name]) for name in names}


def hits(method: Method, cases: Sequence[ListenerCase]) -> np.ndarray:
    """Count how many songs that came next are in the first `FIRST` of each list, float64 (c,)."""
    found = []
    for case in cases:
        ranked = method(case)
        found.append(float(np.isin(case.truth, ranked[:FIRST]).sum()))
    return np.array(found)


def chance(cases: Sequence[ListenerCase], catalogue: Catalogue) -> float:
    """Compute how many songs a random list would have in its first `FIRST`, on average."""
    shares = [
        FIRST / (len(catalogue) - len(case.seeds) - len(case.excluded)) * len(case.truth)
        for case in cases
    ]
    return float(np.mean(shares))


def _without_excluded(recommend: Callable[[Rows], Rows]) -> Method:
    def answer(case: ListenerCase) -> Rows:
        ranked = recommend(case.seeds)
        return ranked[~np.isin(ranked, case.excluded)][:FIRST]

    return answer


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
    row_of, start = catalogue.snapshot.row_of, session[0][2]
    # A skip is no song that the listener wanted next.
    played = dict.fromkeys(row[0] for row in session if row[1] == "play" and row[0] in row_of)
    rows = np.array([row_of[name] for name in played], dtype=np.int64)
    count = min(SEEDS, len(rows) // 2)
    names = memory.heard(start - DEFAULT_HEARD_DAYS * DAY, start)
    heard = np.array([row_of[name] for name in names if name in row_of], dtype=np.int64)
    excluded = np.unique(releases_and_versions(heard, heard[:0], catalogue)).astype(np.int64)
    later = rows[count:]
    truth = later[~np.isin(later, excluded)][:NEXT]
    if not count or not len(truth):
        return None
    before = memory.before(start)
    if len(before.track_ids) < LEAST_KNOWN:
        return None
    return ListenerCase(rows[:count], truth, excluded[~np.isin(excluded, rows[:count])], before)
