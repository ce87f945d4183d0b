"""Packs tokens, playlists and taste into the arrays that compiled code reads."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quintet_engine.collaborative.space import PlaylistSpace
from quintet_engine.collaborative.taste import Taste
from quintet_engine.collaborative.tokens import FACTS, Tokens
from quintet_engine.kernel.layout import Learned, Lists, Weighted, fixed

# Kinds of sound of a track.
_CLUSTERS = 3
# Rows that a linear map between two 13-dimensional spaces is fitted on: enough for every digit.
_FITTED = 4096


def learned_arrays(tokens: Tokens, space: PlaylistSpace, taste: Taste) -> Learned:
    """Pack what was learned from playlists; see `layout.Learned`."""
    clusters, shares = _clusters(tokens.kinds["audio"])
    rarity, scale = _rarity(tokens.kinds["word"])
    return Learned(
        sound=_sound(tokens, space),
        names=fixed(np.column_stack((tokens.artist, tokens.album)), np.int32),
        clusters=clusters,
        shares=shares,
        words=_lists(tokens.kinds["word"]),
        word_scale=scale,
        rarity=rarity,
        holders=_lists(space.holders),
        artists=_artists(tokens, space),
        albums=_albums(tokens),
        by_artist=_weighted(space.rows["artist"]),
        by_album=_weighted(space.rows["album"]),
        by_word=_weighted(space.rows["word"]),
        by_year=_weighted(space.rows["year"]),
        by_cluster=_weighted(space.rows["audio"]),
        taste=fixed(taste.places.view(np.uint16), np.uint16),
        taste_places=fixed(np.arange(len(taste.places)), np.int32),
        whitening=_whitening(tokens),
        regression=fixed(taste.regression, np.float32),
        triangle=fixed(taste.triangle, np.float32),
    )


def _sound(tokens: Tokens, space: PlaylistSpace) -> NDArray[np.float32]:
    lengths = np.linalg.norm(tokens.sound, axis=1)
    rank = tokens.facts[:, FACTS.index("artist_popularity_rank")]
    return fixed(np.column_stack((tokens.shaped, lengths, rank, space.counts)), np.float32)


def _whitening(tokens: Tokens) -> NDArray[np.float32]:
    """Find the affine map from `Tokens.shaped` to `Tokens.sound`, float32 (14, 13)."""
    rows = np.linspace(0, len(tokens.shaped) - 1, min(_FITTED, len(tokens.shaped))).astype(np.int64)
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


def _lists(matrix: sp.csr_matrix) -> Lists:
    return Lists(fixed(matrix.indptr, np.int32), fixed(matrix.indices, np.int32))


def _weighted(matrix: sp.csr_matrix) -> Weighted:
    parts: tuple[Any, ...] = (matrix.indptr, matrix.indices, matrix.data)
    dtypes = (np.int32, np.int32, np.float32)
    return Weighted(*(fixed(part, dtype) for part, dtype in zip(parts, dtypes, strict=True)))
