"""The dial from familiar to discover: how many tracks of a list are by artists already known.

Known artists are those of the seeds, and those of the tracks in the listener's memory. Scores stay
as they are: the dial only decides which places of the list may, or must, go to known artists.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.catalogue import Catalogue, Mask, Rows
from quintet_engine.context import Context
from quintet_engine.dial import Bounds as Bounds
from quintet_engine.kernel.layout import fixed
from quintet_engine.query import Discovery
from quintet_engine.row_set import RowSet

# Tracks by artists of the listener's memory that become candidates, the nearest to the profile.
# Channels look for the seeds' artists only.
_FAMILIAR: Final = 200
Pick = Callable[[Rows, Rows], Rows]
"""Picks places from some of a list's places, best first, given the places taken before."""


@dataclass(frozen=True)
class KnownArtists:
    """The artists that a query's listener knows.

    Attributes:
        artists: bool (artists,), marked if known.
        from_memory: Whether tracks of a memory counted, besides the seeds.
    """

    artists: Mask
    from_memory: bool

    def of_rows(self, catalogue: Catalogue, rows: Rows) -> Mask:
        """Mark the rows by at least one known artist, bool (k,)."""
        from quintet_engine.kernel.choosing import have_any

        marked = fixed(self.artists, np.uint8)
        return have_any(catalogue.track_artists.arrays, marked, fixed(rows, np.int32))


def known_artists(context: Context) -> KnownArtists:
    """Find the artists of the seeds and of the tracks that the listener knows."""
    catalogue, tracks = context.catalogue, context.query.known_tracks
    artists = np.zeros(len(catalogue.artist_names), dtype=np.bool_)
    artists[context.artists.numbers] = True
    if not tracks:
        return KnownArtists(artists, from_memory=False)
    rows = catalogue.rows_of(tracks)
    # Unknown ids are skipped: a memory may hold tracks that have left the catalogue.
    rows = rows[rows >= 0]
    artists[catalogue.track_artists.members_of(rows)[0]] = True
    return KnownArtists(artists, bool(len(rows)))


def familiar_rows(context: Context, known: KnownArtists) -> Rows:
    """Find the allowed tracks by known artists that are nearest to the profile, int64.

    Nothing without a memory: a channel searches the tracks of the seeds' artists.
    """
    if not known.from_memory or not context.vector.any():
        return np.empty(0, np.int64)
    # Marking a row twice costs less than finding the distinct ones of tens of thousands.
    of_artists, _ = context.catalogue.artist_tracks.members_of(np.flatnonzero(known.artists))
    mask = np.zeros(len(context.catalogue), dtype=np.bool_)
    mask[of_artists] = True
    allowed = context.comparable & RowSet.of(mask)
    hits = context.index.search(context.vector[None, :], _FAMILIAR, allowed)[0]
    return np.asarray(hits.rows, dtype=np.int64)


def arrange(known: Mask, bounds: Bounds, limit: int, pick: Pick) -> Rows:
    """Arrange a list under the bounds of the dial; returns places, in the order of the list.

    The best known and the best new tracks are picked first, apart from each other and without
    regard to the dial. Both are then merged: at each place the bounds decide, and between the
    bounds the better score. So of any first n tracks, the number by known artists never rises as
    the dial rises. If one side runs out, the other fills the list.

    Args:
        known: bool (c,), candidates by known artists, in the order of scores, best first.
        bounds: Of the dial.
        limit: How many places.
        pick: Picks up to `limit` of some places, with the cap on tracks per artist.
    """
    nothing = np.empty(0, np.int64)
    familiar = pick(np.flatnonzero(known), nothing)
    # Guests of known tracks count for the cap on the new side too.
    new = pick(np.flatnonzero(~known), familiar)
    merged = _merge(familiar.tolist(), new.tolist(), bounds, limit)
    if len(merged) == limit:
        return np.array(merged, dtype=np.int64)
    # Both sides are used up. What the guests of unused tracks kept out may fit now.
    used = np.array(merged, dtype=np.int64)
    left = np.setdiff1d(np.arange(len(known)), used)
    return np.concatenate((used, pick(left, used)[: limit - len(used)]))


def _merge(familiar: list[int], new: list[int], bounds: Bounds, limit: int) -> list[int]:
    merged: list[int] = []
    taken = 0
    while len(merged) < limit:
        count = len(merged) + 1
        left = familiar[taken : taken + 1]
        right = new[len(merged) - taken : len(merged) - taken + 1]
        if not left and not right:
            break
        # A lower place has the better score.
        wanted = taken < bounds.least(count) or (
            taken < bounds.most(count) and bool(left and right) and left[0] < right[0]
        )
        if left and (wanted or not right):
            merged.append(left[0])
            taken += 1
        else:
            merged.extend(right)
    return merged


def outcome(known: NDArray[np.bool_], bounds: Bounds, from_memory: bool) -> Discovery:
    """Describe what the dial did to a list.

    Args:
        known: bool (k,), the tracks of the list by known artists.
        bounds: Of the dial.
        from_memory: Whether a memory counted.
    """
    count, familiar = len(known), int(np.count_nonzero(known))
    return Discovery(
        bounds.discovery,
        count - familiar,
        familiar,
        from_memory,
        lacks_new=familiar > bounds.most(count),
        lacks_known=familiar < bounds.least(count),
    )
