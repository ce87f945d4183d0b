"""Packs tokens, playlists and taste into the arrays that compiled code reads."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quintet_engine.catalogue import entries_of
from quintet_engine.collaborative.content import ContentPool
from quintet_engine.collaborative.space import PlaylistSpace
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import FACTS, Tokens
from quintet_engine.kernel.layout import (
    ARTIST_POPULARITY,
    FIRST_YEAR,
    NO_YEAR,
    YEAR,
    Learned,
    Listed,
    Lists,
    Pool,
    Tracks,
    Weighted,
    fixed,
)

# Kinds of sound of a track.
_CLUSTERS = 3
# Rows that a linear map between two 13-dimensional spaces is fitted on: enough for every digit.
_FITTED = 4096


def learned_arrays(tokens: Tokens, space: PlaylistSpace, taste: Taste) -> Learned:
    """Pack what was learned from playlists; see `layout.Learned`."""
    clusters, shares = _clusters(tokens.kinds["audio"])
    # Words are numbered by how many playlists have them, see `layout.Listed`.
    order = by_length(space.rows["word"])
    by_word, words = space.rows["word"][order], tokens.kinds["word"][:, order]
    rarity, scale = _rarity(words)
    return Learned(
        sound=_sound(tokens, space),
        names=fixed(np.column_stack((tokens.artist, tokens.album)), np.int32),
        clusters=clusters,
        shares=shares,
        words=lists_of(words),
        word_scale=scale,
        rarity=rarity,
        holders=lists_of(space.holders),
        artists=_artists(tokens, space),
        albums=_albums(tokens),
        by_artist=_weighted(space.rows["artist"]),
        by_album=_weighted(space.rows["album"]),
        by_word=_weighted(by_word),
        by_year=_weighted(space.rows["year"]),
        by_cluster=_weighted(space.rows["audio"]),
        taste=fixed(taste.places.view(np.uint16), np.uint16),
        taste_places=fixed(np.arange(len(taste.places)), np.int32),
        whitening=_whitening(tokens),
        regression=fixed(taste.regression, np.float32),
        triangle=fixed(taste.triangle, np.float32),
    )


def listed_arrays(space: PlaylistSpace, learned: Learned) -> Listed:
    """Pack the tracks and artists on playlists; see `layout.Listed`."""
    rows = by_length(space.holders)
    rows = rows[np.diff(space.holders.indptr)[rows] > 0]
    artists = by_length(space.rows["artist"])
    artists = artists[np.diff(space.rows["artist"].indptr)[artists] > 0]
    return Listed(
        fixed(rows, np.int32),
        lists_of(space.holders[rows]),
        fixed(artists, np.int32),
        _weighted(space.rows["artist"][artists]),
        fixed(learned.artists[artists, ARTIST_POPULARITY], np.float32),
    )


def pool_arrays(pool: ContentPool, tracks: Tracks, learned: Learned) -> Pool:
    """Pack the content pool; see `layout.Pool`."""
    sizes = np.diff(learned.words.starts)[pool.rows]
    order = np.argsort(sizes, kind="stable")
    rows = pool.rows[order]
    starts = np.concatenate(([0], np.cumsum(sizes[order])))
    words = learned.words.members[entries_of(learned.words.starts, rows)[0]]
    return Pool(
        fixed(rows, np.int32),
        fixed(pool.popularity[order], np.float32),
        fixed(_year_places(tracks.audio[rows, YEAR]), np.int16),
        fixed(learned.clusters[rows], np.int16),
        fixed(learned.shares[rows], np.float32),
        Lists(fixed(starts, np.int32), fixed(words, np.int32)),
        fixed(learned.word_scale[rows], np.float32),
    )


def _year_places(year: NDArray[np.float32]) -> NDArray[np.int64]:
    """Do as `numeric.year_place`, without the compiler."""
    base = np.nan_to_num(np.maximum(year, FIRST_YEAR), nan=FIRST_YEAR + NO_YEAR) - FIRST_YEAR
    return np.asarray(np.minimum(base, NO_YEAR), np.int64)


def by_length(matrix: sp.csr_matrix) -> NDArray[np.int64]:
    """Order the rows of a sparse matrix by their number of entries, equal ones by number."""
    return np.argsort(np.diff(matrix.indptr), kind="stable").astype(np.int64)


def _sound(tokens: Tokens, space: PlaylistSpace) -> NDArray[np.float32]:
    lengths = np.linalg.norm(tokens.sound, axis=1)
    rank = tokens.facts[:, FACTS.index("artist_popularity_rank")]
    return fixed(np.column_stack((tokens.shaped, lengths, rank, space.counts)), np.float32)


def _whitening(tokens: Tokens) -> NDArray[np.float32]:
    """Find the affine map from `Tokens.shaped` to `Tokens.sound`, float32 (14, 13).

    It holds for tracks that were analysed; the others have a sound of length 0.
    """
    analysed = np.flatnonzero(tokens.sound.any(axis=1))
    if not len(analysed):
        return fixed(np.zeros((tokens.shaped.shape[1] + 1, tokens.sound.shape[1])), np.float32)
    places = np.linspace(0, len(analysed) - 1, min(_FITTED, len(analysed))).astype(np.int64)
    rows = analysed[places]
    shaped = np.column_stack((tokens.shaped[rows], np.ones(len(rows)))).astype(np.float64)
    return fixed(np.linalg.lstsq(shaped, tokens.sound[rows].astype(np.float64))[0], np.float32)


def _clusters(kinds: sp.csr_matrix) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Lay out the kinds of sound of each track, padded by shares of 0."""
    count, each = kinds.shape[0], np.diff(kinds.indptr)
    clusters = np.zeros((count, _CLUSTERS), np.int16)
    shares = np.zeros((count, _CLUSTERS), np.float32)
    rows = np.repeat(np.arange(count), each)
    places = np.arange(len(rows)) - np.repeat(kinds.indptr[:-1], each)
    clusters[rows, places], shares[rows, places] = kinds.indices, kinds.data
    return fixed(clusters, np.int16), fixed(shares, np.float32)


