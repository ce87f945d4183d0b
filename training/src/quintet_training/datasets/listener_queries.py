"""What training learns from listeners: questions made of histories and feedback, in order of time.

Only data that is for training is used: feedback, and histories whose sessions were stored as
playlists (`quintet history import` without --no-train). Nothing that was deleted is in the
database, so nothing of it is learned.
"""

import hashlib
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from quintet_contract.limits import HEARD_KINDS
from quintet_contract.signals import SignalRow
from quintet_engine.catalogue import Catalogue
from quintet_store import listeners as memory
from quintet_store import open_engine, reading
from quintet_store.feedback import GROUP_PREFIX, listener_group
from quintet_store.playlists import playlist_spans
from sqlalchemy import Connection

from quintet_training.datasets.feedback import liked_lists
from quintet_training.datasets.history import SESSION_PREFIX
from quintet_training.datasets.listener_cases import (
    LikedList,
    ListenerCase,
    list_cases,
    session_cases,
)
from quintet_training.datasets.sessions import GAP_SECONDS
from quintet_training.settings import TrainingSettings

ALWAYS: Final = float("-inf")
NEVER: Final = float("inf")
MOST_LISTENERS: Final = 2_000
"""Listeners that a training reads; a random choice of more."""
# An import puts its source before an id that another source has taken.
_SESSION: Final = re.compile(rf"(?:^|:){SESSION_PREFIX}(listener-[0-9a-f]+):(\d+)$")
Span = tuple[int, int]


@dataclass(frozen=True)
class ListenerQueries:
    """Questions about listeners, and when playlists were complete.

    Attributes:
        cases: The oldest first.
        complete: For each playlist asked about, when its last track was heard, in seconds since
            1970: `ALWAYS` for an imported playlist, which has no time, `NEVER` for one made of
            feedback, which may contain what a listener liked later.
    """

    cases: Sequence[ListenerCase]
    complete: Sequence[float]

    @property
    def sha256(self) -> str:
        """Identify the questions: the same data give the same hash."""
        digest = hashlib.sha256(repr(list(self.complete)).encode())
        for case in self.cases:
            for rows in (case.seeds, case.truth, case.excluded):
                digest.update(f"{rows.tolist()}".encode())
            digest.update(f"{case.at} {case.preferences}".encode())
        return digest.hexdigest()


def read_listener_queries(
    settings: TrainingSettings,
    catalogue: Catalogue,
    playlist_ids: Sequence[str],
    *,
    most: int,
    seed: int,
    before: float = NEVER,
) -> ListenerQueries:
    """Read what listeners heard and liked as questions with the memory before each.

    Args:
        settings: Names the database.
        catalogue: Tracks that it lacks are left out.
        playlist_ids: The playlists of the training.
        most: Questions at most; a random choice of more.
        seed: Random seed of both choices.
        before: Sessions and lists that began at this time or later are left out.

    Raises:
        StoreUnavailable: The database cannot be used.
    """
    random = np.random.default_rng((seed, 7))
    lists = liked_lists(settings)
    database = open_engine(settings.database_url)
    try:
        with reading(database) as connection:
            sessions = _sessions(playlist_spans(connection, SESSION_PREFIX))
            names = [
                name
                for name in memory.listener_names(connection)
                if name in lists or listener_group(name) in sessions.of_group
            ]
            if len(names) > MOST_LISTENERS:
                names = sorted(random.choice(names, MOST_LISTENERS, replace=False).tolist())
            found = [
                case
                for name in names
                for case in _cases_of(
                    connection, name, sessions.of_group, lists.get(name, ()), catalogue
                )
                if case.at < before
            ]
    finally:
        database.dispose()
    if len(found) > most:
        kept = np.sort(random.choice(len(found), most, replace=False))
        found = [found[number] for number in kept.tolist()]
    found.sort(key=lambda case: case.at)
    return ListenerQueries(found, [_complete(name, sessions.ends) for name in playlist_ids])


@dataclass(frozen=True)
class _Sessions:
    """Sessions stored as playlists.

    Attributes:
        of_group: Group of a listener to first and last listen of each session, sorted.
        ends: Playlist id to the time of its last listen.
    """

    of_group: Mapping[str, list[Span]]
    ends: Mapping[str, int]


def _sessions(spans: Mapping[str, Span]) -> _Sessions:
    """Read the times of sessions from their ids and positions, which are seconds."""
    of_group: dict[str, list[Span]] = defaultdict(list)
    ends = {}
    for name, (first, last) in spans.items():
        match = _SESSION.search(name)
        if match is not None:
            start = int(match[2])
            of_group[match[1]].append((start + first, start + last))
            ends[name] = start + last
    return _Sessions({group: sorted(each) for group, each in of_group.items()}, ends)


def _complete(playlist_id: str, ends: Mapping[str, int]) -> float:
    if playlist_id in ends:
        return ends[playlist_id]
    # A session of listeners of a shared export, or a playlist made of feedback.
    derived = SESSION_PREFIX in playlist_id or GROUP_PREFIX in playlist_id
    return NEVER if derived else ALWAYS


def _cases_of(
    connection: Connection,
    listener: str,
    sessions: Mapping[str, list[Span]],
    lists: Sequence[LikedList],
    catalogue: Catalogue,
) -> list[ListenerCase]:
    signals = for_training(
        memory.read_signals(connection, listener), sessions.get(listener_group(listener), [])
    )
    heard = [row for row in signals if row[4] != memory.FEEDBACK]
    return [
        *session_cases(signals, catalogue, heard),
        *list_cases(signals, lists, catalogue),
    ]


def for_training(signals: Sequence[SignalRow], sessions: Sequence[Span]) -> list[SignalRow]:
    """Select the signals that training may use, in the same order.

    These are feedback, what was heard in a session that was stored for training, and opinions of
    sources that such sessions come from.

    Args:
        signals: All signals of a listener.
        sessions: First and last listen of each session of the listener for training, sorted.
    """
    starts = [first - GAP_SECONDS for first, _ in sessions]

    def is_in_session(row: SignalRow) -> bool:
        place = bisect_right(starts, row[2]) - 1
        return place >= 0 and row[2] <= sessions[place][1] + GAP_SECONDS

    heard = {row for row in signals if row[1] in HEARD_KINDS and is_in_session(row)}
    sources = {row[4] for row in heard} | {memory.FEEDBACK}
    return [
        row
        for row in signals
        if row in heard
        or row[4] == memory.FEEDBACK
        or (row[1] not in HEARD_KINDS and row[4] in sources)
    ]
