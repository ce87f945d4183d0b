"""Relations of tracks to seeds that come from playlists, for explaining a list."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from quintet_engine.catalogue import Rows
from quintet_engine.collaborative.affinity import Affinity

from tests.oracle.products import co_occurrences, product_with


class Strongest(NamedTuple):
    """The strongest relation of each of k rows to a seed row.

    Attributes:
        seed_rows: The place of that seed among the affinity's seeds.
        values: How strong it is.
    """

    seed_rows: list[int]
    values: list[float]

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Self:
        """Find the greatest value in each row of (k, m)."""
        return cls(values.argmax(axis=1).tolist(), values.max(axis=1).tolist())


class PlaylistRelations(NamedTuple):
    """Each row's strongest relations to the seeds by playlists.

    Attributes:
        together: How many playlists hold both tracks.
        artists: How many playlists hold both first artists; 0 for the same artist.
        taste: The cosine of the tracks in the taste space.
        holders: How many playlists hold each of the m seed rows.
        artist_holders: How many hold the first artist of each.
    """

    together: Strongest
    artists: Strongest
    taste: Strongest
    holders: list[float]
    artist_holders: list[float]


def playlist_relations(affinity: Affinity, rows: Rows) -> PlaylistRelations:
    """Find each row's strongest relations to the seeds by playlists.

    A row may be one of the seed rows of an artist or a genre; it has no relation to itself.
    """
    places = affinity.model.taste
    taste = places.of(rows) @ places.of(affinity.seeds).T
    recording = affinity.catalogue.recording
    itself = recording[rows][:, None] == recording[affinity.seeds]
    return PlaylistRelations(
        Strongest.of(np.where(itself, np.float32(0), co_occurrences(affinity, rows))),
        Strongest.of(_artists_together(affinity, rows)),
        Strongest.of(np.where(itself, np.float32(0), taste)),
        *_held(affinity),
    )


def _held(affinity: Affinity) -> tuple[list[float], list[float]]:
    """Count the playlists that hold each seed row, and those that hold its first artist."""
    tokens, members = affinity.model.tokens, affinity.model.space.artist_holders
    tracks = np.diff(affinity.model.space.holders.indptr)[affinity.seeds]
    by_artist = [*np.diff(members.tocsr().indptr).tolist(), 0]
    artists = tokens.artist[affinity.seeds].tolist()
    return tracks.tolist(), [by_artist[min(each, members.shape[0])] for each in artists]


def _artists_together(affinity: Affinity, rows: Rows) -> NDArray[np.float32]:
    """Count the playlists with the first artists of both a row and a seed, float32 (k, m).

    0 for an unknown artist, and for the same artist, which another kind of fact states.
    """
    tokens, members = affinity.model.tokens, affinity.model.space.artist_holders
    row_artists, seed_artists = tokens.artist[rows], tokens.artist[affinity.seeds]
    unknown = members.shape[0]
    left, right = (
        np.where(artists < unknown, artists, 0).astype(np.int64)
        for artists in (row_artists, seed_artists)
    )
    met = product_with(members, left, right)
    known = (row_artists < unknown)[:, None] & (seed_artists < unknown)[None, :]
    known &= row_artists[:, None] != seed_artists
    return np.asarray(met * known, dtype=np.float32)
