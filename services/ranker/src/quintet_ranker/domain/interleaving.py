"""Merge the lists of two models by team-draft interleaving, which favours neither of them.

Source: F. Radlinski, M. Kurup, T. Joachims, "How does clickthrough data reflect retrieval
quality?", CIKM 2008.
"""

import random
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from quintet_engine.dial import Bounds
from quintet_engine.query import Discovery, RankedTrack, Ranking

from quintet_ranker.domain.models import TrackIdentity

# Joins the versions of two models; no version contains it.
_BOTH: Final = "+"


class PickOrigin(StrEnum):
    """The model that picked a track; NOBODY once one of the models has no track left."""

    NOBODY = ""
    CHAMPION = "champion"
    CHALLENGER = "challenger"


@dataclass(frozen=True)
class Pick:
    """A track of the merged list.

    Attributes:
        taken_from: The model whose list contains it.
        place: Its position in that list, from 0.
        origin: The model that gets the credit for a click on it.
    """

    taken_from: PickOrigin
    place: int
    origin: PickOrigin


class _Roster:
    """The rules for the merged list: one release per recording, and a limit per artist."""

    def __init__(self, identities: Mapping[str, TrackIdentity], most: int) -> None:
        self._identities = identities
        self._most = most
        self._taken: set[str] = set()
        self._recordings: set[int] = set()
        self._artists: Counter[str] = Counter()

    def admits(self, track: str) -> bool:
        known = self._identities.get(track)
        if track in self._taken or (known is not None and known.recording in self._recordings):
            return False
        if known is None or not self._most:
            return True
        return all(self._artists[artist] < self._most for artist in known.artists)

    def take(self, track: str) -> None:
        self._taken.add(track)
        if (known := self._identities.get(track)) is not None:
            self._recordings.add(known.recording)
            self._artists.update(known.artists)


class _Side:
    """The tracks of one model that are not picked yet, those by known artists apart."""

    def __init__(self, names: Sequence[str], known: Collection[str], roster: _Roster) -> None:
        self._names, self._roster = names, roster
        self._left: dict[bool, deque[int]] = {True: deque(), False: deque()}
        for place, name in enumerate(names):
            self._left[name in known].append(place)

    def best(self, wanted: bool | None) -> int | None:
        """Find the place of the best track that the rules admit; None if none is left.

        Args:
            wanted: Whether it should be by a known artist; None if it may be by any. If no such
                track is left, another one is the best.
        """
        heads = {}
        for is_known, places in self._left.items():
            # What the rules exclude once stays excluded.
            while places and not self._roster.admits(self._names[places[0]]):
                places.popleft()
            if places:
                heads[is_known] = places[0]
        if wanted in heads:
            return heads[wanted]
        return min(heads.values(), default=None)


def team_draft(
    champion: Sequence[str],
    challenger: Sequence[str],
    *,
    limit: int,
    key: str,
    identities: Mapping[str, TrackIdentity] | None = None,
    most: int = 0,
    known: Collection[str] = (),
    bounds: Bounds | None = None,
) -> list[Pick]:
    """Merge two ranked lists by team draft.

    The model with fewer picks picks next; if both have as many, a fair coin decides. Each picks
    its best track that the rules still admit. So no model is ever two picks ahead, and both have
    the same chance of the better position. Once one model has no track left, the other's tracks
    fill the list without credit.

    Args:
        champion: Track ids, best first, all different.
        challenger: The same for the other model.
        limit: The length of the merged list at most.
        key: The random seed of the coins: the same key gives the same list.
        identities: Recording and artists of the tracks that are known.
        most: The limit of tracks per artist; 0 for none.
        known: Ids of tracks by artists that the listener knows.
        bounds: How many of these the first tracks of the merged list may be, and must; None for no
            bounds. A model that has no other track left may break them.
    """
    # `random` hashes a text with SHA-512, so a key gives the same coins in every process.
    coins = random.Random(key)
    roster = _Roster(identities or {}, most)
    names = {PickOrigin.CHAMPION: champion, PickOrigin.CHALLENGER: challenger}
    sides = {origin: _Side(each, known, roster) for origin, each in names.items()}
    sizes = dict.fromkeys(names, 0)
    familiar = 0
    picks: list[Pick] = []
    while len(picks) < limit:
        wanted = _wanted(familiar, len(picks) + 1, bounds)
        best = {origin: side.best(wanted) for origin, side in sides.items()}
        able = {origin: place for origin, place in best.items() if place is not None}
        if not able:
            break
        side = _next(list(able), sizes, coins)
        # Without competition a click is no preference.
        origin = side if len(able) == len(sides) else PickOrigin.NOBODY
        picks.append(Pick(side, able[side], origin))
        track = names[side][able[side]]
        roster.take(track)
        familiar += track in known
        sizes[side] += 1
    return picks


def _wanted(familiar: int, count: int, bounds: Bounds | None) -> bool | None:
    """Decide whether the track at a place, from 1, is by a known artist; None if it may be any."""
    if bounds is None:
        return None
    if familiar < bounds.least(count):
        return True
    return False if familiar >= bounds.most(count) else None


def _next(
    able: Sequence[PickOrigin], sizes: Mapping[PickOrigin, int], coins: random.Random
) -> PickOrigin:
    if len(able) == 1:
        return able[0]
    lead = sizes[PickOrigin.CHALLENGER] - sizes[PickOrigin.CHAMPION]
    if lead:
        return PickOrigin.CHAMPION if lead > 0 else PickOrigin.CHALLENGER
    return PickOrigin.CHAMPION if coins.random() < 0.5 else PickOrigin.CHALLENGER


def interleaved(
    champion: Ranking, challenger: Ranking, picks: Sequence[Pick]
) -> tuple[Ranking, tuple[PickOrigin, ...]]:
    """Build the merged ranking from the picks, and the origin of each track.

    The features are those of both models, NaN if the model that ranked a track lacks one. The pool
    sizes are the champion's.
    """
    rankings = {PickOrigin.CHAMPION: champion, PickOrigin.CHALLENGER: challenger}
    names = tuple(dict.fromkeys([*champion.feature_names, *challenger.feature_names]))
    place = {name: column for column, name in enumerate(names)}
    columns = {side: [place[n] for n in one.feature_names] for side, one in rankings.items()}
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
        discovery=_dialled(champion, challenger, tracks),
    )
    return both, tuple(pick.origin for pick in picks)


def _dialled(
    champion: Ranking, challenger: Ranking, tracks: Sequence[RankedTrack]
) -> Discovery | None:
    """Count what the dial did to the merged list, which keeps its bounds like any other."""
    one, other = champion.discovery, challenger.discovery
    if one is None or other is None:
        return None
    count, known = len(tracks), sum(track.known for track in tracks)
    bounds = Bounds(one.value)
    return replace(
        one,
        new=count - known,
        known=known,
        lacks_new=known > bounds.most(count),
        lacks_known=known < bounds.least(count),
    )


def _widened(track: RankedTrack, columns: list[int], count: int) -> RankedTrack:
    if not track.features:
        return track
    # Little-endian float32, as impressions store features.
    values = np.full(count, np.nan, dtype="<f4")
    values[columns] = np.frombuffer(track.features, dtype="<f4")
    return track._replace(features=values.tobytes())


def _either(left: str, right: str) -> str:
    return left if left == right else f"{left}{_BOTH}{right}"
