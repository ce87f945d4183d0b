"""Near-duplicate playlists: found, and kept on one side of a split."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Mask, Rows
from quintet_engine.kernel.layout import fixed

MOST_PROPOSED: Final = 20_000
"""Pairs that tracks may propose, per playlist: bounds the time of the search. Where there are more,
the most common tracks propose none."""

LARGEST: Final = 1_000
"""A group of more playlists than this, and than a tenth of all, is split."""
# No threshold beyond this one: such playlists are copies however many there are.
_COPIES: Final = 0.8


def near_duplicates(
    playlists: Sequence[Rows], track_count: int, threshold: float = 0.2
) -> NDArray[np.int64]:
    """Group playlists that share much of their tracks, directly or through others.

    Two playlists are alike where their Jaccard similarity, shared tracks over distinct tracks of
    both, is above the threshold; groups are the connected components of that relation. A copied
    playlist on the other side of a split would give its held-out part away.

    Among very many playlists, chains of similar ones join most of them. A group of more than
    `LARGEST` playlists and a tenth of all is split by a threshold twice as great.

    Args:
        playlists: Distinct rows of each playlist, each 0..track_count-1.
        track_count: Number of tracks of the catalogue.
        threshold: Jaccard similarity, 0..1.

    Returns:
        The group of each playlist, int64 (p,), numbered by first appearance.
    """
    groups = _alike(playlists, track_count, threshold)
    most = max(LARGEST, len(playlists) // 10)
    while threshold < _COPIES and np.bincount(groups, minlength=1).max() > most:
        threshold = min(2 * threshold, _COPIES)
        for large in np.flatnonzero(np.bincount(groups) > most).tolist():
            inside = np.flatnonzero(groups == large)
            parts = _alike([playlists[n] for n in inside.tolist()], track_count, threshold)
            groups[inside] = groups.max() + 1 + parts
        groups = _by_first_appearance(groups)
    return groups


def _alike(playlists: Sequence[Rows], track_count: int, threshold: float) -> NDArray[np.int64]:
    """Find the connected components of playlists above a threshold, as `near_duplicates`."""
    sizes = np.array([len(rows) for rows in playlists], dtype=np.int64)
    if not sizes.sum():
        return np.arange(len(playlists), dtype=np.int64)
    from quintet_engine.kernel.alike import unite_alike

    order = np.argsort(sizes, kind="stable")
    parents = np.arange(len(playlists), dtype=np.int32)
    unite_alike(
        *_by_rarity([playlists[n] for n in order.tolist()], track_count, threshold), parents
    )
    # A parent comes before its playlist, so following parents ends at the first of a group.
    labels = parents.astype(np.int64)
    while (labels != labels[labels]).any():
        labels = labels[labels]
    of_playlist = np.empty_like(labels)
    of_playlist[order] = labels
    return _by_first_appearance(of_playlist)


def split_groups(
    groups: NDArray[np.int64], share: float, random: np.random.Generator, order: Rows | None = None
) -> Mask:
    """Sample whole groups until no further one fits into the share.

    Groups are visited in random order and each is taken if it still fits, so one group larger
    than the share is left out rather than ending the draw.

    Args:
        groups: The group of each playlist, int64 (p,), ≥ 0, as `near_duplicates` gives it.
        share: The greatest share of all playlists to hold out, 0..1.
        random: Where the order comes from.
        order: The groups to choose from, int64, in the order to visit; all, at random, if None.

    Returns:
        Which playlists are held out, bool (p,).
    """
    sizes = np.bincount(groups)
    # 0.29 * 100 is slightly below 29 in floating point: the addend keeps such a whole number.
    room = int(np.floor(share * len(groups) + 1e-9))
    held = np.zeros(len(sizes), dtype=np.bool_)
    visited = random.permutation(len(sizes)) if order is None else order
    for group in visited.tolist():
        if sizes[group] <= room:
            held[group] = True
            room -= int(sizes[group])
    return held[groups]


class _Proposals(NamedTuple):
    """What `unite_alike` reads: playlists as runs of tracks, and the playlists of each track."""

    starts: NDArray[np.int64]
    tracks: NDArray[np.int32]
    proposing: NDArray[np.int32]
    list_starts: NDArray[np.int64]
    list_ends: NDArray[np.int64]
    members: NDArray[np.int32]
    threshold: float


def _by_rarity(playlists: Sequence[Rows], track_count: int, threshold: float) -> _Proposals:
    """Count tracks, number them from the rarest, and choose which of each playlist propose pairs.

    Args:
        playlists: Distinct rows of each, the shortest first.
        track_count: Number of tracks of the catalogue.
        threshold: Jaccard similarity, 0..1.
    """
    sizes = np.array([len(rows) for rows in playlists], dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    rows = np.concatenate(playlists)
    number = np.empty(track_count, np.int64)
    counts = np.bincount(rows, minlength=track_count)
    number[np.argsort(counts, kind="stable")] = np.arange(track_count)
    owners = np.repeat(np.arange(len(playlists)), sizes)
    keys = owners * track_count + number[rows]
    keys.sort()
    tracks = keys - owners * track_count
    # A playlist that shares more than t · size tracks shares one of the others: leave so many out.
    # The subtrahend keeps a product that floating point made slightly too great.
    proposing = sizes - np.floor(threshold * sizes - 1e-9).clip(0).astype(np.int64)
    proposes = np.arange(len(tracks)) - np.repeat(starts[:-1], sizes) < np.repeat(proposing, sizes)
    held = np.bincount(tracks[proposes], minlength=track_count)
    work = np.cumsum(held.astype(np.float64) ** 2 / 2)
    rare = int(np.searchsorted(work, MOST_PROPOSED * float(len(playlists)), side="right"))
    proposes &= tracks < rare
    proposing = np.bincount(owners[proposes], minlength=len(playlists))
    held[rare:] = 0
    ends = np.cumsum(held)
    members = owners[proposes][np.argsort(tracks[proposes], kind="stable")]
    return _Proposals(
        fixed(starts, np.int64),
        fixed(tracks, np.int32),
        fixed(proposing, np.int32),
        fixed(ends - held, np.int64),
        fixed(ends, np.int64),
        fixed(members, np.int32),
        threshold,
    )


def _by_first_appearance(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return np.asarray(order[inverse], dtype=np.int64)
