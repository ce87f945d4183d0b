"""Places of tracks on the map: a region for each genre, and sounds in order within each region.

1. Each of the most frequent genres is a disc whose area is proportional to its tracks.
2. Discs of genres that share tracks, or sound alike, are close together: classical scaling of their
   distances (Torgerson, "Multidimensional scaling: I. Theory and method", Psychometrika 17 (1952),
   401-419), after which discs that overlap push each other apart.
3. Within each disc, a track is placed by the first two principal components of its features, so
   that a direction means the same in all discs. A track with several genres is nearer to the discs
   of the others.

All steps are deterministic: equal catalogues give equal maps.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Points = NDArray[np.float32]
MOST_REGIONS: Final = 60
"""Genres with a region; tracks of other genres join the region that sounds most like theirs."""
_ROUNDS: Final = 400
_GAP: Final = 1.06
"""Least distance between two centres, as a multiple of the sum of their radii."""
_PULL: Final = 0.3
"""How far the other genres of a track move it, as a share of its region's radius."""
_SAME_TRACKS: Final = 0.7
"""Weight of shared tracks in the distance of two genres; the rest is their sound."""


def layout(encoded: NDArray[np.float32], genres: Sequence[Sequence[str]]) -> Points:
    """Place tracks on a plane.

    Args:
        encoded: float32 (n, d), encoded features.
        genres: For each track its genres, the main one first; may be empty.

    Returns:
        float32 (n, 2), centred; each column within -1 to 1.
    """
    count = len(encoded)
    if not count:
        return np.zeros((0, 2), dtype=np.float32)
    local = _disc(_plane(encoded))
    names = _regions(genres)
    if len(names) < 2:
        return np.asarray(local, dtype=np.float32)
    members = _memberships(genres, names)
    region = _region_of(encoded, members)
    sizes = np.bincount(region, minlength=len(names)).astype(np.float64)
    radii = np.sqrt(np.maximum(sizes, 1.0))
    centres = _spread(_scaled(_distances(encoded, members)), radii)
    inner = _within(encoded, region, len(names)) + _PULL * _towards_others(members, region, centres)
    # Moved or not, a track stays in its region.
    inner /= np.maximum(1.0, np.linalg.norm(inner, axis=1, keepdims=True))
    points = centres[region] + radii[region, None] * inner
    points -= (points.max(axis=0) + points.min(axis=0)) / 2
    return np.asarray(points / max(np.abs(points).max(), 1e-12), dtype=np.float32)


def _plane(encoded: NDArray[np.float32]) -> Floats:
    """Project features onto their first two principal components.

    Returns:
        float64 (n, 2), centred, each column of unit variance, or 0 if nothing varies. The sign of a
        component is set by its largest loading.
    """
    centred = encoded.astype(np.float64) - encoded.mean(axis=0, dtype=np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred / max(1, len(centred)))
    # `eigh` sorts ascending; the largest two are last.
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(axes.shape[1])])
    scale = np.sqrt(np.maximum(values[::-1][:2], 0.0))
    # Below this, the variance is rounding error; dividing by it would scatter the points.
    plane = centred @ axes / np.where(scale > 1e-9, scale, np.inf)
    return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))


def _disc(plane: Floats) -> Floats:
    """Move points into the unit disc; a normal distribution would fill it evenly."""
    length = np.linalg.norm(plane, axis=1, keepdims=True)
    # The share of a normal distribution that is nearer to the centre grows with the disc's area.
    radius = np.sqrt(-np.expm1(-(length**2) / 2))
    scale = np.divide(radius, length, out=np.zeros_like(length), where=length > 0)
    return np.asarray(plane * scale)


def _regions(genres: Sequence[Sequence[str]]) -> list[str]:
    """Choose the main genres of most tracks; of equal ones those first in the alphabet."""
    counts = Counter(each[0] for each in genres if each)
    return sorted(counts, key=lambda name: (-counts[name], name))[:MOST_REGIONS]


def _memberships(genres: Sequence[Sequence[str]], names: Sequence[str]) -> Floats:
    """Describe the genres of tracks as float64 (n, k): 1 for the first with a region, else 0.5."""
    number = {name: place for place, name in enumerate(names)}
    members = np.zeros((len(genres), len(names)))
    for row, each in enumerate(genres):
        known = [number[name] for name in each if name in number]
        members[row, known] = 0.5
        if known:
            members[row, known[0]] = 1.0
    return members