def _rarity(words: sp.csr_matrix) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the words' inverse document frequency, and one over each track's tf-idf length."""
    used = np.bincount(words.indices, minlength=words.shape[1])
    rarity = np.log(words.shape[0] / (1.0 + used)).astype(np.float32)
    squares = sp.csr_matrix(
        (np.square(rarity)[words.indices], words.indices, words.indptr), shape=words.shape
    )
    lengths = np.sqrt(np.asarray(squares.sum(axis=1)).ravel())
    return fixed(rarity, np.float32), fixed(1.0 / np.maximum(lengths, 1e-9), np.float32)


def _artists(tokens: Tokens, space: PlaylistSpace) -> NDArray[np.float32]:
    names = ("artist_tracks", "artist_popularity")
    by_track = tokens.facts[:, [FACTS.index(name) for name in names]]
    facts = np.zeros((len(tokens.artist_sound), len(names)), np.float32)
    facts[tokens.artist] = by_track
    known = np.column_stack((space.artist_entries, space.artist_playlists, space.artist_squares))
    known = np.vstack((known, np.zeros((1, known.shape[1]), np.float32)))
    return fixed(np.column_stack((tokens.artist_sound, known, facts)), np.float32)


def _albums(tokens: Tokens) -> NDArray[np.float32]:
    names = ("album_tracks", "album_artists")
    facts = np.zeros((tokens.unknown_album + 1, len(names)), np.float32)
    facts[tokens.album] = tokens.facts[:, [FACTS.index(name) for name in names]]
    return fixed(facts, np.float32)


def lists_of(matrix: sp.csr_matrix) -> Lists:
    """Take the members of the rows of a sparse matrix of ones."""
    return Lists(fixed(matrix.indptr, np.int32), fixed(matrix.indices, np.int32))


def _weighted(matrix: sp.csr_matrix) -> Weighted:
    parts: tuple[Any, ...] = (matrix.indptr, matrix.indices, matrix.data)
    dtypes = (np.int32, np.int32, np.float32)
    return Weighted(*(fixed(part, dtype) for part, dtype in zip(parts, dtypes, strict=True)))
