"""Phrases for reasons that come from playlists."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from quintet_engine.catalogue import Catalogue, Rows
from quintet_engine.collaborative.affinity import Affinity
from quintet_engine.collaborative.products import product_with

NEAR_TASTE: Final = 0.5
"""From this cosine in the taste space on, listeners' taste is a reason."""


def playlist_phrases(affinity: Affinity, rows: Rows) -> list[str]:
    """Write, for each row, its strongest relation to a seed by playlists; "" if none.

    Playlists that hold both tracks come first, then playlists that hold both artists, then
    closeness in the taste space. Each phrase names its seed.
    """
    together = affinity.co_occurrences(rows)
    artists = _artists_together(affinity, rows)
    places = affinity.model.taste
    taste = places.of(rows) @ places.of(affinity.seeds).T
    titles = [f"'{title}'" for title in affinity.catalogue.titles(affinity.seeds)]
    names = [_first_artist(affinity.catalogue, row) for row in affinity.seeds.tolist()]
    columns = zip(
        rows.tolist(), _strongest(together), _strongest(artists), _strongest(taste), strict=True
    )
    return [
        _tracks(*by_track, titles)
        or _artists(affinity.catalogue, row, *by_artist, names)
        or _taste(*by_taste, titles)
        for row, by_track, by_artist, by_taste in columns
    ]


def _strongest(values: NDArray[np.float32]) -> Iterator[tuple[int, float]]:
    """Find, for each row of (k, m), the seed with the greatest value, and that value."""
    return zip(values.argmax(axis=1).tolist(), values.max(axis=1).tolist(), strict=True)


def _artists_together(affinity: Affinity, rows: Rows) -> NDArray[np.float32]:
    """Count the playlists with the first artists of both a row and a seed, float32 (k, m).

    0 for an unknown artist, and for the same artist, which the sentence names anyway.
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


def _tracks(seed: int, count: float, titles: list[str]) -> str:
    return f"in {_playlists(count)} with {titles[seed]}" if count else ""


def _artists(catalogue: Catalogue, row: int, seed: int, count: float, names: list[str]) -> str:
    if not count:
        return ""
    return f"{_first_artist(catalogue, row)} is in {_playlists(count)} with {names[seed]}"


def _first_artist(catalogue: Catalogue, row: int) -> str:
    """Look up the name of a row's first artist; empty if it has none."""
    artist = int(catalogue.first_artist[row])
    return catalogue.artist_title(row, artist) if artist >= 0 else ""


def _taste(seed: int, cosine: float, titles: list[str]) -> str:
    return f"near {titles[seed]} in listeners' taste" if cosine >= NEAR_TASTE else ""


def _playlists(count: float) -> str:
    return "a playlist" if count == 1 else f"{count:.0f} playlists"
