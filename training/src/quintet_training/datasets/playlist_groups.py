"""Near-duplicate playlists: found, and kept on one side of a split."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from quintet_engine.catalogue import Mask, Rows

# Multiplications a block of playlists may cost: bounds its overlaps to about 100 MB.
_BLOCK_WORK: Final = 8_000_000


def near_duplicates(
    playlists: Sequence[Rows], track_count: int, threshold: float = 0.2
) -> NDArray[np.int64]:
    """Group playlists that share much of their tracks, directly or through others.

    Two playlists are alike where their Jaccard similarity, shared tracks over distinct tracks of
    both, is above the threshold; groups are the connected components of that relation. A copied
    playlist on the other side of a split would give its held-out part away.

    Args:
        playlists: Distinct rows of each playlist, each 0..track_count-1.
        track_count: Number of tracks of the catalogue.
        threshold: Jaccard similarity, 0..1.

    Returns:
        The group of each playlist, int64 (p,), numbered by first appearance.
    """
    count = len(playlists)
    labels = np.arange(count, dtype=np.int64)
    if not count:
        return labels
    sizes = np.array([len(rows) for rows in playlists], dtype=np.int64)
    members = _membership(playlists, sizes, track_count)
    for first, second in _alike(members, sizes, threshold):
        labels = _merge(labels, first, second)
    return _by_first_appearance(labels)


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
        order: All groups, int64, in the order to visit them; random if None.

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


def _membership(playlists: Sequence[Rows], sizes: NDArray[np.int64], track_count: int) -> Any:
    """Return the playlists as a sparse matrix of ones, (p, tracks) float32."""
    starts = np.concatenate(([0], np.cumsum(sizes)))
    rows = np.concatenate(playlists)
    values = np.ones(len(rows), dtype=np.float32)
    return scipy.sparse.csr_matrix((values, rows, starts), shape=(len(playlists), track_count))


def _alike(members: Any, sizes: NDArray[np.int64], threshold: float) -> Iterator[tuple[Rows, Rows]]:
    """Give pairs of playlists above the threshold, one block of rows after another."""
    transposed = members.T.tocsr()
    # A product of sparse rows costs, for each track, the playlists that hold it.
    work = np.cumsum(members @ np.diff(transposed.indptr).astype(np.float64))
    start = 0
    while start < len(sizes):
        done = work[start - 1] if start else 0.0
        stop = max(start + 1, int(np.searchsorted(work, done + _BLOCK_WORK, side="right")))
        overlap = (members[start:stop] @ transposed).tocoo()
        first, second = overlap.row.astype(np.int64) + start, overlap.col.astype(np.int64)
        # Size of the union, by inclusion and exclusion.
        together = sizes[first] + sizes[second] - overlap.data
        # Each pair once; without a division, so that empty playlists need no rule.
        alike = (first < second) & (overlap.data > threshold * together)
        yield first[alike], second[alike]
        start = stop


def _merge(labels: NDArray[np.int64], first: Rows, second: Rows) -> NDArray[np.int64]:
    """Join the groups of each pair; labels stay below the number of playlists."""
    if not len(first):
        return labels
    ends = (labels[first], labels[second])
    count = len(labels)
    ones = np.ones(len(first), dtype=np.bool_)
    graph = scipy.sparse.coo_matrix((ones, ends), shape=(count, count))
    joined = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    return np.asarray(joined[labels], dtype=np.int64)


def _by_first_appearance(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return np.asarray(order[inverse], dtype=np.int64)