def _region_of(encoded: NDArray[np.float32], members: Floats) -> NDArray[np.int64]:
    """Choose a region for each track: its first genre's, else the one that sounds most like it."""
    region: NDArray[np.int64] = members.argmax(axis=1)
    lost = np.flatnonzero(~members.any(axis=1))
    if len(lost):
        means = _means(encoded, members)
        squared = (means**2).sum(axis=1) - 2 * encoded[lost].astype(np.float64) @ means.T
        region[lost] = squared.argmin(axis=1)
    return region


def _means(encoded: NDArray[np.float32], members: Floats) -> Floats:
    return np.asarray(members.T @ encoded.astype(np.float64) / members.sum(axis=0)[:, None])


def _distances(encoded: NDArray[np.float32], members: Floats) -> Floats:
    """Compute the distances of regions, 0 to 1: few shared tracks, and another sound."""
    shared = members.T @ members
    own = np.sqrt(np.diag(shared))
    apart = 1.0 - shared / np.outer(own, own)
    means = _means(encoded, members)
    sound = np.linalg.norm(means[:, None] - means[None], axis=2)
    return np.asarray(
        _SAME_TRACKS * apart + (1 - _SAME_TRACKS) * sound / max(sound.max(), 1e-12),
        dtype=np.float64,
    )


def _scaled(distances: Floats) -> Floats:
    """Place points on a plane so that their distances are about those given, by their order."""
    squared = distances**2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(2)])
    return np.asarray(axes * np.sqrt(np.maximum(values[::-1][:2], 0.0)))


def _spread(centres: Floats, radii: Floats) -> Floats:
    """Move discs apart until they hardly overlap, and together until little room is left."""
    reach = np.sqrt((radii**2).sum())
    centres = centres / max(np.abs(centres).max(), 1e-12) * reach
    # Discs at one place need a direction to part in: a spiral, the same each time.
    turns = np.arange(len(radii)) * 2.399963
    centres = centres + 1e-3 * reach * np.column_stack([np.cos(turns), np.sin(turns)])
    wanted = _GAP * (radii[:, None] + radii[None])
    np.fill_diagonal(wanted, 0.0)
    # The bigger disc moves less.
    yields = radii[None] ** 2 / (radii[:, None] ** 2 + radii[None] ** 2)
    for number in range(_ROUNDS):
        # Gravity ends before the pushing does, so that no overlap is left at the end.
        centres = centres * (1.0 - 0.02 * max(0.0, 1.0 - 1.5 * number / _ROUNDS))
        away = centres[:, None] - centres[None]
        distance = np.maximum(np.linalg.norm(away, axis=2), 1e-9)
        push = np.maximum(wanted - distance, 0.0) / distance * yields
        centres = centres + 0.5 * (push[:, :, None] * away).sum(axis=1)
    return centres


def _within(encoded: NDArray[np.float32], region: NDArray[np.int64], count: int) -> Floats:
    """Place each track in the unit disc of its region, by directions that all regions share."""
    plane = _plane(encoded)
    sizes = np.maximum(np.bincount(region, minlength=count), 1)[:, None]
    means = np.column_stack([np.bincount(region, axis, count) for axis in plane.T]) / sizes
    centred = plane - means[region]
    squares = np.column_stack([np.bincount(region, axis**2, count) for axis in centred.T]) / sizes
    scale = np.sqrt(squares)
    return _disc(centred / np.where(scale > 1e-9, scale, np.inf)[region])


def _towards_others(members: Floats, region: NDArray[np.int64], centres: Floats) -> Floats:
    """Compute unit vectors from regions to the middle of a track's other regions; 0 if none."""
    others = members.copy()
    others[np.arange(len(region)), region] = 0.0
    weight = others.sum(axis=1, keepdims=True)
    target = np.divide(others @ centres, weight, out=centres[region].copy(), where=weight > 0)
    away = target - centres[region]
    length = np.linalg.norm(away, axis=1, keepdims=True)
    return np.asarray(np.divide(away, length, out=np.zeros_like(away), where=length > 0))
