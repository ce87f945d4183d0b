"""What playlists say of a track, as a clause of its sentence."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.collaborative.affinity import Affinity
from quintet_engine.collaborative.products import product_with

NEAR_TASTE: Final = 0.5
"""From this cosine in the taste space on, listeners' taste is given as a reason."""


def clauses(affinity: Affinity, rows: Rows) -> list[str]:
    """Returns for each row the strongest thing that playlists say of it and a seed, or nothing.

    Playlists that hold both come first, then playlists that hold both artists, then nearness in
    the taste space; each names the seed it speaks of.
    """
    together = affinity.together(rows)
    artists = _artists_together(affinity, rows)
    places = affinity.learned.taste
    taste = places.of(rows) @ places.of(affinity.seeds).T
    titles = [f"'{title}'" for title in affinity.catalogue.titles(affinity.seeds)]
    names = [_first_artist(affinity.catalogue, row) for row in affinity.seeds.tolist()]
    return [
        _tracks(together[place], titles)
        or _artists(affinity.catalogue, row, artists[place], names)
        or _taste(taste[place], titles)
        for place, row in enumerate(rows.tolist())
    ]


def _artists_together(affinity: Affinity, rows: Rows) -> NDArray[np.float32]:
    """Returns in how many playlists first artists stand together with each seed's, (k, m)."""
    tokens, members = affinity.learned.tokens, affinity.learned.space.artist_holders
    ours, theirs = tokens.artist[rows], tokens.artist[affinity.seeds]
    unknown = members.shape[0]
    left, right = (np.where(a < unknown, a, 0).astype(np.int64) for a in (ours, theirs))
    met = product_with(members, left, right)
    known = (ours < unknown)[:, None] & (theirs < unknown)[None, :] & (ours[:, None] != theirs)
    return np.asarray(met * known, dtype=np.float32)


def _tracks(counts: NDArray[np.float32], titles: list[str]) -> str:
    seed = int(np.argmax(counts))
    count = int(counts[seed])
    if not count:
        return ""
    return f"in {_playlists(count)} with {titles[seed]}"


def _artists(catalogue: Catalogue, row: int, counts: NDArray[np.float32], names: list[str]) -> str:
    seed = int(np.argmax(counts))
    count = int(counts[seed])
    if not count:
        return ""
    return f"{_first_artist(catalogue, row)} is in {_playlists(count)} with {names[seed]}"


def _first_artist(catalogue: Catalogue, row: int) -> str:
    """Returns the name of a row's first artist; empty where it has none."""
    artist = int(catalogue.first_artist[row])
    return catalogue.artist_title(row, artist) if artist >= 0 else ""


def _taste(cosines: NDArray[np.float32], titles: list[str]) -> str:
    seed = int(np.argmax(cosines))
    return f"near {titles[seed]} in listeners' taste" if cosines[seed] >= NEAR_TASTE else ""


def _playlists(count: int) -> str:
    return "a playlist" if count == 1 else f"{count} playlists"
