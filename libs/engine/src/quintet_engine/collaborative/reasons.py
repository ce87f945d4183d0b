"""What playlists say of a track, as a clause of its sentence."""

from collections.abc import Iterator
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
    together = affinity.co_occurrences(rows)
    artists = _artists_together(affinity, rows)
    places = affinity.model.taste
    taste = places.of(rows) @ places.of(affinity.seeds).T
    titles = [f"'{title}'" for title in affinity.catalogue.titles(affinity.seeds)]
    names = [_first_artist(affinity.catalogue, row) for row in affinity.seeds.tolist()]
    found = zip(rows.tolist(), _most(together), _most(artists), _most(taste), strict=True)
    return [
        _tracks(*by_track, titles)
        or _artists(affinity.catalogue, row, *by_artist, names)
        or _taste(*by_taste, titles)
        for row, by_track, by_artist, by_taste in found
    ]


def _most(values: NDArray[np.float32]) -> Iterator[tuple[int, float]]:
    """Returns for each row of (k, m) the seed with the greatest value, and that value."""
    return zip(values.argmax(axis=1).tolist(), values.max(axis=1).tolist(), strict=True)


def _artists_together(affinity: Affinity, rows: Rows) -> NDArray[np.float32]:
    """Returns in how many playlists first artists stand together with each seed's, (k, m)."""
    tokens, members = affinity.model.tokens, affinity.model.space.artist_holders
    ours, theirs = tokens.artist[rows], tokens.artist[affinity.seeds]
    unknown = members.shape[0]
    left, right = (np.where(a < unknown, a, 0).astype(np.int64) for a in (ours, theirs))
    met = product_with(members, left, right)
    known = (ours < unknown)[:, None] & (theirs < unknown)[None, :] & (ours[:, None] != theirs)
    return np.asarray(met * known, dtype=np.float32)


def _tracks(seed: int, count: float, titles: list[str]) -> str:
    return f"in {_playlists(count)} with {titles[seed]}" if count else ""


def _artists(catalogue: Catalogue, row: int, seed: int, count: float, names: list[str]) -> str:
    if not count:
        return ""
    return f"{_first_artist(catalogue, row)} is in {_playlists(count)} with {names[seed]}"


def _first_artist(catalogue: Catalogue, row: int) -> str:
    """Returns the name of a row's first artist; empty where it has none."""
    artist = int(catalogue.first_artist[row])
    return catalogue.artist_title(row, artist) if artist >= 0 else ""


def _taste(seed: int, cosine: float, titles: list[str]) -> str:
    return f"near {titles[seed]} in listeners' taste" if cosine >= NEAR_TASTE else ""


def _playlists(count: float) -> str:
    return "a playlist" if count == 1 else f"{count:.0f} playlists"
