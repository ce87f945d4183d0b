"""Two lists as one: team-draft interleaving, in which neither model is favoured.

Source: F. Radlinski, M. Kurup, T. Joachims, "How does clickthrough data reflect retrieval
quality?", CIKM 2008.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from quintet_engine.query import RankedTrack, Ranking

from quintet_ranker.domain.models import TrackIdentity

_BOTH: Final = "+"


class PickOrigin(StrEnum):
    """Whose pick a track is; nobody's once one model has no more to offer."""

    NOBODY = ""
    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True)
class Pick:
    """A track of the drafted list: whose list it is taken from, its place there, whose pick."""

    taken_from: PickOrigin
    place: int
    origin: PickOrigin


class _Roster:
    """What the list being drafted still admits: one release a recording, so many an artist."""

    def __init__(self, marks: Mapping[str, TrackIdentity], most: int) -> None:
        self._marks = marks
        self._most = most
        self._taken: set[str] = set()
        self._recordings: set[int] = set()
        self._artists: Counter[str] = Counter()

    def admits(self, track: str) -> bool:
        marks = self._marks.get(track)
        if track in self._taken or (marks is not None and marks.recording in self._recordings):
            return False
        if marks is None or not self._most:
            return True
        return all(self._artists[artist] < self._most for artist in marks.artists)

    def take(self, track: str) -> None:
        self._taken.add(track)
        if (marks := self._marks.get(track)) is not None:
            self._recordings.add(marks.recording)
            self._artists.update(marks.artists)


def team_draft(
    champion: Sequence[str],
    challenger: Sequence[str],
    *,
    limit: int,
    key: str,
    marks: Mapping[str, TrackIdentity] | None = None,
    most: int = 0,
) -> list[Pick]:
    """Drafts one list of two.

    The model with fewer picks picks next, a fair coin decides where both have as many, and each
    picks its best track that the list still admits. So no model ever has two picks more than the
    other, and either is as likely to have the better place. Where one has nothing left to pick,
    the other's tracks fill the list and are nobody's.

    Args:
        champion: Track ids, best first, all different.
        challenger: The same of the other model.
        limit: How many tracks at most.
        key: Decides the coins: the same key, the same coins.
        marks: Recording and artists of tracks, for the two rules below; of those known.
        most: Tracks that share any artist; 0 for no cap.
    """
    # Seeded by text, so that the coins are the same in every process.
    coins = random.Random(key)
    lists = {PickOrigin.CHAMPION: champion, PickOrigin.CHALLENGER: challenger}
    sizes = dict.fromkeys(lists, 0)
    places = dict.fromkeys(lists, 0)
    roster = _Roster(marks or {}, most)
    picks: list[Pick] = []
    while len(picks) < limit:
        for side, names in lists.items():
            while places[side] < len(names) and not roster.admits(names[places[side]]):
                places[side] += 1
        able = [side for side, names in lists.items() if places[side] < len(names)]
        if not able:
            break
        side = _next(able, sizes, coins)
        origin = side if len(able) == len(lists) else PickOrigin.NOBODY
        picks.append(Pick(side, places[side], origin))
        roster.take(lists[side][places[side]])
        sizes[side] += 1
    return picks


def _next(
    able: Sequence[PickOrigin], sizes: Mapping[PickOrigin, int], coins: random.Random
) -> PickOrigin:
    if len(able) == 1:
        return able[0]
    behind = sizes[PickOrigin.CHALLENGER] - sizes[PickOrigin.CHAMPION]
    if behind:
        return PickOrigin.CHAMPION if behind > 0 else PickOrigin.CHALLENGER
    return PickOrigin.CHAMPION if coins.random() < 0.5 else PickOrigin.CHALLENGER


def interleaved(
    champion: Ranking, challenger: Ranking, picks: Sequence[Pick]
) -> tuple[Ranking, tuple[PickOrigin, ...]]:
    """Returns the list that was drafted of two, and whose pick each track is.

    Features are those of both models, NaN where the one that ranked a track has no such value;
    pools are the champion's.
    """
    rankings = {PickOrigin.CHAMPION: champion, PickOrigin.CHALLENGER: challenger}
    names = tuple(dict.fromkeys([*champion.feature_names, *challenger.feature_names]))
    columns = {side: _columns(one, names) for side, one in rankings.items()}
    tracks = tuple(
        _widened(rankings[pick.taken_from].tracks[pick.place], columns[pick.taken_from], len(names))
        for pick in picks
    )
    both = replace(
        champion,
        tracks=tracks,
        model_version=f"{champion.model_version}{_BOTH}{challenger.model_version}",
        index_version=_either(champion.index_version, challenger.index_version),
        catalogue_version=_either(champion.catalogue_version, challenger.catalogue_version),
        degraded=tuple(dict.fromkeys([*champion.degraded, *challenger.degraded])),
        feature_names=names,
    )
    return both, tuple(pick.origin for pick in picks)


def _columns(ranking: Ranking, names: Sequence[str]) -> list[int]:
    place = {name: column for column, name in enumerate(names)}
    return [place[name] for name in ranking.feature_names]


def _widened(track: RankedTrack, columns: list[int], count: int) -> RankedTrack:
    if not track.features:
        return track
    values = np.full(count, np.nan, dtype="<f4")
    values[columns] = np.frombuffer(track.features, dtype="<f4")
    return replace(track, features=values.tobytes())


def _either(left: str, right: str) -> str:
    return left if left == right else f"{left}{_BOTH}{right}"
