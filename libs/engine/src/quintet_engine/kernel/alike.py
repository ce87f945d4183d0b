"""Groups playlists that share much of their tracks, without comparing every pair.

Tracks are numbered from the rarest to the most common. Two sets of sizes a ≤ b with a Jaccard
similarity of t share at least t / (1 + t) · (a + b) tracks, so they share one among the rarest
tracks of both: prefix filtering (Bayardo, Ma & Srikant, "Scaling up all pairs similarity search",
WWW 2007). A pair with too few tracks in common there is never compared as a whole.
"""

from typing import Any

import numpy as np
from numba import types

from quintet_engine.kernel.compiling import compiled, inlined
from quintet_engine.kernel.layout import Numbers
from quintet_engine.kernel.signatures import reads, writes


@inlined
def _root(parents: Any, place: Any) -> Any:
    """Find the first of a group, halving the way for the next search."""
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place


@inlined
def _after(tracks: Any, guess: Any, start: Any, end: Any, border: Any) -> Any:
    """Find the first place of an ascending run with more than `border`, from a guess."""
    place = guess
    while place > start and tracks[place - 1] > border:
        place -= 1
    while place < end and tracks[place] <= border:
        place += 1
    return place


@inlined
def _shared(tracks: Any, first: Any, first_end: Any, second: Any, second_end: Any) -> Any:
    """Count the equal numbers of two ascending runs of `tracks`."""
    found = 0
    while first < first_end and second < second_end:
        one, other = tracks[first], tracks[second]
        found += one == other
        first += one <= other
        second += other <= one
    return found


@compiled(
    types.void(
        reads(np.int64),
        reads(np.int32),
        reads(np.int32),
        reads(np.int64),
        reads(np.int64),
        reads(np.int32),
        types.float64,
        writes(np.int32),
    )
)
def unite_alike(
    starts: Any,
    tracks: Numbers,
    proposing: Numbers,
    list_starts: Any,
    list_ends: Any,
    members: Numbers,
    threshold: float,
    parents: Numbers,
) -> None:
    """Unite playlists whose Jaccard similarity is above a threshold, directly or through others.

    Args:
        starts: int64 (p + 1,), where the tracks of each playlist start; no playlist is shorter than
            the one before it.
        tracks: int32, the tracks of each playlist, ascending.
        proposing: int32 (p,), so many first tracks of a playlist propose pairs.
        list_starts: int64 (n,), where the playlists of each track start.
        list_ends: int64 (n,), where they end.
        members: int32, the playlists that a track proposes, ascending.
        threshold: Jaccard similarity, 0..1.
        parents: int32 (p,), 0..p-1; overwritten: following it leads to the first of a group.
    """
    count = len(proposing)
    common = np.zeros(count, np.int32)
    touched = np.empty(count, np.int32)
    begins = list_starts.copy()
    for place in range(count):
        start, size = starts[place], starts[place + 1] - starts[place]
        least = threshold * size
        last = start + proposing[place] - 1
        reached = 0
        for each in range(start, last + 1):
            track = tracks[each]
            # Later playlists are longer still, so one that is too short now stays too short.
            at, end = begins[track], list_ends[track]
            while at < end and starts[members[at] + 1] - starts[members[at]] < least:
                at += 1
            begins[track] = at
            while at < end and members[at] < place:
                other = members[at]
                touched[reached] = other
                reached += common[other] == 0
                common[other] += 1
                at += 1
        root = _root(parents, np.int32(place))
        for number in range(reached):
            other = touched[number]
            found, common[other] = common[other], 0
            begin, end = starts[other], starts[other + 1]
            other_last = begin + proposing[other] - 1
            # shared > t · (size + other size - shared), as `shared` alone.
            needed = threshold * (size + end - begin) / (1 + threshold) * (1 - 1e-12)
            # What is not counted yet comes after the last counted track of one of them.
            if tracks[other_last] <= tracks[last]:
                rest = end - other_last - 1
            else:
                rest = start + size - last - 1
            if found + rest < needed:
                continue
            other_root = _root(parents, other)
            if root == other_root:
                continue
            border = min(tracks[last], tracks[other_last])
            after = _after(tracks, last + 1, start, start + size, border)
            other_after = _after(tracks, other_last + 1, begin, end, border)
            shared = found + _shared(tracks, after, start + size, other_after, end)
            if shared > threshold * (size + end - begin - shared):
                # The lower number leads, so that groups do not depend on the order of pairs.
                low, high = min(root, other_root), max(root, other_root)
                parents[high] = low
                root = low
